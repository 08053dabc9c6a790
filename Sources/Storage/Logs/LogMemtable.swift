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
        let unknown = UInt32.max
        var known = [UInt32](repeating: unknown, count: named.count)
        var first = 0
        while first < lines.count {
            let name = Int(lines.streamIndexes[first])
            var end = first + 1
            while end < lines.count, Int(lines.streamIndexes[end]) == name { end += 1 }
            if known[name] == unknown { known[name] = ordinal(of: named[name]) }
            append(lines, first..<end, to: Int(known[name]))
            first = end
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

    private mutating func append(_ lines: LineColumns, _ rows: Range<Int>, to stream: Int) {
        var next = rows.lowerBound
        while next < rows.upperBound {
            if streams[stream].chunks.last.map(\.isFull) ?? true {
                streams[stream].chunks.append(LogChunk())
            }
            let place = streams[stream].chunks.count - 1
            let end = streams[stream].chunks[place].append(
                lines, next..<rows.upperBound, stream: UInt32(stream))
            next = end
        }
        let bytes =
            lines.lineRange(rows.upperBound - 1).upperBound
            - lines.lineRange(rows.lowerBound).lowerBound
        let metadata =
            lines.metadataRange(rows.upperBound - 1).upperBound
            - lines.metadataRange(rows.lowerBound).lowerBound
        lineCount += rows.count
        rawBytes += bytes
        byteCount += bytes + metadata + rows.count * StorageLimits.lineMemoryBytes
        var low = bounds?.lowerBound ?? lines.timestamps[rows.lowerBound]
        var high = bounds?.upperBound ?? low
        for row in rows {
            low = min(low, lines.timestamps[row])
            high = max(high, lines.timestamps[row])
        }
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
        for row in rows {
            let timestamp = source.timestamps[row]
            if timestamp < last { isSorted = false }
            first = min(first, timestamp)
            last = max(last, timestamp)
            lines.append(
                streamIndex: stream, timestamp: timestamp,
                line: source.bytes[source.lineRange(row)],
                metadata: source.metadataBytes[source.metadataRange(row)])
            if isFull { return row + 1 }
        }
        return rows.upperBound
    }
}
