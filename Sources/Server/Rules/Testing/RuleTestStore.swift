package import Model
internal import Synchronization

/// Series in memory, behind both doors, for tests of rules. What lies after `horizon` is not there
/// yet.
package final class RuleTestStore: Appender, Querier {
    private struct Series {
        var floats: [Int64: Double] = [:]
        var histograms: [Int64: Histogram] = [:]
    }

    private struct State {
        var series: [Labels: Series] = [:]
        var horizon = Int64.max
    }

    private let state = Mutex(State())

    package init() {}

    /// The last moment that is there, ns.
    package func setHorizon(nanos: Int64) { state.withLock { $0.horizon = nanos } }

    package func append(_ batch: WriteBatch) async throws(AppendError) -> AppendReceipt {
        take(batch)
        return AppendReceipt()
    }

    /// The same; nothing can go wrong.
    package func take(_ batch: WriteBatch) {
        state.withLock { state in
            let labels = batch.series.map { $0.labels ?? .empty }
            for index in 0..<batch.samples.count {
                let series = labels[Int(batch.samples.seriesIndexes[index])]
                state.series[series, default: Series()]
                    .floats[batch.samples.timestamps[index]] = batch.samples.values[index]
            }
            for sample in batch.histograms {
                let series = labels[Int(sample.seriesIndex)]
                state.series[series, default: Series()]
                    .histograms[sample.timestamp] = sample.histogram
            }
        }
    }

    package func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness {
        let batch = state.withLock { state in
            let end = state.horizon == .max ? Int64.max : state.horizon + 1
            let range = request.start.nanos..<max(request.start.nanos, min(request.end.nanos, end))
            return state.series.keys.filter(request.selector.matches).sorted().compactMap {
                RuleTestStore.data($0, state.series[$0] ?? Series(), range, request.tenant)
            }
        }
        try request.budget.charge(
            samples: batch.reduce(0) { $0 + $1.values.count + $1.histograms.count })
        if !batch.isEmpty { try sink(batch) }
        return Completeness()
    }

    private static func data(
        _ labels: Labels, _ series: Series, _ range: Range<Int64>, _ tenant: Tenant
    ) -> SeriesData? {
        let floats = series.floats.filter { range.contains($0.key) }.sorted { $0.key < $1.key }
        let histograms = series.histograms.filter { range.contains($0.key) }
            .sorted { $0.key < $1.key }
        guard !floats.isEmpty || !histograms.isEmpty else { return nil }
        return SeriesData(
            id: SeriesID(tenant: tenant, labels: labels), labels: labels,
            timestamps: TimestampColumn(floats.map(\.key)), values: floats.map(\.value),
            histogramTimestamps: TimestampColumn(histograms.map(\.key)),
            histograms: histograms.map(\.value))
    }

    /// There are no log lines.
    package func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness { Completeness() }

    package func labelSets(_ request: LabelRequest) async throws -> LabelAnswer<Labels> {
        LabelAnswer(
            state.withLock { $0.series.keys.filter(request.selector.matches).sorted() })
    }

    package func labelNames(_ request: LabelRequest) async throws -> LabelAnswer<String> {
        let sets = try await labelSets(request).values
        return LabelAnswer(Set(sets.flatMap { $0.pairs.map(\.name) }).sorted())
    }

    package func labelValues(
        _ name: String, _ request: LabelRequest
    ) async throws -> LabelAnswer<String> {
        LabelAnswer(Set(try await labelSets(request).values.compactMap { $0[name] }).sorted())
    }

    package func metadata(tenant: Tenant, metric: String?) async throws -> [MetricMetadata] { [] }

    package func follow(
        tenant: Tenant, onGap: @escaping @Sendable (Timestamp) -> Void,
        _ body: @escaping @Sendable (WriteBatch) -> Void
    ) -> any FollowSubscription { NoLines() }

    /// Nothing ever comes.
    private final class NoLines: FollowSubscription {
        func ready() async {}
        func cancel() {}
    }
}
