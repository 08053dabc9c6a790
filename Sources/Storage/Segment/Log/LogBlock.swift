internal import Encoding
internal import Model

/// The bytes of one block of a log segment and back. Lines of one or more streams of one tenant,
/// ordered by stream, then timestamp, then arrival. Format: docs/format/log-segment.md.
///
///     u32 CRC-32C of what follows │ varint lines │ varint raw bytes │ sections: rows, metadata, text
///     section: u8 compression │ varint bytes expanded │ varint bytes stored │ stored
/// `LogBlockEncoder` writes them.
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
        case zstd = 2
    }

    /// Which parts of a block are wanted.
    struct Parts: OptionSet {
        var rawValue: UInt8
        static let metadata = Parts(rawValue: 1)
        static let text = Parts(rawValue: 2)
        static let all: Parts = [.metadata, .text]
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
        case .zstd:
            return try ZstdFrame.decompress(stored, count: count)
        }
    }

    private static func skipSection(_ reader: inout ByteReader) throws(EncodingError) {
        _ = try reader.u8()
        _ = try reader.varint()
        _ = try reader.lengthPrefixed()
    }

    // MARK: Rows

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
