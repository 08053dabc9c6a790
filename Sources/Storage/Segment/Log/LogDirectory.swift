internal import Encoding
internal import Model

/// The tail of a log segment's data file: where its blocks are and what bounds them, the streams,
/// and totals. Format: docs/format/log-segment.md.
struct LogDirectory: Sendable {
    /// The first eight bytes of a file.
    static let magic: [UInt8] = Array("VARVLOG1".utf8)
    static let formatVersion: UInt32 = 2
    static let trailerBytes = 40

    struct Block: Sendable, Equatable {
        var offset: Int
        var storedBytes: Int
        var rawBytes: Int
        var lineCount: Int
        var firstStream: UInt32
        var lastStream: UInt32
        /// Least and greatest timestamp.
        var first: Int64
        var last: Int64
    }

    var blocks: [Block] = []
    var streamCount = 0
    /// Where the stream table lies and how long it is, for rebuilding the index.
    var streamsOffset = 0
    var streamsBytes = 0
    var directoryBytes = 0

    var lineCount: Int { blocks.reduce(0) { $0 + $1.lineCount } }
    var rawBytes: Int { blocks.reduce(0) { $0 + $1.rawBytes } }

    /// Appends stream table, directory and trailer to the data of the blocks.
    static func append(
        blocks: [Block], streams: [IndexedSeries], to data: inout ByteWriter
    ) {
        let table = streamTable(streams)
        let streamsOffset = data.count
        data.raw(table)
        var writer = ByteWriter()
        writer.varint(UInt64(blocks.count))
        var stream: UInt32 = 0
        var time: Int64 = 0
        for block in blocks {
            writer.varint(UInt64(block.storedBytes))
            writer.varint(UInt64(block.rawBytes))
            writer.varint(UInt64(block.lineCount))
            writer.varint(UInt64(block.firstStream - stream))
            writer.varint(UInt64(block.lastStream - block.firstStream))
            writer.zigzag(block.first &- time)
            writer.varint(UInt64(bitPattern: block.last &- block.first))
            stream = block.firstStream
            time = block.first
        }
        let directory = DictionaryPage.seal(writer.bytes)
        let directoryOffset = data.count
        data.raw(directory)
        var trailer = ByteWriter()
        trailer.u64(UInt64(directoryOffset))
        trailer.u32(UInt32(directory.count))
        trailer.u32(UInt32(streams.count))
        trailer.u64(UInt64(streamsOffset))
        trailer.u32(formatVersion)
        trailer.u32(CRC32C.checksum(of: trailer.bytes))
        trailer.raw(magic)
        data.raw(trailer.bytes)
    }

    /// Reads the trailer (the last `trailerBytes` of a file of `fileBytes`): the range of the
    /// directory, and a directory that is yet without blocks.
    static func trailer(
        _ bytes: [UInt8], fileBytes: Int
    ) throws(EncodingError) -> (directory: Range<Int>, shell: LogDirectory) {
        var reader = ByteReader(bytes)
        let offset = try reader.u64()
        let count = try reader.u32()
        let streams = try reader.u32()
        let streamsOffset = try reader.u64()
        let version = try reader.u32()
        let expected = try reader.u32()
        guard reader.rest.elementsEqual(magic),
            CRC32C.checksum(of: bytes[..<28]) == expected
        else { throw EncodingError.corrupt(what: "trailer", offset: 0) }
        guard version <= formatVersion else {
            throw EncodingError.unsupportedVersion(UInt8(truncatingIfNeeded: version))
        }
        guard version == formatVersion else {
            throw EncodingError.corrupt(what: "version", offset: 28)
        }
        guard offset <= UInt64(fileBytes), UInt64(count) <= UInt64(fileBytes) - offset,
            streamsOffset >= UInt64(magic.count), streamsOffset <= offset
        else { throw EncodingError.corrupt(what: "trailer", offset: 0) }
        var shell = LogDirectory()
        shell.streamCount = Int(streams)
        shell.streamsOffset = Int(streamsOffset)
        shell.streamsBytes = Int(offset - streamsOffset)
        shell.directoryBytes = Int(count)
        return (Int(offset)..<Int(offset) + Int(count), shell)
    }

    /// Reads the blocks.
    mutating func read(_ bytes: [UInt8]) throws(EncodingError) {
        let content = try DictionaryPage.expand(bytes)
        var reader = ByteReader(content)
        let count = try reader.count(limit: content.count)
        var offset = LogDirectory.magic.count
        var stream: UInt64 = 0
        var time: Int64 = 0
        for _ in 0..<count {
            let stored = try reader.count(limit: max(0, streamsOffset - offset))
            let raw = try reader.count(limit: StorageLimits.blockBytesMax)
            let lines = try reader.count(limit: StorageLimits.logBlockLinesMax)
            stream += try reader.varint() & 0xFFFF_FFFF
            let last = stream + (try reader.varint() & 0xFFFF_FFFF)
            time &+= try reader.zigzag()
            let span = Int64(bitPattern: try reader.varint())
            guard last < UInt64(streamCount) else {
                throw EncodingError.corrupt(what: "directory", offset: reader.offset)
            }
            blocks.append(
                Block(
                    offset: offset, storedBytes: stored, rawBytes: raw, lineCount: lines,
                    firstStream: UInt32(stream), lastStream: UInt32(last), first: time,
                    last: time &+ span))
            offset += stored
        }
        guard offset == streamsOffset else {
            throw EncodingError.corrupt(what: "directory", offset: reader.offset)
        }
    }

    /// Tenant name and canonical labels of each stream, front-coded as one key.
    private static func streamTable(_ streams: [IndexedSeries]) -> [UInt8] {
        var content = ByteWriter()
        content.varint(UInt64(streams.count))
        var previous: [UInt8] = []
        for stream in streams {
            var key: [UInt8] = []
            Varint.append(UInt64(stream.tenant.name.utf8.count), to: &key)
            key.append(contentsOf: stream.tenant.name.utf8)
            key.append(contentsOf: stream.labels.bytes)
            FrontCoding.append(key[...], after: previous[...], to: &content.bytes)
            previous = key
        }
        return DictionaryPage.seal(content.bytes)
    }

    /// The inverse: what the index can be rebuilt from.
    static func streams(_ table: [UInt8]) throws(EncodingError) -> [IndexedSeries] {
        let content = try DictionaryPage.expand(table)
        var reader = ByteReader(content)
        let count = try reader.count(limit: content.count)
        var arena: [UInt8] = []
        var ends: [UInt32] = []
        try FrontCoding.decode(
            &reader, count: count, into: &arena, ends: &ends,
            limit: StorageLimits.dictionaryPageBytesMax)
        var result: [IndexedSeries] = []
        var start = 0
        for end in ends {
            var key = ByteReader(arena[start..<Int(end)])
            let name = String(decoding: try key.lengthPrefixed(), as: UTF8.self)
            guard let tenant = Tenant(name), let labels = Labels(checking: Array(key.rest)) else {
                throw EncodingError.corrupt(what: "stream table", offset: start)
            }
            result.append(IndexedSeries(tenant: tenant, labels: labels))
            start = Int(end)
        }
        return result
    }
}
