/// The forms that log lines have: what is left of them when numbers, hexadecimal ids and UUIDs are
/// taken out (`LineSlots`), with `<_>` in their places.
package struct LinePatterns: Sendable {
    /// In order of first occurrence, each once.
    package private(set) var patterns: [[UInt8]] = []
    /// Of line i: which of `patterns`.
    package private(set) var numbers: [UInt32] = []

    /// What stands for that which varies.
    package static let wildcard = Array("<_>".utf8)

    /// Of lines; line i is bytes[lineEnds[i−1]..<lineEnds[i]], from the beginning. O(bytes).
    package init(_ bytes: [UInt8], lineEnds: ArraySlice<UInt32>) {
        let slots = LineSlots(bytes, lineEnds: lineEnds)
        let ends = Array(lineEnds)
        var known: [[UInt8]: UInt32] = [:]
        var renumbered: [UInt32] = []
        for first in slots.firstLines {
            let line = Int(first)
            var pattern: [UInt8] = []
            var place = line == 0 ? 0 : Int(ends[line - 1])
            for slot in slots.slots(ofLine: line) {
                pattern.append(contentsOf: bytes[place..<Int(slots.starts[slot])])
                pattern.append(contentsOf: LinePatterns.wildcard)
                place = Int(slots.ends[slot])
            }
            pattern.append(contentsOf: bytes[place..<Int(ends[line])])
            let number = known[pattern] ?? UInt32(patterns.count)
            if number == patterns.count {
                known[pattern] = number
                patterns.append(pattern)
            }
            renumbered.append(number)
        }
        numbers = slots.templates.map { renumbered[Int($0)] }
    }
}
