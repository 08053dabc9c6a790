internal import Model
internal import QuerySupport

/// A few series and lines in memory, of all kinds that queries meet, odd values and times among
/// them.
final class FuzzStore: SilentQuerier {
    static let epoch: Int64 = 1_750_000_000_000_000_000
    static let shared = FuzzStore(
        lines: [
            "level=info took=1.5s size=2KB msg=\"hello you\"",
            "{\"a\":{\"b\":[1,\"x\"]},\"d\":2.5}",
            "10.1.2.3 - GET /a 200 12ms", "\u{1b}[31mred\u{1b}[0m", "",
            "{\"_entry\":\"e\",\"a\":\"1\"}",
            "level=", "{\"a\":",
        ].map { Array($0.utf8) })

    /// A query that goes on for longer is stopped by a limit, not by libFuzzer.
    static var budget: QueryBudget {
        QueryBudget(limits: QueryBudget.Limits(samplesMax: 20_000, seriesMax: 1_000))
    }

    private let series: [SeriesData]
    private let lines: [[UInt8]]

    init(lines: [[UInt8]]) {
        self.lines = lines
        series = FuzzStore.makeSeries()
    }

    private static func makeSeries() -> [SeriesData] {
        let steady = TimestampColumn((0..<40).map { epoch + Int64($0) * 15_000_000_000 })
        let odd = TimestampColumn([.min, .min + 1, -1, 0, 1, epoch, epoch + 7, .max - 1, .max])
        let floats: [(String, TimestampColumn, [Double])] = [
            ("x", steady, (0..<40).map { Double($0 * $0 % 50) }),
            ("y", steady, (0..<40).map { Double($0) * 0.1 - 2 }),
            (
                "x", odd,
                [1, .nan, .infinity, -.infinity, 0, -0.0, 1e308, .leastNonzeroMagnitude, 3]
            ),
            ("z", odd, (0..<9).map { $0 == 4 ? .staleMarker : Double($0) }),
        ]
        var series = floats.enumerated().map { number, item in
            let labels = Labels([
                ("__name__", item.0), ("a", "\(number)"), ("b", "c"), ("le", "\(number)"),
            ])
            return SeriesData(
                id: SeriesID(tenant: .standard, labels: labels), labels: labels,
                timestamps: item.1, values: item.2)
        }
        let labels = Labels([("__name__", "h"), ("a", "0")])
        let custom = Histogram(
            schema: Histogram.customBoundsSchema, count: 3, sum: 2,
            positive: .init(indexes: [0, 2], counts: [1, 2]), customBounds: [0.5, 1])
        series.append(
            SeriesData(
                id: SeriesID(tenant: .standard, labels: labels), labels: labels,
                timestamps: .empty, values: [], histogramTimestamps: steady,
                histograms: (0..<40).map { step in
                    if step == 20 { return custom }
                    return Histogram(
                        schema: Int32(step % 12 - 4), zeroThreshold: 0.001,
                        zeroCount: Double(step), count: Double(4 * step),
                        sum: Double(step) - 9,
                        positive: .init(
                            indexes: [-2, 0, 7], counts: [Double(step), Double(step), 0]),
                        negative: .init(indexes: [Int32(step)], counts: [Double(step)]))
                }))
        return series
    }

    func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness {
        var batch: [SeriesData] = []
        for item in renamed(for: request.selector)
        where request.selector.matches(item.labels) {
            let places = request.places(in: item.timestamps.nanos)
            let histogramPlaces = request.places(in: item.histogramTimestamps.nanos)
            try request.budget.charge(series: 1)
            try request.budget.charge(samples: places.count + histogramPlaces.count)
            batch.append(
                SeriesData(
                    id: item.id, labels: item.labels,
                    timestamps: TimestampColumn(Array(item.timestamps.nanos[places])),
                    values: Array(item.values[places]),
                    histogramTimestamps: TimestampColumn(
                        Array(item.histogramTimestamps.nanos[histogramPlaces])),
                    histograms: Array(item.histograms[histogramPlaces])))
        }
        if !batch.isEmpty { try sink(batch) }
        return Completeness()
    }

    /// Whatever metric is asked for is there, so that queries find something to work on.
    private func renamed(for selector: Selector) -> [SeriesData] {
        let matcher = selector.alternatives.first?.first {
            $0.name == "__name__" && $0.operation == .equal
        }
        let known = series.contains { $0.labels.metricName == matcher?.value }
        guard let name = matcher?.value, !name.isEmpty, !known else { return series }
        let wanted = ["x", "y", "z", "h"][name.utf8.count % 4]
        return series.filter { $0.labels.metricName == wanted }.map { item in
            var item = item
            item.labels = Labels(
                item.labels.pairs.map {
                    $0.name == "__name__" ? ($0.name, name) : ($0.name, $0.value)
                })
            return item
        }
    }

    func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness {
        let labels = Labels([("a", "b"), ("c", "d")])
        guard request.selector.matches(labels) else { return Completeness() }
        var data = LineData(
            streams: [SeriesReference(tenant: request.tenant, labels: labels)],
            lines: LineColumns())
        for (number, line) in lines.enumerated() {
            let time = FuzzStore.epoch + Int64(number) * 10_000_000_000
            guard time >= request.start.nanos, time < request.end.nanos else { continue }
            data.lines.append(
                streamIndex: 0, timestamp: time, line: line[...],
                metadata: Labels([("trace", "\(number)")]).bytes[...])
        }
        try request.budget.charge(bytes: data.lines.bytes.count)
        _ = try sink(data)
        return Completeness()
    }
}
