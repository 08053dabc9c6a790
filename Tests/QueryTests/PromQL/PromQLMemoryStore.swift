import Model
import QuerySupport

/// A querier over series held in memory, for behaviour scripts. Series with equal timestamps share
/// a column, as they do in the storage.
final class PromQLMemoryStore: SilentQuerier {
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
            let places = request.places(in: item.timestamps.nanos)
            let histogramPlaces = request.places(in: item.histogramTimestamps.nanos)
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
}
