internal import Encoding
internal import Model

/// Merges metric segments into one in the dense form: later writes win, samples before a time and
/// those that were deleted are left out. A pure function of inputs and command.
struct MetricCompaction {
    let inputs: [LiveSegment]
    let level: UInt8
    let dropBefore: Timestamp
    let tombstones: [Manifest.Tombstone]

    /// Nil when nothing is left.
    func write(_ files: SegmentFiles) throws(StorageError) -> SegmentRecord? {
        guard let first = inputs.first, let last = inputs.last else {
            preconditionFailure("BUG: a compaction of nothing")
        }
        var cursors: [SegmentCursor] = []
        for input in inputs {
            cursors.append(
                try SegmentCursor(
                    segment: input.data(), start: dropBefore.nanos,
                    deleted: SegmentDeletions(tombstones, in: input.record)))
        }
        return try files.writeMetrics(
            tier: .dense, level: level, firstIndex: first.record.firstIndex,
            lastIndex: last.record.lastIndex
        ) { (writer: inout MetricSegmentWriter) throws(StorageError) in
            var merge = SampleMerge()
            var interner = TimestampInterner()
            while let next = cursors.compactMap(\.series).min() {
                var floats: [SamplePart] = []
                var histograms: [(timestamps: TimestampColumn, histograms: [Histogram])] = []
                for index in cursors.indices where cursors[index].series == next {
                    let part = try cursors[index].take()
                    if !part.floats.values.isEmpty { floats.append(part.floats) }
                    if !part.histograms.histograms.isEmpty { histograms.append(part.histograms) }
                }
                let merged = MetricCompaction.merged(next, floats, histograms, &merge, &interner)
                if !merged.isEmpty { try writer.append(merged) }
            }
        }
    }

    private static func merged(
        _ series: IndexedSeries, _ floats: [SamplePart],
        _ histograms: [(timestamps: TimestampColumn, histograms: [Histogram])],
        _ merge: inout SampleMerge, _ interner: inout TimestampInterner
    ) -> SealedSeries {
        var result = SealedSeries(
            series: series, timestamps: .empty, values: [], histogramTimestamps: .empty,
            histograms: [])
        if !floats.isEmpty {
            let part = merge.merge(floats)
            result.timestamps = part.timestamps
            result.values = part.values
        }
        guard !histograms.isEmpty else { return result }
        let part = merge.merge(histograms)
        result.histogramTimestamps = part.timestamps
        result.histograms = part.histograms
        let (values, kept) = SampleExclusion.resolve(
            result.timestamps.nanos, result.values, part.timestamps.nanos, false)
        if kept.count != result.values.count {
            result.values = values
            result.timestamps = interner.intern(kept)
        }
        return result
    }
}

/// Reads a segment's series in order, each with its samples from `start` on. Columns that series
/// share are decoded once per page run and keep one identity.
struct SegmentCursor {
    private static let columnsMax = 16_384
    /// Values lie in the order in which they are taken: one read serves some hundred series.
    private static let aheadBytes = 64 << 10

    private let segment: MetricSegment
    private let start: Int64
    private let deleted: SegmentDeletions
    private var nextPage = 0
    private var entries: [MetricSeriesEntry] = []
    private var place = 0
    private var window = ReadWindow(aheadBytes: SegmentCursor.aheadBytes)
    private var columns: [ColumnPlace: (first: Int, column: TimestampColumn)] = [:]
    /// The series that `take` gives; nil at the end.
    private(set) var series: IndexedSeries?

    init(
        segment: MetricSegment, start: Int64, deleted: SegmentDeletions
    ) throws(StorageError) {
        self.segment = segment
        self.start = start
        self.deleted = deleted
        try settle()
    }

    /// The samples of `series`; moves on.
    mutating func take() throws(StorageError) -> (
        floats: SamplePart, histograms: (timestamps: TimestampColumn, histograms: [Histogram])
    ) {
        let entry = entries[place]
        var floats = SamplePart(timestamps: .empty, values: [])
        var histograms: (timestamps: TimestampColumn, histograms: [Histogram]) = (.empty, [])
        if let time = entry.timeColumn {
            let count = entry.floats.reduce(0) { $0 + $1.sampleCount }
            let (first, column) = try column(time, count)
            let positions = first..<first + column.nanos.count
            floats.timestamps = column
            floats.values.reserveCapacity(positions.count)
            try segment.values(
                entry.floats, positions: positions, through: &window, into: &floats.values)
        }
        if let time = entry.histogramTimeColumn {
            let count = entry.histograms.reduce(0) { $0 + $1.sampleCount }
            let (first, column) = try column(time, count)
            histograms = (
                column,
                try segment.histograms(
                    entry.histograms, positions: first..<first + column.nanos.count)
            )
        }
        let spans = deleted.spans(of: entry.tenant, entry.labels)
        if let kept = spans.kept(floats.timestamps.nanos) {
            floats = floats.picking(kept)
        }
        if let kept = spans.kept(histograms.timestamps.nanos) {
            histograms = (
                TimestampColumn(kept.map { histograms.timestamps.nanos[$0] }),
                kept.map { histograms.histograms[$0] }
            )
        }
        place += 1
        try settle()
        return (floats, histograms)
    }

    private mutating func settle() throws(StorageError) {
        while true {
            while place < entries.count, deleted.isWhole(entries[place].tenant) { place += 1 }
            if place < entries.count {
                series = IndexedSeries(
                    tenant: entries[place].tenant, labels: entries[place].labels)
                return
            }
            guard nextPage < segment.pageCount else {
                series = nil
                return
            }
            entries = try segment.page(nextPage)
            nextPage += 1
            place = 0
        }
    }

    private mutating func column(
        _ place: ColumnPlace, _ count: Int
    ) throws(StorageError) -> (first: Int, column: TimestampColumn) {
        if let known = columns[place] { return known }
        let (first, nanos) = try segment.timestamps(
            place, count: count, start: start, end: .max)
        let made = (first: first, column: TimestampColumn(nanos))
        if columns.count == SegmentCursor.columnsMax { columns.removeAll() }
        columns[place] = made
        return made
    }
}
