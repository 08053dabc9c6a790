internal import Encoding
internal import Model

/// The bytes of one block of a log segment and back. Lines of one or more streams of one tenant,
/// ordered by stream, then timestamp, then arrival. Format: docs/format/log-segment.md.
///
///     u32 CRC-32C of what follows │ varint lines │ varint raw bytes │ sections: rows, metadata, text
///     section: u8 compression │ varint bytes expanded │ varint bytes stored │ stored
/// `LogBlockEncoder` writes them, `OpenLogBlock` reads them.
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

    /// Checks and decodes a block.
    static func decode(_ block: [UInt8]) throws(EncodingError) -> LineColumns {
        let opened = try OpenLogBlock(block)
        var lines = try opened.rows()
        try opened.readMetadata(of: nil, into: &lines)
        (lines.bytes, lines.lineEnds) = try opened.text().lines()
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
        let text = try OpenLogBlock.Section(&reader)
        sizes.text = reader.offset - start
        sizes.form = try text.content().first.flatMap(TextForm.init) ?? .plain
        return sizes
    }

    private static func skipSection(_ reader: inout ByteReader) throws(EncodingError) {
        _ = try reader.u8()
        _ = try reader.varint()
        _ = try reader.lengthPrefixed()
    }
}
