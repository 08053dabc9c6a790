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
    package var name: String {
        let (high, low) = StableHash.hash128(data, seed: 0)
        return [high, low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
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

    /// Appends a line to the stream that began last.
    mutating func append(
        timestamp: Int64, line: ArraySlice<UInt8>, metadata: ArraySlice<UInt8>
    ) {
        if pending.bytes.count + line.count > blockBytes && !pending.isEmpty
            || pending.count == StorageLimits.logBlockLinesMax
            || pending.metadataBytes.count + metadata.count > blockBytes * 4
        {
            flush()
        }
        pending.append(
            streamIndex: UInt32(streams.count - 1), timestamp: timestamp, line: line,
            metadata: metadata)
        pendingFirst = min(pendingFirst, timestamp)
        pendingLast = max(pendingLast, timestamp)
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
            for (chunk, row) in stream.rowsInOrder() {
                let lines = stream.chunks[chunk].lines
                writer.append(
                    timestamp: lines.timestamps[row], line: lines.bytes[lines.lineRange(row)],
                    metadata: lines.metadataBytes[lines.metadataRange(row)])
            }
        }
        return try writer.finish()
    }
}

extension LogMemtable.Stream {
    /// (chunk, row) by timestamp; equal timestamps in order of arrival.
    func rowsInOrder() -> [(chunk: Int, row: Int)] {
        var rows: [(chunk: Int, row: Int)] = []
        var isSorted = true
        var last = Int64.min
        for (number, chunk) in chunks.enumerated() {
            if !chunk.isSorted || chunk.first < last { isSorted = false }
            last = max(last, chunk.last)
            for row in 0..<chunk.lines.count { rows.append((number, row)) }
        }
        if isSorted { return rows }
        return rows.sorted { a, b in
            let left = chunks[a.chunk].lines.timestamps[a.row]
            let right = chunks[b.chunk].lines.timestamps[b.row]
            if left != right { return left < right }
            return a.chunk != b.chunk ? a.chunk < b.chunk : a.row < b.row
        }
    }
}
