internal import Encoding
internal import Model

/// Answers one query over a `ShardView`: finds the selected series in segments and memory, merges
/// what each holds of a series, later writes first in line, and gives them out in batches.
///
/// Each timestamp column is decoded once per query, and series whose columns are equal share one
/// `TimestampColumn` object.
struct SeriesReader {
    private struct SegmentPart {
        var segment: Int
        var entry: MetricSeriesEntry
        var deleted: DeletedSpans
    }

    private struct Found {
        var series: IndexedSeries
        /// In the order of segments.
        var segments: [SegmentPart] = []
        /// Memtable and place in it, oldest first.
        var memory: [(table: Int, place: Int, deleted: DeletedSpans)] = []
    }

    private struct ColumnKey: Hashable {
        var segment: Int
        var place: ColumnPlace
    }

    private let view: ShardView
    private let request: SeriesRequest
    private var found: [Found] = []
    private var columns: [ColumnKey: (first: Int, column: TimestampColumn)] = [:]
    private var merge = SampleMerge()
    private var interner = TimestampInterner()
    private(set) var completeness = Completeness()

    init(_ view: ShardView, _ request: SeriesRequest) {
        self.view = view
        self.request = request
    }

    /// Calls `sink` with batches of up to 64 series, fewer when they are long. Throws what the
    /// budget and the sink throw; data that can not be read is in `completeness`.
    mutating func run(_ sink: ([SeriesData]) throws -> Void) throws {
        try collect()
        try request.budget.charge(series: found.count)
        found.sort { $0.series.labels < $1.series.labels }
        var batch: [SeriesData] = []
        var samples = 0
        for index in found.indices {
            guard let data = read(found[index]) else { continue }
            let count = data.values.count + data.histograms.count
            try request.budget.charge(samples: count)
            batch.append(data)
            samples += count
            if batch.count == StorageLimits.seriesPerBatch
                || samples >= StorageLimits.samplesPerBatch
            {
                try sink(batch)
                batch.removeAll(keepingCapacity: true)
                samples = 0
            }
        }
        if !batch.isEmpty { try sink(batch) }
    }

    /// The labels of selected series with data in the range, without reading samples.
    mutating func series() throws -> [IndexedSeries] {
        try collect()
        return found.map(\.series).sorted()
    }

    private mutating func collect() throws {
        var places: [SeriesID: Int] = [:]
        for (number, segment) in view.segments.enumerated() {
            try request.budget.check()
            do throws(StorageError) {
                let first = max(request.start, segment.record.start).nanos
                let last = min(request.end.nanos - 1, segment.record.end.nanos)
                for entry in try SeriesReader.entries(segment, request) {
                    let deleted = view.masks[number].spans(of: entry.labels)
                    if deleted.cover(first, last) { continue }
                    let series = IndexedSeries(tenant: entry.tenant, labels: entry.labels)
                    let place = find(series, &places)
                    found[place].segments.append(
                        SegmentPart(segment: number, entry: entry, deleted: deleted))
                }
            } catch {
                segment.suspect()
                completeness.note(error)
            }
        }
        for (table, parts) in view.memory.enumerated() {
            for (place, part) in parts.enumerated() {
                let deleted = view.memoryMasks[table].spans(of: part.series.labels)
                if deleted.cover(request.start.nanos, request.end.nanos - 1) { continue }
                let index = find(part.series, &places)
                found[index].memory.append((table, place, deleted))
            }
        }
    }

    private mutating func find(_ series: IndexedSeries, _ places: inout [SeriesID: Int]) -> Int {
        if let known = places[series.id] { return known }
        places[series.id] = found.count
        found.append(Found(series: series))
        return found.count - 1
    }

    private static func entries(
        _ live: LiveSegment, _ request: SeriesRequest
    ) throws(StorageError) -> [MetricSeriesEntry] {
        let ordinals = try live.index().select(
            tenant: request.tenant, selector: request.selector)
        guard !ordinals.isEmpty else { return [] }
        let data = try live.data()
        var result: [MetricSeriesEntry] = []
        result.reserveCapacity(ordinals.count)
        var page: [MetricSeriesEntry] = []
        var pageNumber = -1
        for ordinal in ordinals {
            let number = Int(ordinal) / SegmentFormat.pageSeries
            guard number < data.pageCount else {
                throw .corrupt(file: data.name, what: "ordinal of the index", offset: 0)
            }
            if number != pageNumber {
                page = try data.page(number)
                pageNumber = number
            }
            let place = Int(ordinal) % SegmentFormat.pageSeries
            guard place < page.count else {
                throw .corrupt(file: data.name, what: "ordinal of the index", offset: 0)
            }
            result.append(page[place])
        }
        return result
    }

    /// Nil when the series has no samples in the range.
    private mutating func read(_ found: Found) -> SeriesData? {
        var floats: [SamplePart] = []
        var histograms: [(timestamps: TimestampColumn, histograms: [Histogram])] = []
        for part in found.segments {
            do {
                if let samples = try readFloats(part), let kept = keep(samples, part.deleted) {
                    floats.append(kept)
                }
                if let samples = try readHistograms(part),
                    let kept = keep(samples, part.deleted)
                {
                    histograms.append(kept)
                }
            } catch {
                view.segments[part.segment].suspect()
                completeness.note(error)
            }
        }
        for (table, place, deleted) in found.memory {
            let samples = view.memory[table][place].samples
            if let part = cut(samples.floatColumns()), let kept = keep(part, deleted) {
                floats.append(kept)
            }
            let columns = samples.histogramColumns()
            let range = positions(columns.timestamps)
            guard !range.isEmpty else { continue }
            let part = (
                timestamps: interner.intern(Array(columns.timestamps[range])),
                histograms: Array(columns.histograms[range])
            )
            if let kept = keep(part, deleted) { histograms.append(kept) }
        }
        guard !floats.isEmpty || !histograms.isEmpty else { return nil }
        var data = SeriesData(
            id: found.series.id, labels: found.series.labels, timestamps: .empty, values: [])
        if !floats.isEmpty {
            let merged = merge.merge(floats)
            data.timestamps = merged.timestamps
            data.values = merged.values
            data.isRising = merged.isRising
        }
        guard !histograms.isEmpty else { return data }
        let merged = merge.merge(histograms)
        data.histogramTimestamps = merged.timestamps
        data.histograms = merged.histograms
        let (values, kept) = SampleExclusion.resolve(
            data.timestamps.nanos, data.values, merged.timestamps.nanos, false)
        if kept.count != data.values.count {
            data.values = values
            data.timestamps = interner.intern(kept)
        }
        return data
    }

    /// Without what is deleted; nil when nothing is left.
    private mutating func keep(_ part: SamplePart, _ deleted: DeletedSpans) -> SamplePart? {
        guard let kept = deleted.kept(part.timestamps.nanos) else { return part }
        guard !kept.isEmpty else { return nil }
        var picked = part.picking(kept)
        picked.timestamps = interner.intern(picked.timestamps.nanos)
        return picked
    }

    /// The same of histograms.
    private mutating func keep(
        _ part: (timestamps: TimestampColumn, histograms: [Histogram]), _ deleted: DeletedSpans
    ) -> (timestamps: TimestampColumn, histograms: [Histogram])? {
        guard let kept = deleted.kept(part.timestamps.nanos) else { return part }
        guard !kept.isEmpty else { return nil }
        return (
            interner.intern(kept.map { part.timestamps.nanos[$0] }),
            kept.map { part.histograms[$0] }
        )
    }

    private mutating func readFloats(
        _ part: SegmentPart
    ) throws(StorageError) -> SamplePart? {
        guard let time = part.entry.timeColumn else { return nil }
        let count = part.entry.floats.reduce(0) { $0 + $1.sampleCount }
        let (first, column) = try column(part.segment, time, count)
        guard !column.nanos.isEmpty else { return nil }
        var values: [Double] = []
        values.reserveCapacity(column.nanos.count)
        let data = try view.segments[part.segment].data()
        let positions = first..<first + column.nanos.count
        try data.values(part.entry.floats, positions: positions, into: &values)
        return SamplePart(
            timestamps: column, values: values,
            isRising: data.isRising(part.entry.floats, positions: positions))
    }

    private mutating func readHistograms(
        _ part: SegmentPart
    ) throws(StorageError) -> (timestamps: TimestampColumn, histograms: [Histogram])? {
        guard let time = part.entry.histogramTimeColumn else { return nil }
        let count = part.entry.histograms.reduce(0) { $0 + $1.sampleCount }
        let (first, column) = try column(part.segment, time, count)
        guard !column.nanos.isEmpty else { return nil }
        let histograms = try view.segments[part.segment].data().histograms(
            part.entry.histograms, positions: first..<first + column.nanos.count)
        return (column, histograms)
    }

    private mutating func column(
        _ segment: Int, _ place: ColumnPlace, _ count: Int
    ) throws(StorageError) -> (first: Int, column: TimestampColumn) {
        let key = ColumnKey(segment: segment, place: place)
        if let known = columns[key] { return known }
        let (first, nanos) = try view.segments[segment].data().timestamps(
            place, count: count, start: request.start.nanos, end: request.end.nanos)
        let made = (first: first, column: interner.intern(nanos))
        columns[key] = made
        return made
    }

    private mutating func cut(
        _ samples: (timestamps: [Int64], values: [Double])
    ) -> SamplePart? {
        let range = positions(samples.timestamps)
        guard !range.isEmpty else { return nil }
        var part = SamplePart(timestamps: .empty, values: samples.values)
        if range.count == samples.values.count {
            part.timestamps = interner.intern(samples.timestamps)
        } else {
            part.timestamps = interner.intern(Array(samples.timestamps[range]))
            part.values = Array(samples.values[range])
        }
        part.isRising = part.values[0] == part.values[0]
        for place in part.values.indices.dropFirst()
        where !(part.values[place] >= part.values[place - 1]) { part.isRising = false }
        return part
    }

    private func positions(_ timestamps: [Int64]) -> Range<Int> {
        let low = timestamps.firstPlace { $0 >= request.start.nanos }
        let high = timestamps.firstPlace { $0 >= request.end.nanos }
        return low..<max(low, high)
    }
}

extension Completeness {
    /// Notes what could not be read.
    mutating func note(_ error: StorageError) {
        merge(Completeness(missing: [error.description]))
    }
}
