internal import Encoding

/// How the lines of a query went so far: at each place of a line, which bytes came next there and
/// what key they led to. Lines of one program have the same keys in the same order, so mostly the
/// bytes between two values are those of the line before: one compare then takes the place of
/// reading a key and of looking it up.
///
/// A place is what was read last: the start of the line, the value of a key, or the opening brace
/// of one. What bytes lead to is a function of the place and of these bytes alone; whoever learns
/// a step must keep it so.
struct KeyTrail: Sendable {
    struct Step: Sendable {
        /// Key that the bytes lead to, `lineEnd`, or `unknown`.
        var key: Int32
        /// Objects around that key, for parsers of what nests.
        var depth: Int16
        /// Of the bytes, from `bytes[place * bytesMax]`.
        var byteCount: UInt16
    }

    static let lineEnd: Int32 = -1
    private static let unknown: Int32 = -2
    /// The longest piece that is remembered.
    static let bytesMax = 40
    /// Places that are remembered: at 48 bytes each 400 KB.
    static let placesMax = 1 << 13

    /// The start of a line.
    static let lineStart = 0
    /// Behind the value of `key`.
    @inline(__always)
    static func place(behind key: Int) -> Int { 2 * key + 1 }
    /// Behind the brace that opens the value of `key`.
    @inline(__always)
    static func place(inside key: Int) -> Int { 2 * key + 2 }

    private var steps: [Step] = []
    private var bytes: [UInt8] = []

    mutating func removeAll() {
        steps.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
    }

    /// The step from `place` if its bytes come next in `text[offset..<end]`.
    @inline(__always)
    func step(from place: Int, _ text: [UInt8], _ offset: Int, _ end: Int) -> Step? {
        guard place < steps.count else { return nil }
        let step = steps[place]
        let count = Int(step.byteCount)
        guard step.key != KeyTrail.unknown, count <= end &- offset,
            ByteScan.isEqual(
                text, at: offset, bytes, at: place &* KeyTrail.bytesMax, count: count)
        else { return nil }
        return step
    }

    /// Remembers that `text[range]` led from `place` to `key`.
    mutating func learn(
        _ place: Int, _ text: [UInt8], _ range: Range<Int>, key: Int32, depth: Int
    ) {
        guard place < KeyTrail.placesMax, range.count <= KeyTrail.bytesMax else { return }
        while steps.count <= place {
            steps.append(Step(key: KeyTrail.unknown, depth: 0, byteCount: 0))
            bytes.append(contentsOf: repeatElement(0, count: KeyTrail.bytesMax))
        }
        steps[place] = Step(
            key: key, depth: Int16(truncatingIfNeeded: depth), byteCount: UInt16(range.count))
        let start = place * KeyTrail.bytesMax
        bytes.replaceSubrange(start..<start + range.count, with: text[range])
    }
}
