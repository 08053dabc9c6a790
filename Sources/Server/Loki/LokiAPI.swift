internal import Ingest
internal import Model
internal import Query

/// The Loki HTTP API, as Grafana's Loki data source and logcli call it.
/// Source: Grafana Loki documentation, "HTTP API".
struct LokiAPI: Sendable {
    let engine: LogQLEngine
    let context: QueryContext
    /// How what is pushed is read.
    let intake: Adjustable<IngestLimits>

    /// Loki's defaults.
    static let limitStandard = 100
    static let spanNanosStandard: Int64 = 3_600_000_000_000

    func addRoutes(to table: inout RouteTable) {
        let both: [HTTPCall.Method] = [.get, .post]
        let prefix = "/loki/api/v1"
        table.add(both, "\(prefix)/query", .query, query)
        table.add(both, "\(prefix)/query_range", .query, queryRange)
        table.add(both, "\(prefix)/labels", .query, labels)
        table.add([.get], "\(prefix)/label", .query, labels)
        table.add([.get], "\(prefix)/label/{name}/values", .query, labelValues)
        table.add(both, "\(prefix)/series", .query, series)
        table.add(both, "\(prefix)/index/stats", .query, indexStats)
        table.add(both, "\(prefix)/format_query", .quick, formatQuery)
        table.add([.get], "\(prefix)/status/buildinfo", .quick, buildInfo)
        table.add(both, "\(prefix)/index/volume", .query, volume)
        table.add(both, "\(prefix)/index/volume_range", .query, volumeRange)
        table.add(both, "\(prefix)/patterns", .query, patterns)
        table.add(both, "\(prefix)/detected_labels", .query, detectedLabels)
        table.add(both, "\(prefix)/detected_fields", .query, detectedFields)
        table.add(both, "\(prefix)/detected_field/{name}/values", .query, detectedValues)
        table.add([.get], "\(prefix)/drilldown-limits", .quick, drilldownLimits)
        table.add([.get], "/config", .quick, configuration)
    }

    func query(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query = try LogQLQuery(try call.required("query"))
        let time = try call.logTime("time", .distantPast)
        let end = time == .distantPast ? context.now() : time
        let isMetric = query.kind == .metric
        // Loki refuses log queries here; the last hour is what a person means.
        var request = LogQLRequest(
            tenant: call.tenant, query: query,
            start: end.advanced(byNanos: -LokiAPI.spanNanosStandard),
            end: isMetric ? end : end.advanced(byNanos: 1), budget: try context.budget(for: call))
        request.direction = try direction(call)
        if isMetric { return .json(LokiJSON.answer(try await engine.query(request))) }
        request.limit = try limit(call)
        return try await lines(request, call)
    }

    func queryRange(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query = try LogQLQuery(try call.required("query"))
        let (start, end) = try span(call)
        var request = LogQLRequest(
            tenant: call.tenant, query: query, start: start, end: end,
            budget: try context.budget(for: call))
        if query.kind == .metric {
            request.stepNanos = try step(call, span: end.nanos &- start.nanos)
            return .json(LokiJSON.answer(try await engine.query(request)))
        }
        request.direction = try direction(call)
        request.limit = try limit(call)
        return try await lines(request, call, intervalNanos: try interval(call))
    }

    func labels(_ call: HTTPCall) async throws -> HTTPAnswer {
        let names = try await context.querier.labelNames(try labelRequest(call))
        return .json(PrometheusJSON.answer(names))
    }

    func labelValues(_ call: HTTPCall) async throws -> HTTPAnswer {
        let values = try await context.querier.labelValues(
            call.pathValues["name"] ?? "", try labelRequest(call))
        return .json(PrometheusJSON.answer(values))
    }

    func series(_ call: HTTPCall) async throws -> HTTPAnswer {
        let sets = try await context.querier.labelSets(try labelRequest(call, "match"))
        return .json(PrometheusJSON.answer(sets))
    }

    func formatQuery(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query = try LogQLQuery(try call.required("query"))
        return .json(PrometheusJSON.success { $0.string(query.description) })
    }

    func buildInfo(_ call: HTTPCall) async throws -> HTTPAnswer {
        var json = JSONWriter()
        // Clients read the version to know which functions and endpoints exist.
        json.raw("{\"version\":\"\(LokiAPI.likeness)\",\"revision\":")
        json.string(context.version)
        json.raw(",\"branch\":\"varve\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":\"\"}")
        return .json(json.bytes)
    }

    /// `intervalNanos`: between two lines of a stream at least so much; 0 takes all.
    private func lines(
        _ request: LogQLRequest, _ call: HTTPCall, intervalNanos: Int64 = 0
    ) async throws -> HTTPAnswer {
        let flags = call.headers["x-loki-response-encoding-flags"] ?? ""
        let isCategorized = flags.contains("categorize-labels")
        var streams = LokiJSON.Streams(isCategorized: isCategorized)
        var request = request
        var rest = request.limit ?? .max
        var thinning = LineThinning(intervalNanos: intervalNanos)
        if intervalNanos > 0 { request.limit = nil }
        let summary = try await engine.stream(request) { batch in
            guard intervalNanos > 0 else {
                streams.add(batch)
                return true
            }
            let thinned = thinning.thinned(batch, limit: rest)
            rest -= thinned.lines.count
            streams.add(thinned)
            return rest > 0
        }
        return .json(
            LokiJSON.answer(
                streams, isCategorized: isCategorized, statistics: summary.statistics,
                warnings: summary.completeness.missing))
    }
}
