/// Log lines as templates and columns of what varies in them, ready for a general compressor: the
/// text that repeats is stored once, numbers as numbers, ids in half their size. Exact for any bytes.
/// After CLP (Rodrigues et al., OSDI '21), but within one block and without a schema.
///
///     varint templates │ per template: varint slots, slots+1 texts (varint length, bytes)
///     │ per line: template, one byte when all fit, else two │ per template and slot: TextColumn
///
/// Template 0 is one slot that holds whole lines: those whose template few share.
package enum LineTemplates {
    /// Lines that must share a template for it to be worth its columns.
    static let lineCountMin = 4
    /// Templates of a block; lines of further ones are kept whole.
    static let templatesMax = 4_096

    /// Encodes lines; line i is bytes[lineEnds[i−1]..<lineEnds[i]], from the beginning.
    package static func encode(
        _ bytes: [UInt8], lineEnds: ArraySlice<UInt32>, tier: CodecTier
    ) -> [UInt8] {
        let slots = LineSlots(bytes, lineEnds: lineEnds)
        let lineStarts = [0] + lineEnds.map { Int($0) }
        // Which of the found templates are kept, in order of first occurrence.
        var numbers = [Int](repeating: 0, count: slots.lineCounts.count)
        var kept: [Int] = []
        for (template, count) in slots.lineCounts.enumerated()
        where count >= lineCountMin && kept.count + 1 < templatesMax {
            kept.append(template)
            numbers[template] = kept.count
        }
        var writer = ByteWriter(reserving: bytes.count / 2)
        writer.varint(UInt64(kept.count + 1))
        writer.varint(1)
        writer.varint(0)
        writer.varint(0)
        for template in kept {
            let line = Int(slots.firstLines[template])
            let own = slots.slots(ofLine: line)
            writer.varint(UInt64(own.count))
            var at = lineStarts[line]
            for slot in own {
                writer.lengthPrefixed(bytes[at..<Int(slots.starts[slot])])
                at = Int(slots.ends[slot])
            }
            writer.lengthPrefixed(bytes[at..<lineStarts[line + 1]])
        }
        var linesOf = [[Int]](repeating: [], count: kept.count + 1)
        for (line, template) in slots.templates.enumerated() {
            let number = numbers[Int(template)]
            linesOf[number].append(line)
            writer.u8(UInt8(truncatingIfNeeded: number))
            if kept.count >= 256 { writer.u8(UInt8(truncatingIfNeeded: number >> 8)) }
        }
        TextColumn.append(
            linesOf[0].map { lineStarts[$0]..<lineStarts[$0 + 1] }, of: bytes, tier: tier,
            to: &writer)
        for (number, template) in kept.enumerated() {
            let lines = linesOf[number + 1]
            for slot in 0..<slots.slots(ofLine: Int(slots.firstLines[template])).count {
                let ranges = lines.map { line in
                    let place = Int(slots.firstSlots[line]) + slot
                    return Int(slots.starts[place])..<Int(slots.ends[place])
                }
                TextColumn.append(ranges, of: bytes, tier: tier, to: &writer)
            }
        }
        return writer.bytes
    }

    /// Decodes `lineCount` lines of together `rawBytes` bytes: both known from elsewhere.
    package static func decode(
        _ reader: inout ByteReader, lineCount: Int, rawBytes: Int
    ) throws(EncodingError) -> (bytes: [UInt8], lineEnds: [UInt32]) {
        var lines = try TemplateLines(&reader, lineCount: lineCount, rawBytes: rawBytes)
        return try lines.all(&reader)
    }

    struct Template {
        /// The first of its `slotCount` + 1 texts, and of its columns.
        let firstText: Int
        let firstColumn: Int
        let slotCount: Int
        var lineCount = 0
    }
}
