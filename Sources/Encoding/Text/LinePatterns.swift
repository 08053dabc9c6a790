/// What log lines have in common: by `LineSlots`, the texts of a batch of lines with what varies in
/// them left out.
package struct LinePatterns: Sendable {
    /// What stands for a part that varies: LogQL's own sign for it.
    package static let slot = Array("<_>".utf8)

    /// Of each template: its text with `slot` for each run of what varies.
    package let texts: [[UInt8]]
    /// Of each line: its template.
    package let numbers: [UInt32]

    /// Line i is bytes[lineEnds[i−1]..<lineEnds[i]], from the beginning.
    package init(_ bytes: [UInt8], lineEnds: ArraySlice<UInt32>) {
        let slots = LineSlots(bytes, lineEnds: lineEnds)
        numbers = slots.templates
        texts = slots.firstLines.map { line in
            let place = lineEnds.startIndex + Int(line)
            var at = line == 0 ? 0 : Int(lineEnds[place - 1])
            var text: [UInt8] = []
            for slot in slots.slots(ofLine: Int(line)) {
                let start = Int(slots.starts[slot])
                // Two slots without a text between them are one to a reader.
                if start > at || text.isEmpty || !text.suffix(3).elementsEqual(LinePatterns.slot) {
                    text += bytes[at..<start]
                    text += LinePatterns.slot
                }
                at = Int(slots.ends[slot])
            }
            return text + bytes[at..<Int(lineEnds[place])]
        }
    }
}
