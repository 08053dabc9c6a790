internal import Model
internal import Query

/// `/api/v1/query_exemplars`: the exemplars of all series that a query selects, whatever it does with
/// them. Source: Prometheus documentation, "HTTP API", querying exemplars.
struct ExemplarAPI: Sendable {
    let context: QueryContext

    func addRoutes(to table: inout RouteTable) {
        for prefix in ["/api/v1", "/prometheus/api/v1"] {
            table.add([.get, .post], "\(prefix)/query_exemplars", .query, exemplars)
        }
    }

    func exemplars(_ call: HTTPCall) async throws -> HTTPAnswer {
        let start = try call.time("start") ?? .distantPast
        let end = try call.time("end") ?? .distantFuture
        guard end >= start else {
            throw HTTPFailure.badData("end timestamp must not be before start timestamp")
        }
        let selectors = try PromQLEngine.selectors(of: try call.required("query"))
        let selector = Selector(alternatives: selectors.flatMap(\.alternatives))
        guard let tenant = call.tenant.exemplars, !selector.alternatives.isEmpty else {
            return .json(ExemplarAPI.answer([:], Completeness()))
        }
        let request = LineRequest(
            tenant: tenant, selector: ExemplarAPI.streams(of: selector), start: start,
            end: end.advanced(byNanos: 1), order: .forward, budget: try context.budget(for: call))
        var found: [Labels: [Exemplar]] = [:]
        // Who scrapes meets the same one until there is another.
        var seen: Set<Exemplar> = []
        let completeness = try await context.querier.selectLines(request) { batch in
            for row in 0..<batch.lines.count {
                guard let exemplar = Exemplar(row, of: batch), selector.matches(exemplar.series)
                else { continue }
                if seen.insert(exemplar).inserted {
                    found[exemplar.series, default: []].append(exemplar)
                }
            }
            return true
        }
        return .json(ExemplarAPI.answer(found, completeness))
    }

    /// Streams have nothing but the metric's name.
    private static func streams(of selector: Selector) -> Selector {
        Selector(
            alternatives: selector.alternatives.map { matchers in
                matchers.filter { $0.name == "__name__" }
            })
    }

    private static func answer(
        _ found: [Labels: [Exemplar]], _ completeness: Completeness
    ) -> [UInt8] {
        PrometheusJSON.success(warnings: completeness.missing) { json in
            json.raw("[")
            for (index, series) in found.keys.sorted().enumerated() {
                if index > 0 { json.comma() }
                json.raw("{\"seriesLabels\":")
                json.object(series)
                json.raw(",\"exemplars\":[")
                for (number, exemplar) in (found[series] ?? []).enumerated() {
                    if number > 0 { json.comma() }
                    json.raw("{\"labels\":")
                    json.object(exemplar.labels)
                    json.raw(",\"value\":")
                    json.quoted(exemplar.value)
                    json.raw(",\"timestamp\":")
                    json.seconds(millis: exemplar.timestamp.millis)
                    json.raw("}")
                }
                json.raw("]}")
            }
            json.raw("]")
        }
    }
}

extension Exemplar {
    /// The exemplar in a line of `batch`; nil when it is none.
    fileprivate init?(_ row: Int, of batch: LineData) {
        let lines = batch.lines
        let stream = batch.streams[Int(lines.streamIndexes[row])]
        self.init(
            metric: stream.labels?.metricName ?? "",
            metadata: lines.metadataBytes[lines.metadataRange(row)],
            line: lines.bytes[lines.lineRange(row)],
            timestamp: Timestamp(nanos: lines.timestamps[row]))
    }
}
