internal import Encoding
internal import Model

/// The bytes of one block of a log segment and back. Lines of one or more streams of one tenant,
/// ordered by stream, then timestamp, then arrival. Format: docs/format/log-segment.md.
///
///     u32 CRC-32C of what follows │ varint lines │ varint raw bytes │ sections: rows, metadata, text
///     section: u8 compression │ varint bytes expanded │ varint bytes stored │ stored
enum LogBlock {
    /// How the text section holds the lines.
    enum TextForm: UInt8 {
        /// Lengths, then the lines end to end.
        case plain = 0
        /// Templates and columns of variables (`LineTemplates`).
        case templates = 1
    }

    /// How a section is stored.
    enum Compression: UInt8 {
        case none = 0
        case lz4 = 1
    }

    /// Which parts of a block are wanted.
    struct Parts: OptionSet {
        var rawValue: UInt8
        static let metadata = Parts(rawValue: 1)
        static let text = Parts(rawValue: 2)
        static let all: Parts = [.metadata, .text]
    }

    /// Encodes `lines`, of which `streamIndexes` ascend.
    static func encode(_ lines: LineColumns, level: LZ4Block.Level) -> [UInt8] {
        var writer = ByteWriter(reserving: lines.bytes.count / 4 + 64)
        writer.u32(0)
        writer.varint(UInt64(lines.count))
        writer.varint(UInt64(lines.bytes.count))
        append(rows(of: lines, level: level), level: level, to: &writer)
        append(metadata(of: lines), level: level, to: &writer)
        append(text(of: lines, level: level), level: level, to: &writer)
        writer.patch(u32: CRC32C.checksum(of: writer.bytes[4...]), at: 0)
        return writer.bytes
    }

    /// Checks and decodes a block. Parts that are not wanted stay empty.
    static func decode(
        _ block: [UInt8], parts: Parts = .all
    ) throws(EncodingError) -> LineColumns {
        var reader = ByteReader(block)
        let expected = try reader.u32()
        guard CRC32C.checksum(of: reader.rest) == expected else {
            throw EncodingError.corrupt(what: "block checksum", offset: 0)
        }
        let count = try reader.count(limit: StorageLimits.logBlockLinesMax)
        let rawBytes = try reader.count(limit: StorageLimits.blockBytesMax)
        var lines = LineColumns()
        try readRows(try section(&reader), count: count, into: &lines)
        if parts.contains(.metadata) {
            try readMetadata(try section(&reader), count: count, into: &lines)
        } else {
            try skipSection(&reader)
            lines.metadataEnds = [UInt32](repeating: 0, count: count)
        }
        guard parts.contains(.text) else { return lines }
        try readText(try section(&reader), count: count, rawBytes: rawBytes, into: &lines)
        return lines
    }

    /// Stored bytes of the sections of a block.
    struct Sizes {
        var rows = 0
        var metadata = 0
        var text = 0
        var form = TextForm.plain
    }

    /// Of a block that `decode` accepts.
    static func sizes(of block: [UInt8]) throws(EncodingError) -> Sizes {
        var reader = ByteReader(block)
        try reader.skip(4)
        _ = try reader.varint()
        _ = try reader.varint()
        var sizes = Sizes()
        var start = reader.offset
        try skipSection(&reader)
        sizes.rows = reader.offset - start
        start = reader.offset
        try skipSection(&reader)
        sizes.metadata = reader.offset - start
        start = reader.offset
        let text = try section(&reader)
        sizes.text = reader.offset - start
        sizes.form = text.first.flatMap(TextForm.init) ?? .plain
        return sizes
    }

    private static func append(
        _ content: [UInt8], level: LZ4Block.Level, to writer: inout ByteWriter
    ) {
        var stored = content
        var compression = Compression.none
        if content.count >= 32 {
            let packed = LZ4Block.compress(content, level: level)
            if packed.count < content.count {
                stored = packed
                compression = .lz4
            }
        }
        writer.u8(compression.rawValue)
        writer.varint(UInt64(content.count))
        writer.lengthPrefixed(stored)
    }

    private static func section(_ reader: inout ByteReader) throws(EncodingError) -> [UInt8] {
        let place = reader.offset
        guard let compression = Compression(rawValue: try reader.u8()) else {
            throw EncodingError.corrupt(what: "compression", offset: place)
        }
        let count = try reader.count(limit: StorageLimits.blockBytesMax)
        let stored = try reader.lengthPrefixed()
        switch compression {
        case .none:
            guard stored.count == count else {
                throw EncodingError.corrupt(what: "section length", offset: place)
            }
            return Array(stored)
        case .lz4:
            var content: [UInt8] = []
            try LZ4Block.decompress(stored, into: &content, count: count)
            return content
        }
    }

    private static func skipSection(_ reader: inout ByteReader) throws(EncodingError) {
        _ = try reader.u8()
        _ = try reader.varint()
        _ = try reader.lengthPrefixed()
    }

    // MARK: Rows

    /// varint runs │ per run: varint stream delta, varint lines │ varint unit
    /// │ timestamps ÷ unit as integers. The unit is what divides all timestamps: clocks that tick
    /// in ms or s cost accordingly.
    private static func rows(
        of lines: LineColumns, level: LZ4Block.Level
    ) -> [UInt8] {
        var writer = ByteWriter()
        var runs: [(stream: UInt32, count: Int)] = []
        for stream in lines.streamIndexes {
            if let last = runs.last, last.stream == stream {
                runs[runs.count - 1].count += 1
            } else {
                runs.append((stream, 1))
            }
        }
        writer.varint(UInt64(runs.count))
        var previous: UInt32 = 0
        for run in runs {
            writer.varint(UInt64(run.stream - previous))
            writer.varint(UInt64(run.count))
            previous = run.stream
        }
        let unit = commonUnit(lines.timestamps)
        writer.varint(UInt64(unit))
        IntegerCodec.encode(
            lines.timestamps.map { $0 / unit }, tier: level == .high ? .dense : .hot,
            into: &writer)
        return writer.bytes
    }

    private static func commonUnit(_ timestamps: [Int64]) -> Int64 {
        for unit: Int64 in [1_000_000_000, 1_000_000, 1_000]
        where timestamps.allSatisfy({ $0 % unit == 0 }) { return unit }
        return 1
    }

    private static func readRows(
        _ content: [UInt8], count: Int, into lines: inout LineColumns
    ) throws(EncodingError) {
        var reader = ByteReader(content)
        let runs = try reader.count(limit: count)
        var stream: UInt64 = 0
        lines.streamIndexes.reserveCapacity(count)
        for _ in 0..<runs {
            let delta = try reader.varint()
            let length = try reader.count(limit: count - lines.streamIndexes.count)
            guard delta <= UInt64(UInt32.max) - stream else {
                throw EncodingError.corrupt(what: "stream", offset: reader.offset)
            }
            stream += delta
            lines.streamIndexes.append(contentsOf: repeatElement(UInt32(stream), count: length))
        }
        guard lines.streamIndexes.count == count else {
            throw EncodingError.corrupt(what: "runs", offset: reader.offset)
        }
        let unit = Int64(bitPattern: try reader.varint())
        guard unit > 0 else { throw EncodingError.corrupt(what: "unit", offset: reader.offset) }
        try IntegerCodec.decode(&reader, count: count, into: &lines.timestamps)
        if unit > 1 {
            for row in 0..<count { lines.timestamps[row] &*= unit }
        }
    }

    // MARK: Metadata

    /// varint sets │ each: length, bytes │ per line: varint set. Empty when no line has metadata.
    private static func metadata(of lines: LineColumns) -> [UInt8] {
        guard !lines.metadataBytes.isEmpty else { return [] }
        var numbers: [ArraySlice<UInt8>: Int] = [:]
        var sets = ByteWriter()
        var rows = ByteWriter()
        for row in 0..<lines.count {
            let set = lines.metadataBytes[lines.metadataRange(row)]
            let number = numbers[set] ?? numbers.count
            if number == numbers.count, numbers[set] == nil {
                numbers[set] = number
                sets.lengthPrefixed(set)
            }
            rows.varint(UInt64(number))
        }
        var writer = ByteWriter()
        writer.varint(UInt64(numbers.count))
        writer.raw(sets.bytes)
        writer.raw(rows.bytes)
        return writer.bytes
    }

    private static func readMetadata(
        _ content: [UInt8], count: Int, into lines: inout LineColumns
    ) throws(EncodingError) {
        guard !content.isEmpty else {
            lines.metadataEnds = [UInt32](repeating: 0, count: count)
            return
        }
        var reader = ByteReader(content)
        let setCount = try reader.count(limit: count)
        var sets: [ArraySlice<UInt8>] = []
        for _ in 0..<setCount { sets.append(try reader.lengthPrefixed()) }
        for _ in 0..<count {
            let number = try reader.count(limit: setCount)
            guard number < setCount else {
                throw EncodingError.corrupt(what: "metadata", offset: reader.offset)
            }
            guard lines.metadataBytes.count + sets[number].count <= StorageLimits.blockBytesMax
            else { throw EncodingError.tooLarge(limit: StorageLimits.blockBytesMax) }
            lines.metadataBytes.append(contentsOf: sets[number])
            lines.metadataEnds.append(UInt32(lines.metadataBytes.count))
        }
    }

    // MARK: Text

    /// Both forms are tried on the first lines; the one that packs smaller is taken for all.
    private static func text(of lines: LineColumns, level: LZ4Block.Level) -> [UInt8] {
        let tier: CodecTier = level == .high ? .dense : .hot
        var sample = lines.lineEnds.count
        if lines.bytes.count > StorageLimits.logSampleBytes {
            sample = lines.lineEnds.firstIndex { $0 > StorageLimits.logSampleBytes } ?? sample
        }
        guard sample > 0 else { return plainText(of: lines, count: lines.count) }
        let plain = LZ4Block.compress(plainText(of: lines, count: sample)).count
        let templates = templateText(of: lines, count: sample, tier: tier)
        if LZ4Block.compress(templates).count < plain {
            return sample == lines.count
                ? templates : templateText(of: lines, count: lines.count, tier: tier)
        }
        return plainText(of: lines, count: lines.count)
    }

    private static func plainText(of lines: LineColumns, count: Int) -> [UInt8] {
        let end = count == 0 ? 0 : Int(lines.lineEnds[count - 1])
        var writer = ByteWriter(reserving: end + 2 * count + 1)
        writer.u8(TextForm.plain.rawValue)
        var start: UInt32 = 0
        for end in lines.lineEnds.prefix(count) {
            writer.varint(UInt64(end - start))
            start = end
        }
        writer.raw(lines.bytes[..<end])
        return writer.bytes
    }

    private static func templateText(
        of lines: LineColumns, count: Int, tier: CodecTier
    ) -> [UInt8] {
        [TextForm.templates.rawValue]
            + LineTemplates.encode(lines.bytes, lineEnds: lines.lineEnds[..<count], tier: tier)
    }

    private static func readText(
        _ content: [UInt8], count: Int, rawBytes: Int, into lines: inout LineColumns
    ) throws(EncodingError) {
        var reader = ByteReader(content)
        switch TextForm(rawValue: try reader.u8()) {
        case .templates:
            (lines.bytes, lines.lineEnds) = try LineTemplates.decode(
                &reader, lineCount: count, rawBytes: rawBytes)
            return
        case nil: throw EncodingError.corrupt(what: "text form", offset: 0)
        case .plain: break
        }
        var end = 0
        lines.lineEnds.reserveCapacity(count)
        for _ in 0..<count {
            end += try reader.count(limit: rawBytes - end)
            lines.lineEnds.append(UInt32(end))
        }
        guard end == rawBytes, reader.remaining == rawBytes else {
            throw EncodingError.corrupt(what: "text length", offset: reader.offset)
        }
        lines.bytes = Array(reader.rest)
    }
}
