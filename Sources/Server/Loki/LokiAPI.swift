internal import Model
internal import Query

/// The Loki HTTP API, as Grafana's Loki data source and logcli call it.
/// Source: Grafana Loki documentation, "HTTP API".
struct LokiAPI: Sendable {
    let engine: LogQLEngine
    let context: QueryContext

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
        return try await lines(request, call)
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

    /// Grafana shows it before a query is run: how much the selector would read.
    func indexStats(_ call: HTTPCall) async throws -> HTTPAnswer {
        let request = try labelRequest(call)
        let streams = try await context.querier.labelSets(request).values
        let entries = try await count("count_over_time", call)
        let bytes = try await count("bytes_over_time", call)
        var json = JSONWriter()
        json.raw("{\"streams\":\(streams.count),\"chunks\":\(streams.count),")
        json.raw("\"bytes\":\(bytes),\"entries\":\(entries)}")
        return .json(json.bytes)
    }

    func formatQuery(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query = try LogQLQuery(try call.required("query"))
        return .json(PrometheusJSON.success { $0.string(query.description) })
    }

    func buildInfo(_ call: HTTPCall) async throws -> HTTPAnswer {
        var json = JSONWriter()
        // Clients read the version to know which functions and endpoints exist.
        json.raw("{\"version\":\"3.0.0\",\"revision\":")
        json.string(context.version)
        json.raw(",\"branch\":\"varve\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":\"\"}")
        return .json(json.bytes)
    }

    private func lines(_ request: LogQLRequest, _ call: HTTPCall) async throws -> HTTPAnswer {
        let flags = call.headers["x-loki-response-encoding-flags"] ?? ""
        let isCategorized = flags.contains("categorize-labels")
        var streams = LokiJSON.Streams(isCategorized: isCategorized)
        let summary = try await engine.stream(request) { batch in
            streams.add(batch)
            return true
        }
        return .json(
            LokiJSON.answer(
                streams, isCategorized: isCategorized, statistics: summary.statistics,
                warnings: summary.completeness.missing))
    }

    private func count(_ function: String, _ call: HTTPCall) async throws -> Int {
        guard let selector = call.parameters["query"], !selector.isEmpty else { return 0 }
        let (start, end) = try span(call)
        let seconds = max((end.nanos &- start.nanos) / 1_000_000_000, 1)
        let query = try LogQLQuery("sum(\(function)(\(selector)[\(seconds)s]))")
        let answer = try await engine.query(
            LogQLRequest(
                tenant: call.tenant, query: query, start: end, end: end,
                budget: try context.budget(for: call)))
        guard case .vector(let samples) = answer.answer.value,
            case .float(let value)? = samples.first?.value
        else { return 0 }
        return Int(value)
    }

    private func labelRequest(
        _ call: HTTPCall, _ parameter: String = "query"
    ) throws -> LabelRequest {
        let (start, end) = try span(call, standard: 6 * LokiAPI.spanNanosStandard)
        var alternatives: [[Matcher]] = []
        for text in call.parameters.all(parameter) where !text.isEmpty {
            alternatives.append(try LogQLQuery.parseSelector(text))
        }
        return LabelRequest(
            tenant: call.tenant, signal: .logs,
            selector: alternatives.isEmpty
                ? .everything : Selector(alternatives: alternatives),
            start: start, end: end, budget: try context.budget(for: call))
    }

    /// `start`, `end` and `since`, as Loki reads them.
    private func span(
        _ call: HTTPCall, standard: Int64 = spanNanosStandard
    ) throws(HTTPFailure) -> (start: Timestamp, end: Timestamp) {
        let end = try call.logTime("end", context.now())
        var span = standard
        if let text = call.parameters["since"], !text.isEmpty {
            guard let nanos = TimeText.duration(text), nanos > 0 else {
                throw HTTPFailure.invalid("since", "a duration above zero is expected")
            }
            span = nanos
        }
        let start = try call.logTime("start", end.advanced(byNanos: -span))
        guard start <= end else {
            throw HTTPFailure.invalid("end", "it is before start")
        }
        return (start, end)
    }

    private func limit(_ call: HTTPCall) throws(HTTPFailure) -> Int? {
        let limit = try call.count("limit") ?? LokiAPI.limitStandard
        return limit == 0 ? nil : limit
    }

    private func direction(_ call: HTTPCall) throws(HTTPFailure) -> LogQLRequest.Direction {
        switch call.parameters["direction"]?.lowercased() ?? "backward" {
        case "", "backward": return .backward
        case "forward": return .forward
        default: throw HTTPFailure.invalid("direction", "forward or backward is expected")
        }
    }

    /// As Loki chooses it when none is given: 250 points, whole seconds.
    private func step(_ call: HTTPCall, span: Int64) throws(HTTPFailure) -> Int64 {
        guard let text = call.parameters["step"], !text.isEmpty else {
            return max(span / 250 / 1_000_000_000, 1) * 1_000_000_000
        }
        guard let nanos = TimeText.duration(text), nanos > 0 else {
            throw HTTPFailure.invalid("step", "a duration above zero is expected")
        }
        return nanos
    }
}

extension HTTPCall {
    /// A time as Loki takes it: nanoseconds, seconds or RFC 3339.
    func logTime(_ name: String, _ standard: Timestamp) throws(HTTPFailure) -> Timestamp {
        guard let text = parameters[name], !text.isEmpty else { return standard }
        guard let time = TimeText.parse(text, integersAreNanos: true) else {
            throw HTTPFailure.invalid(
                name, "cannot parse \"\(text)\": nanoseconds, seconds or RFC 3339 is expected")
        }
        return time
    }
}
