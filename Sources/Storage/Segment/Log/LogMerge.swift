package import Encoding
package import Model
internal import Platform

/// Several log segments made into one: compaction. Every line stays, in order of stream, timestamp
/// and arrival (of equal timestamps those of an earlier input come first), but those that are
/// dropped. A pure function of inputs and rules: replicas get the same bytes.
package enum LogMerge {
    /// `inputs`: oldest first. `keepFrom` is asked once per input and stream that it holds: lines
    /// before that time are dropped; nil drops all of the input's lines of the stream (its tenant
    /// was deleted after they were written).
    package static func merge(
        _ inputs: [LogSegment], tier: CodecTier = .dense,
        keepFrom: (_ input: Int, _ stream: IndexedSeries) -> Timestamp?
    ) throws(StorageError) -> BuiltLogSegment {
        try merge(inputs, tier: tier) { input, stream in
            keepFrom(input, stream).map { Keeping(from: $0, but: DeletedSpans([])) }
        }
    }

    /// What stays of an input's lines of one stream.
    struct Keeping {
        var from: Timestamp
        var but: DeletedSpans
    }

    /// The same, where single lines were deleted.
    static func merge(
        _ inputs: [LogSegment], tier: CodecTier = .dense,
        keeping: (_ input: Int, _ stream: IndexedSeries) -> Keeping?
    ) throws(StorageError) -> BuiltLogSegment {
        precondition(
            inputs.count <= StorageLimits.compactionInputsMax, "too many segments at once")
        var cursors: [LogCursor] = []
        for input in inputs { cursors.append(try LogCursor(input)) }
        var writer = LogSegmentWriter(tier: tier)
        while let series = cursors.compactMap(\.series).min() {
            var members: [(input: Int, keeping: Keeping)] = []
            for input in cursors.indices where cursors[input].series == series {
                if let keeping = keeping(input, series) {
                    members.append((input, keeping))
                } else {
                    try cursors[input].skipStream()
                }
            }
            try merge(series, members, &cursors, &writer)
        }
        return try writer.finish()
    }

    /// The lines of one stream, which is the one at hand of each member.
    private static func merge(
        _ series: IndexedSeries, _ start: [(input: Int, keeping: Keeping)],
        _ cursors: inout [LogCursor], _ writer: inout LogSegmentWriter
    ) throws(StorageError) {
        var members = start
        for member in members {
            try cursors[member.input].skipLines(before: member.keeping.from.nanos)
        }
        members.removeAll { !cursors[$0.input].isInStream }
        guard !members.isEmpty else { return }
        // Nothing may be left of it: the stream begins with its first line.
        var isBegun = false
        let rawBytes = members.reduce(0) { $0 + cursors[$1.input].streamBytes }
        while !members.isEmpty {
            var place = 0
            for other in members.indices
            where cursors[members[other].input].timestamp
                < cursors[members[place].input].timestamp
            {
                place = other
            }
            // Up to where another input's turn comes: of equal timestamps the earlier's.
            var limit = Int64.max
            for other in members.indices where other != place {
                let next = cursors[members[other].input].timestamp
                limit = min(limit, other < place ? next - 1 : next)
            }
            let input = members[place].input
            let deleted = members[place].keeping.but
            try cursors[input].copyLines(through: limit, but: deleted) { rows, lines in
                if !isBegun { writer.beginStream(series, rawBytes: rawBytes) }
                isBegun = true
                writer.append(rows, of: lines)
            }
            if !cursors[input].isInStream { members.remove(at: place) }
        }
    }
}

/// A place among the lines of a segment, in their order: holds one decoded block.
private struct LogCursor {
    private let segment: LogSegment
    private let streams: [IndexedSeries]
    private var block = -1
    private var lines = LineColumns()
    private var row = 0
    /// The stream that was begun; `isInStream` until its last line is passed.
    private var stream: UInt32?

    init(_ segment: LogSegment) throws(StorageError) {
        self.segment = segment
        // Not the index: it has no checksum over all that says whose a stream is.
        streams =
            Mutant.isOn(.mergesByTheIndex)
            ? try segment.index.series(of: Array(0..<UInt32(segment.index.seriesCount)))
            : try segment.streams()
        try openNext()
        stream = lines.streamIndexes.first
    }

    /// The stream at hand; nil at the end.
    var series: IndexedSeries? { stream.map { streams[Int($0)] } }

    var timestamp: Int64 { lines.timestamps[row] }

    /// Whether a line of the stream that `series` was before the last move is at hand. When it is
    /// not, `series` is the next one.
    private(set) var isInStream = true

    /// About the bytes that are left of the stream at hand.
    var streamBytes: Int {
        let end = streamEnd
        var bytes = lines.lineRange(end - 1).upperBound - lines.lineRange(row).lowerBound
        for later in segment.directory.blocks[(block + 1)...] {
            guard later.firstStream == stream else { break }
            bytes += later.rawBytes
        }
        return bytes
    }

    /// Past the last row of the stream at hand in the block at hand.
    private var streamEnd: Int {
        let own = lines.streamIndexes[row]
        if lines.streamIndexes[lines.count - 1] == own { return lines.count }
        var (low, high) = (row, lines.count - 1)
        while low + 1 < high {
            let middle = (low + high) / 2
            if lines.streamIndexes[middle] == own { low = middle } else { high = middle }
        }
        return high
    }

    /// Passes the rest of the stream at hand.
    mutating func skipStream() throws(StorageError) {
        isInStream = true
        while isInStream { try move(to: streamEnd) }
    }

    /// Passes the stream's lines that are older than `cutoff`.
    mutating func skipLines(before cutoff: Int64) throws(StorageError) {
        isInStream = true
        while isInStream, timestamp < cutoff {
            let end = streamEnd
            var next = row + 1
            while next < end, lines.timestamps[next] < cutoff { next += 1 }
            try move(to: next)
        }
    }

    /// Passes the stream's lines up to and with timestamp `limit`, of the block at hand, and gives
    /// those that are not deleted to `copy`, in runs.
    mutating func copyLines(
        through limit: Int64, but deleted: DeletedSpans,
        _ copy: (Range<Int>, LineColumns) -> Void
    ) throws(StorageError) {
        let end = streamEnd
        var next = row
        while next < end, lines.timestamps[next] <= limit { next += 1 }
        if deleted.isEmpty {
            copy(row..<next, lines)
        } else {
            for run in deleted.kept(row..<next, of: lines) { copy(run, lines) }
        }
        try move(to: next)
    }

    private mutating func move(to next: Int) throws(StorageError) {
        row = next
        if row == lines.count { try openNext() }
        let now = row < lines.count ? lines.streamIndexes[row] : nil
        isInStream = now == stream
        stream = now
    }

    private mutating func openNext() throws(StorageError) {
        row = 0
        lines = LineColumns()
        while lines.isEmpty, block + 1 < segment.directory.blocks.count {
            block += 1
            lines = try segment.block(block)
        }
    }
}
