internal import Encoding
internal import Model
package import Platform

/// A sealed log segment, open to read: the data file's directory in memory, its blocks read when
/// asked for, its index beside it. Immutable and thread-safe.
package final class LogSegment: Sendable {
    /// Suffixes of the two files.
    package static let dataSuffix = ".log"
    package static let indexSuffix = ".logidx"

    package let path: DiskPath
    package let index: SegmentIndex
    let directory: LogDirectory
    private let file: any DiskFile

    /// Opens the data file at `path` and the index at `indexPath`. Reads trailer and directory;
    /// blocks are checked when they are read. `checksum`: of the index's bytes, which are read to
    /// compare; nil for an index that was just made.
    package static func open(
        disk: any Disk, path: DiskPath, indexPath: DiskPath, verifying checksum: UInt64? = nil
    ) throws(StorageError) -> LogSegment {
        let index = try SegmentIndex.open(disk: disk, path: indexPath, verifying: checksum)
        return try LogSegment(disk: disk, path: path, index: index)
    }

    private init(disk: any Disk, path: DiskPath, index: SegmentIndex) throws(StorageError) {
        self.path = path
        self.index = index
        (file, directory) = try LogSegment.openData(disk: disk, path: path)
        guard index.seriesCount == directory.streamCount,
            index.blockCount == directory.blocks.count
        else { throw StorageError.corrupt(file: path.string, what: "index of", offset: 0) }
    }

    private static func openData(
        disk: any Disk, path: DiskPath
    ) throws(StorageError) -> (any DiskFile, LogDirectory) {
        do {
            let file = try disk.open(path, .read)
            let size = try file.size()
            let trailerBytes = LogDirectory.trailerBytes
            guard size >= trailerBytes + LogDirectory.magic.count else {
                throw StorageError.corrupt(file: path.string, what: "length", offset: size)
            }
            let tail = try file.read(at: size - trailerBytes, count: trailerBytes)
            var (range, directory) = try LogDirectory.trailer(tail, fileBytes: size)
            try directory.read(try file.read(at: range.lowerBound, count: range.count))
            return (file, directory)
        } catch {
            throw LogSegment.error(error, path, "directory", 0)
        }
    }

    /// Makes the index file anew from the data file alone.
    package static func rebuildIndex(
        disk: any Disk, path: DiskPath
    ) throws(StorageError) -> [UInt8] {
        let (file, directory) = try openData(disk: disk, path: path)
        let streams = try streams(file, directory, path)
        do {
            let tokens = TokenCollector(tokenBytesMax: StorageLimits.tokenBytesMax)
            for block in directory.blocks {
                let opened = try OpenLogBlock(
                    try file.read(at: block.offset, count: block.storedBytes))
                let lines = try opened.text().lines()
                tokens.addBlock(lines.bytes, lineEnds: lines.lineEnds)
            }
            return try SegmentIndexBuilder.build(
                series: streams, tokens: TokenDictionary(tokens))
        } catch {
            throw LogSegment.error(error, path, "block", 0)
        }
    }

    /// The streams by ordinal, as the data file itself has them, checked.
    func streams() throws(StorageError) -> [IndexedSeries] {
        try LogSegment.streams(file, directory, path)
    }

    private static func streams(
        _ file: any DiskFile, _ directory: LogDirectory, _ path: DiskPath
    ) throws(StorageError) -> [IndexedSeries] {
        do {
            return try LogDirectory.streams(
                try file.read(at: directory.streamsOffset, count: directory.streamsBytes))
        } catch {
            throw LogSegment.error(error, path, "streams", directory.streamsOffset)
        }
    }

    package var summary: LogSegmentSummary {
        var summary = LogSegmentSummary()
        summary.lineCount = directory.lineCount
        summary.rawBytes = directory.rawBytes
        summary.streamCount = directory.streamCount
        summary.blockCount = directory.blocks.count
        if let first = directory.blocks.map(\.first).min(),
            let last = directory.blocks.map(\.last).max()
        {
            summary.first = Timestamp(nanos: first)
            summary.last = Timestamp(nanos: last)
        }
        return summary
    }

    /// Reads and checks block `number`. Its stream indexes are ordinals of the index.
    func block(_ number: Int) throws(StorageError) -> LineColumns {
        try reading(number) { bytes in
            let lines = try LogBlock.decode(bytes)
            try check(lines, number)
            return lines
        }
    }

    /// A block, and of its lines what `read` wants to know.
    struct OpenBlock {
        var rows: LineColumns
        var block: OpenLogBlock
    }

    /// Reads and checks block `number` and passes it to `read`: streams and timestamps of its lines
    /// and the rest unread. What `read` throws is said to be of the block.
    func withBlock<Result>(
        _ number: Int, _ read: (OpenBlock) throws -> Result
    ) throws(StorageError) -> Result {
        try reading(number) { bytes in
            let block = try OpenLogBlock(bytes)
            let rows = try block.rows()
            try check(rows, number)
            return try read(OpenBlock(rows: rows, block: block))
        }
    }

    private func reading<Result>(
        _ number: Int, _ read: ([UInt8]) throws -> Result
    ) throws(StorageError) -> Result {
        let block = directory.blocks[number]
        do {
            return try read(try file.read(at: block.offset, count: block.storedBytes))
        } catch {
            throw LogSegment.error(error, path, "block", block.offset)
        }
    }

    private func check(_ lines: LineColumns, _ number: Int) throws(StorageError) {
        let block = directory.blocks[number]
        guard lines.count == block.lineCount,
            lines.streamIndexes.first == block.firstStream,
            lines.streamIndexes.last == block.lastStream
        else {
            throw StorageError.corrupt(file: path.string, what: "block", offset: block.offset)
        }
    }

    /// Bytes of the data file.
    var fileBytes: Int {
        directory.streamsOffset + directory.streamsBytes + directory.directoryBytes
            + LogDirectory.trailerBytes
    }

    /// Stored bytes of a block's sections, and the form of its text.
    func parts(ofBlock number: Int) throws(StorageError) -> LogBlock.Sizes {
        let block = directory.blocks[number]
        do {
            return try LogBlock.sizes(
                of: try file.read(at: block.offset, count: block.storedBytes))
        } catch {
            throw LogSegment.error(error, path, "block", block.offset)
        }
    }

    /// Reads every block and checks it: throws at the first that is corrupt.
    package func verify() throws(StorageError) {
        for number in directory.blocks.indices { _ = try block(number) }
    }

    private static func error(
        _ error: any Error, _ path: DiskPath, _ what: String, _ offset: Int
    ) -> StorageError {
        switch error {
        case let error as StorageError: error
        case let error as DiskError: .disk(error)
        case EncodingError.unsupportedVersion(let version):
            .newerFormat(
                file: path.string, version: Int(version),
                versionMax: Int(LogDirectory.formatVersion))
        default: .corrupt(file: path.string, what: what, offset: offset)
        }
    }
}
