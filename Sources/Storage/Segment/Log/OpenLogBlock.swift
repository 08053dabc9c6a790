internal import Encoding
internal import Model

/// A block of a log segment that has been checked, its sections expanded when they are asked for: a
/// search reads a block for a few lines, or for none.
struct OpenLogBlock {
    let lineCount: Int
    let rawBytes: Int
    private let rowsSection: Section
    private let metadataSection: Section
    private let textSection: Section

    init(_ block: [UInt8]) throws(EncodingError) {
        var reader = ByteReader(block)
        let expected = try reader.u32()
        guard CRC32C.checksum(of: reader.rest) == expected else {
            throw EncodingError.corrupt(what: "block checksum", offset: 0)
        }
        lineCount = try reader.count(limit: StorageLimits.logBlockLinesMax)
        rawBytes = try reader.count(limit: StorageLimits.blockBytesMax)
        rowsSection = try Section(&reader)
        metadataSection = try Section(&reader)
        textSection = try Section(&reader)
    }

    /// A section as it is stored.
    struct Section {
        private let compression: LogBlock.Compression
        private let byteCount: Int
        private let stored: ArraySlice<UInt8>

        init(_ reader: inout ByteReader) throws(EncodingError) {
            let place = reader.offset
            guard let compression = LogBlock.Compression(rawValue: try reader.u8()) else {
                throw EncodingError.corrupt(what: "compression", offset: place)
            }
            self.compression = compression
            byteCount = try reader.count(limit: StorageLimits.blockBytesMax)
            stored = try reader.lengthPrefixed()
            guard compression != .none || stored.count == byteCount else {
                throw EncodingError.corrupt(what: "section length", offset: place)
            }
        }

        func content() throws(EncodingError) -> [UInt8] {
            switch compression {
            case .none: Array(stored)
            case .zstd: try ZstdFrame.decompress(stored, count: byteCount)
            }
        }
    }

    // MARK: Rows

    /// Streams and timestamps of all lines, which have neither text nor metadata yet.
    func rows() throws(EncodingError) -> LineColumns {
        var reader = ByteReader(try rowsSection.content())
        var lines = LineColumns()
        let runs = try reader.count(limit: lineCount)
        var stream: UInt64 = 0
        lines.streamIndexes.reserveCapacity(lineCount)
        for _ in 0..<runs {
            let delta = try reader.varint()
            let length = try reader.count(limit: lineCount - lines.streamIndexes.count)
            guard delta <= UInt64(UInt32.max) - stream else {
                throw EncodingError.corrupt(what: "stream", offset: reader.offset)
            }
            stream += delta
            lines.streamIndexes.append(contentsOf: repeatElement(UInt32(stream), count: length))
        }
        guard lines.streamIndexes.count == lineCount else {
            throw EncodingError.corrupt(what: "runs", offset: reader.offset)
        }
        let unit = Int64(bitPattern: try reader.varint())
        guard unit > 0 else { throw EncodingError.corrupt(what: "unit", offset: reader.offset) }
        try IntegerCodec.decode(&reader, count: lineCount, into: &lines.timestamps)
        if unit > 1 {
            for row in 0..<lineCount { lines.timestamps[row] &*= unit }
        }
        return lines
    }

    // MARK: Metadata

    /// Puts the metadata of the lines `wanted`, ascending, or of all, into `lines`, which are these.
    func readMetadata(
        of wanted: [UInt32]?, into lines: inout LineColumns
    ) throws(EncodingError) {
        let content = try metadataSection.content()
        lines.metadataBytes = []
        guard !content.isEmpty else {
            lines.metadataEnds = [UInt32](repeating: 0, count: wanted?.count ?? lineCount)
            return
        }
        lines.metadataEnds = []
        var reader = ByteReader(content)
        let setCount = try reader.count(limit: lineCount)
        var sets: [ArraySlice<UInt8>] = []
        for _ in 0..<setCount { sets.append(try reader.lengthPrefixed()) }
        func append(_ number: Int) throws(EncodingError) {
            guard number < setCount else {
                throw EncodingError.corrupt(what: "metadata", offset: reader.offset)
            }
            guard lines.metadataBytes.count + sets[number].count <= StorageLimits.blockBytesMax
            else { throw EncodingError.tooLarge(limit: StorageLimits.blockBytesMax) }
            lines.metadataBytes.append(contentsOf: sets[number])
            lines.metadataEnds.append(UInt32(lines.metadataBytes.count))
        }
        if let wanted, setCount <= 128 {
            // A byte for each line.
            let numbers = try reader.slice(lineCount)
            for row in wanted { try append(Int(numbers[numbers.startIndex + Int(row)])) }
            return
        }
        var next = 0
        for row in 0..<lineCount {
            let number = try reader.count(limit: setCount)
            if let wanted {
                guard next < wanted.count else { return }
                guard wanted[next] == row else { continue }
                next += 1
            }
            try append(number)
        }
    }

    // MARK: Text

    /// The lines of a block, in the form they are stored in.
    enum Text {
        case plain(bytes: [UInt8], lineEnds: [UInt32])
        case templates(TemplateLines)

        /// All lines.
        consuming func lines() throws(EncodingError) -> (bytes: [UInt8], lineEnds: [UInt32]) {
            switch consume self {
            case .plain(let bytes, let lineEnds): return (bytes, lineEnds)
            case .templates(var templates): return try templates.all()
            }
        }
    }

    /// `memory`, of blocks that are done with, goes into what is returned.
    func text(
        _ memory: consuming TemplateMemory = TemplateMemory()
    ) throws(EncodingError) -> Text {
        var reader = ByteReader(try textSection.content())
        switch LogBlock.TextForm(rawValue: try reader.u8()) {
        case .templates:
            return .templates(
                try TemplateLines(
                    &reader, lineCount: lineCount, rawBytes: rawBytes, memory: memory))
        case nil: throw EncodingError.corrupt(what: "text form", offset: 0)
        case .plain: break
        }
        var ends: [UInt32] = []
        var end = 0
        ends.reserveCapacity(lineCount)
        for _ in 0..<lineCount {
            end += try reader.count(limit: rawBytes - end)
            ends.append(UInt32(end))
        }
        guard end == rawBytes, reader.remaining == rawBytes else {
            throw EncodingError.corrupt(what: "text length", offset: reader.offset)
        }
        return .plain(bytes: Array(reader.rest), lineEnds: ends)
    }
}
