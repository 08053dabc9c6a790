package import Encoding
package import Model

/// A sealed log segment in memory: what is written to its two files.
package struct BuiltLogSegment: Sendable {
    /// The data file.
    package var data: [UInt8]
    /// The index file.
    package var index: [UInt8]
    package var summary: LogSegmentSummary

    /// Both files' name without suffix: the hash of the data, in hex.
    package var name: String { ContentHash.text(of: data) }
}

/// What a manifest says of a log segment.
package struct LogSegmentSummary: Sendable, Hashable {
    package var lineCount = 0
    package var streamCount = 0
    package var blockCount = 0
    /// Bytes of the lines as they came.
    package var rawBytes = 0
    /// Least and greatest timestamp; 0 and −1 when there is no line.
    package var first = Timestamp(nanos: 0)
    package var last = Timestamp(nanos: -1)

    package init() {}
}

/// Makes a log segment from lines in order: streams ascending, within one by timestamp, equal
/// timestamps in order of arrival. A pure function of what is put in, byte for byte.
///
/// Small streams that follow one another share a block; a block never holds two tenants.
struct LogSegmentWriter {
    private let encoder: LogBlockEncoder
    private let blockBytes: Int
    private var data = ByteWriter()
    private var streams: [IndexedSeries] = []
    private var blocks: [LogDirectory.Block] = []
    private var pending = LineColumns()
    private var pendingFirst = Int64.max
    private var pendingLast = Int64.min
    private let tokens = TokenCollector(tokenBytesMax: StorageLimits.tokenBytesMax)
    private var summary = LogSegmentSummary()

    init(tier: CodecTier) {
        encoder = LogBlockEncoder(tier: tier)
        blockBytes =
            tier == .dense ? StorageLimits.logBlockBytesDense : StorageLimits.logBlockBytes
        data.raw(LogDirectory.magic)
    }

    /// Whether no line came yet.
    var isEmpty: Bool { summary.lineCount == 0 }

    /// Begins a stream, greater than the one before. `rawBytes`: about what it will have.
    mutating func beginStream(_ series: IndexedSeries, rawBytes: Int) {
        if let last = streams.last {
            precondition(last < series, "BUG: streams are not in order")
            if last.tenant != series.tenant
                || pending.bytes.count + rawBytes > blockBytes
                    && max(pending.bytes.count, rawBytes) >= blockBytes / 2
            {
                flush()
            }
        }
        streams.append(series)
    }

    /// Appends lines to the stream that began last, a block's worth at a time.
    mutating func append(_ rows: Range<Int>, of lines: LineColumns) {
        var next = rows.lowerBound
        while next < rows.upperBound {
            let end = fitting(next..<rows.upperBound, of: lines)
            guard end > next else {
                flush()
                continue
            }
            pending.append(next..<end, of: lines, streamIndex: UInt32(streams.count - 1))
            for row in next..<end {
                pendingFirst = min(pendingFirst, lines.timestamps[row])
                pendingLast = max(pendingLast, lines.timestamps[row])
            }
            next = end
        }
    }

    /// The end of those rows that the block at hand takes; an empty one takes one at least.
    private func fitting(_ rows: Range<Int>, of lines: LineColumns) -> Int {
        let textStart = lines.lineRange(rows.lowerBound).lowerBound
        let metadataStart = lines.metadataRange(rows.lowerBound).lowerBound
        let textLeft = blockBytes - pending.bytes.count
        let metadataLeft = blockBytes * 4 - pending.metadataBytes.count
        let rowsLeft = StorageLimits.logBlockLinesMax - pending.count
        for row in rows {
            let isFirst = pending.isEmpty && row == rows.lowerBound
            if Int(lines.lineEnds[row]) - textStart > textLeft && !isFirst
                || row - rows.lowerBound == rowsLeft
                || Int(lines.metadataEnds[row]) - metadataStart > metadataLeft && !isFirst
            {
                return row
            }
        }
        return rows.upperBound
    }

    /// Closes the segment.
    mutating func finish() throws(StorageError) -> BuiltLogSegment {
        flush()
        LogDirectory.append(blocks: blocks, streams: streams, to: &data)
        let index = try SegmentIndexBuilder.build(
            series: streams, tokens: TokenDictionary(tokens))
        summary.streamCount = streams.count
        summary.blockCount = blocks.count
        return BuiltLogSegment(data: data.bytes, index: index, summary: summary)
    }

    private mutating func flush() {
        guard let firstStream = pending.streamIndexes.first,
            let lastStream = pending.streamIndexes.last
        else { return }
        let encoded = encoder.encode(pending)
        tokens.addBlock(pending.bytes, lineEnds: pending.lineEnds)
        blocks.append(
            LogDirectory.Block(
                offset: data.count, storedBytes: encoded.count, rawBytes: pending.bytes.count,
                lineCount: pending.count, firstStream: firstStream, lastStream: lastStream,
                first: pendingFirst, last: pendingLast))
        data.raw(encoded)
        if isEmpty {
            summary.first = Timestamp(nanos: pendingFirst)
            summary.last = Timestamp(nanos: pendingLast)
        } else {
            summary.first = min(summary.first, Timestamp(nanos: pendingFirst))
            summary.last = max(summary.last, Timestamp(nanos: pendingLast))
        }
        summary.lineCount += pending.count
        summary.rawBytes += pending.bytes.count
        pending.removeAll()
        pendingFirst = .max
        pendingLast = .min
    }
}

extension LineColumns {
    /// Forgets the lines and keeps the memory.
    mutating func removeAll() {
        streamIndexes.removeAll(keepingCapacity: true)
        timestamps.removeAll(keepingCapacity: true)
        lineEnds.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
        metadataEnds.removeAll(keepingCapacity: true)
        metadataBytes.removeAll(keepingCapacity: true)
    }
}

extension LogMemtable {
    /// The segment of everything in it: a pure function of the lines and their order of arrival.
    package func seal(
        tier: CodecTier = .hot
    ) throws(StorageError) -> BuiltLogSegment {
        var writer = LogSegmentWriter(tier: tier)
        let order = streams.indices.sorted { streams[$0].series < streams[$1].series }
        for index in order {
            let stream = streams[index]
            let bytes = stream.chunks.reduce(0) { $0 + $1.lines.bytes.count }
            writer.beginStream(stream.series, rawBytes: bytes)
            if stream.isSorted {
                for chunk in stream.chunks {
                    writer.append(0..<chunk.lines.count, of: chunk.lines)
                }
                continue
            }
            for (chunk, rows) in stream.runsInOrder() {
                writer.append(rows, of: stream.chunks[chunk].lines)
            }
        }
        return try writer.finish()
    }
}

extension LogMemtable.Stream {
    /// Whether the chunks, one after the other, are in order.
    fileprivate var isSorted: Bool {
        var last = Int64.min
        for chunk in chunks {
            if !chunk.isSorted || chunk.first < last { return false }
            last = chunk.last
        }
        return true
    }

    /// All rows by timestamp, equal timestamps in order of arrival, as runs of neighbours.
    fileprivate func runsInOrder() -> [(chunk: Int, rows: Range<Int>)] {
        var keys: [(nanos: Int64, chunk: Int32, row: Int32)] = []
        keys.reserveCapacity(chunks.reduce(0) { $0 + $1.lines.count })
        for (number, chunk) in chunks.enumerated() {
            for (row, nanos) in chunk.lines.timestamps.enumerated() {
                keys.append((nanos, Int32(number), Int32(row)))
            }
        }
        keys.sort { a, b in
            if a.nanos != b.nanos { return a.nanos < b.nanos }
            return a.chunk != b.chunk ? a.chunk < b.chunk : a.row < b.row
        }
        var runs: [(chunk: Int, rows: Range<Int>)] = []
        for key in keys {
            let (chunk, row) = (Int(key.chunk), Int(key.row))
            if let last = runs.last, last.chunk == chunk, last.rows.upperBound == row {
                runs[runs.count - 1].rows = last.rows.lowerBound..<row + 1
            } else {
                runs.append((chunk, row..<row + 1))
            }
        }
        return runs
    }
}
