package import Model

/// Runs a log query over batches as they are written: live tail. Remembers which streams are
/// selected; one per subscriber, used by one thread at a time.
package struct LogFollower: Sendable {
    private let selector: Selector
    private var collector: LogEntryCollector
    private var streams: [SeriesID: Known] = [:]
    /// Lines left out because their stream's labels never came by.
    package private(set) var unknownLineCount = 0

    private struct Known {
        var labels: Labels
        var isSelected: Bool
    }

    /// Streams remembered; beyond it the memory starts afresh.
    package static let streamsMax = 1 << 20

    /// Throws when `query` is not about lines.
    package init(_ query: LogQLQuery) throws(QueryError) {
        guard case .log(let log) = query.expression else {
            throw .execution(message: "only log queries can be followed")
        }
        guard log.ending == nil else {
            throw .execution(message: "context and patterns cannot be followed")
        }
        selector = Selector(log.matchers)
        collector = LogEntryCollector(log, now: nil)
    }

    /// The lines of `batch` that the query keeps, in order of arrival. `labels` is asked for
    /// streams whose labels neither this batch nor one before it carried.
    package mutating func process(
        _ batch: WriteBatch, labels: (SeriesID) -> Labels? = { _ in nil }
    ) -> LogEntryBatch {
        process(LineData(streams: batch.streams, lines: batch.lines), labels: labels)
    }

    /// The lines of `data` that the query keeps.
    package mutating func process(
        _ data: LineData, labels: (SeriesID) -> Labels? = { _ in nil }
    ) -> LogEntryBatch {
        if streams.count > LogFollower.streamsMax { streams.removeAll() }
        if collector.pipeline.distinctCount > DistinctStage.countMax { collector.forgetDistinct() }
        var data = data
        var isSelected = [Bool](repeating: false, count: data.streams.count)
        var isUnknown = isSelected
        for index in data.streams.indices {
            let reference = data.streams[index]
            if streams[reference.id] == nil, let set = reference.labels ?? labels(reference.id) {
                streams[reference.id] = Known(labels: set, isSelected: selector.matches(set))
            }
            guard let known = streams[reference.id] else {
                isUnknown[index] = true
                continue
            }
            isSelected[index] = known.isSelected
            data.streams[index].labels = known.labels
        }
        if isUnknown.contains(true) {
            unknownLineCount += data.lines.streamIndexes.count { isUnknown[Int($0)] }
        }
        guard isSelected.contains(true) else { return LogEntryBatch() }
        return collector.collect(data, limit: .max, appliesHead: true) { isSelected[$0] }
    }
}
