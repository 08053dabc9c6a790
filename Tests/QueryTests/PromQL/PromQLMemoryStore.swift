import Model

/// A querier over series held in memory, for behaviour scripts. Series with equal timestamps share
/// a column, as they do in the storage.
final class PromQLMemoryStore: Querier {
    private let series: [SeriesData]

    init(_ series: [SeriesData]) {
        var columns: [[Int64]: TimestampColumn] = [:]
        self.series = series.map { item in
            var shared = item
            let known = columns[item.timestamps.nanos] ?? item.timestamps
            columns[item.timestamps.nanos] = known
            shared.timestamps = known
            return shared
        }
    }

    func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness {
        var columns: [ObjectIdentifier: TimestampColumn] = [:]
        var batch: [SeriesData] = []
        for item in series where request.selector.matches(item.labels) {
            let places = PromQLMemoryStore.places(item.timestamps.nanos, request)
            let histogramPlaces = PromQLMemoryStore.places(
                item.histogramTimestamps.nanos, request)
            guard !places.isEmpty || !histogramPlaces.isEmpty else { continue }
            try request.budget.charge(samples: places.count + histogramPlaces.count)
            let key = ObjectIdentifier(item.timestamps)
            let column = columns[key] ?? TimestampColumn(Array(item.timestamps.nanos[places]))
            columns[key] = column
            batch.append(
                SeriesData(
                    id: item.id, labels: item.labels, timestamps: column,
                    values: Array(item.values[places]),
                    histogramTimestamps: TimestampColumn(
                        Array(item.histogramTimestamps.nanos[histogramPlaces])),
                    histograms: Array(item.histograms[histogramPlaces])))
            if batch.count == 3 {
                try sink(batch)
                batch = []
            }
        }
        if !batch.isEmpty { try sink(batch) }
        return Completeness()
    }

    private static func places(_ nanos: [Int64], _ request: SeriesRequest) -> Range<Int> {
        let low = nanos.firstIndex { $0 >= request.start.nanos } ?? nanos.count
        let high = nanos.firstIndex { $0 >= request.end.nanos } ?? nanos.count
        return low..<max(low, high)
    }

    func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness { Completeness() }

    func labelNames(_ request: LabelRequest) async throws -> [String] { [] }
    func labelValues(_ name: String, _ request: LabelRequest) async throws -> [String] { [] }
    func labelSets(_ request: LabelRequest) async throws -> [Labels] { [] }
    func metadata(tenant: Tenant, metric: String?) async throws -> [MetricMetadata] { [] }

    func follow(
        tenant: Tenant, _ body: @escaping @Sendable (WriteBatch) -> Void
    ) -> any FollowSubscription { NoSubscription() }

    private final class NoSubscription: FollowSubscription {
        func cancel() {}
    }
}
