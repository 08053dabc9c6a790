internal import Encoding
internal import Model
internal import Query

/// `/federate`: the newest sample of each selected series in the text format, for a Prometheus that
/// scrapes this store. Native histograms are left out: the format has none.
/// Source: Prometheus documentation, "Federation"; the format is "Exposition formats", 0.0.4.
struct FederationAPI: Sendable {
    let context: QueryContext
    /// How far back a sample counts as the newest.
    let lookbackNanos: Int64

    func addRoutes(to table: inout RouteTable) {
        for path in ["/federate", "/prometheus/federate"] {
            table.add([.get], path, .query, federate)
        }
    }

    func federate(_ call: HTTPCall) async throws -> HTTPAnswer {
        var alternatives: [[Matcher]] = []
        for text in call.parameters.all("match") {
            alternatives.append(try PromQLEngine.parseSelector(text))
        }
        guard !alternatives.isEmpty else {
            throw HTTPFailure.badData("no match[] parameter provided")
        }
        let now = context.now()
        let request = SeriesRequest(
            tenant: call.tenant, selector: Selector(alternatives: alternatives),
            start: now.advanced(byNanos: -lookbackNanos + 1), end: now.advanced(byNanos: 1),
            budget: try context.budget(for: call))
        var found: [Newest] = []
        let completeness = try await context.querier.selectSeries(request) { batch in
            found += batch.compactMap(Newest.init)
        }
        found.sort { ($0.metric, $0.labels) < ($1.metric, $1.labels) }
        var answer = HTTPAnswer(
            contentType: Exposition.contentType, body: .bytes(FederationAPI.text(found)))
        // A scrape that lacks series says so nowhere else.
        answer.warn(completeness)
        return answer
    }

    /// A series' newest sample.
    private struct Newest {
        let metric: String
        let labels: Labels
        let millis: Int64
        let value: Double

        /// Nil when it has ended, or its newest sample is a histogram.
        init?(_ series: SeriesData) {
            guard let nanos = series.timestamps.nanos.last, let value = series.values.last,
                nanos >= series.histogramTimestamps.nanos.last ?? .min, !value.isStaleMarker
            else { return nil }
            metric = series.labels.metricName
            labels = series.labels
            millis = nanos / 1_000_000
            self.value = value
        }
    }

    private static func text(_ series: [Newest]) -> [UInt8] {
        var bytes: [UInt8] = []
        var metric: String?
        for one in series {
            if one.metric != metric {
                bytes += "# TYPE \(Exposition.name(one.metric)) untyped\n".utf8
                metric = one.metric
            }
            Exposition.append(series: one.labels, to: &bytes)
            bytes.append(UInt8(ascii: " "))
            DoubleText.append(one.value, to: &bytes)
            bytes += " \(one.millis)\n".utf8
        }
        return bytes
    }
}
