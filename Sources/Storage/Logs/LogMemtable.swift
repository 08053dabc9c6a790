package import Model

/// Log lines that are committed and not yet sealed: per stream chunks in order of arrival, whatever
/// their timestamps. Searchable at once. A value: a copy is a frozen version, and costs the writer
/// at most one chunk per stream it goes on writing to.
package struct LogMemtable: Sendable {
    struct Stream: Sendable {
        var series: IndexedSeries
        var chunks: [LogChunk]
    }

    private(set) var streams: [Stream] = []
    private(set) var postings = MemoryPostings()
    private var ordinals: [SeriesID: UInt32] = [:]
    /// Lines held.
    package private(set) var lineCount = 0
    /// Bytes of lines held.
    package private(set) var rawBytes = 0
    /// Estimate of the memory held, the lines' columns and the streams' labels included.
    package private(set) var byteCount = 0
    /// The first and last timestamp; nil when empty.
    package private(set) var bounds: ClosedRange<Int64>?

    /// Empty.
    package init() {}

    package var streamCount: Int { streams.count }
    package var isEmpty: Bool { lineCount == 0 }

    /// Adds lines in order of arrival. `streams[i]` is what `lines.streamIndexes` calls i; only
    /// those that lines refer to are entered.
    package mutating func append(_ lines: LineColumns, streams named: [IndexedSeries]) {
        // Rows by stream, in order of first arrival: each stream's chunk is opened once.
        let unknown = Int.max
        var places = [Int](repeating: unknown, count: named.count)
        var runs: [(name: Int, rows: [Range<Int>])] = []
        var first = 0
        while first < lines.count {
            let name = Int(lines.streamIndexes[first])
            var end = first + 1
            while end < lines.count, Int(lines.streamIndexes[end]) == name { end += 1 }
            if places[name] == unknown {
                places[name] = runs.count
                runs.append((name, []))
            }
            runs[places[name]].rows.append(first..<end)
            first = end
        }
        for run in runs {
            let stream = ordinal(of: named[run.name])
            append(lines, run.rows, to: Int(stream))
        }
    }

    private mutating func ordinal(of series: IndexedSeries) -> UInt32 {
        if let known = ordinals[series.id] { return known }
        let ordinal = postings.append(tenant: series.tenant, labels: series.labels)
        ordinals[series.id] = ordinal
        streams.append(Stream(series: series, chunks: []))
        byteCount += StorageLimits.streamMemoryBytes + 2 * series.labels.bytes.count
        return ordinal
    }

    private mutating func append(_ lines: LineColumns, _ runs: [Range<Int>], to stream: Int) {
        // Taken out, so that it is changed in place; a full one is followed by a new one.
        var chunk = streams[stream].chunks.popLast() ?? LogChunk()
        var low = bounds?.lowerBound ?? .max
        var high = bounds?.upperBound ?? .min
        for rows in runs {
            var next = rows.lowerBound
            while next < rows.upperBound {
                if chunk.isFull {
                    streams[stream].chunks.append(chunk)
                    chunk = LogChunk()
                }
                next = chunk.append(lines, next..<rows.upperBound, stream: UInt32(stream))
            }
            let bytes = lines.textRange(rows).count
            let metadata =
                lines.metadataRange(rows.upperBound - 1).upperBound
                - lines.metadataRange(rows.lowerBound).lowerBound
            lineCount += rows.count
            rawBytes += bytes
            byteCount += bytes + metadata + rows.count * StorageLimits.lineMemoryBytes
            for row in rows {
                low = min(low, lines.timestamps[row])
                high = max(high, lines.timestamps[row])
            }
        }
        streams[stream].chunks.append(chunk)
        bounds = low...high
    }

    /// The tenant's streams that the selector selects, ascending; ordinals of this memtable.
    package func select(tenant: Tenant, selector: Selector) -> [UInt32] {
        postings.select(tenant: tenant, selector: selector)
    }

    /// The streams of ordinals.
    package func series(of ordinals: [UInt32]) -> [IndexedSeries] {
        ordinals.map { streams[Int($0)].series }
    }

    /// Every stream, in order of first arrival.
    package var allSeries: [IndexedSeries] { streams.map(\.series) }
}

/// A run of one stream's lines in order of arrival; closed when it has `logChunkBytes`.
struct LogChunk: Sendable {
    private(set) var lines = LineColumns()
    private(set) var first = Int64.max
    private(set) var last = Int64.min
    /// Whether timestamps never step back.
    private(set) var isSorted = true

    var isFull: Bool {
        lines.bytes.count >= StorageLimits.logChunkBytes
            || lines.count >= StorageLimits.logBlockLinesMax
    }

    /// Appends rows until the chunk is full or all are in; returns the first that is not.
    mutating func append(_ source: LineColumns, _ rows: Range<Int>, stream: UInt32) -> Int {
        let bytesLeft = StorageLimits.logChunkBytes - lines.bytes.count
        let rowsLeft = StorageLimits.logBlockLinesMax - lines.count
        let start = source.lineRange(rows.lowerBound).lowerBound
        var end = rows.lowerBound
        while end < rows.upperBound {
            let timestamp = source.timestamps[end]
            if timestamp < last { isSorted = false }
            first = min(first, timestamp)
            last = max(last, timestamp)
            end += 1
            let isFull =
                Int(source.lineEnds[end - 1]) - start >= bytesLeft
                || end - rows.lowerBound >= rowsLeft
            if isFull { break }
        }
        lines.append(rows.lowerBound..<end, of: source, streamIndex: stream)
        return end
    }
}
