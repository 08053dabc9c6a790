internal import Model
internal import Query

/// `/loki/api/v1/patterns`: Loki answers it from patterns that it found while lines came in, and only
/// for the last hours; here the lines of the range are read.
/// Source: Grafana Loki documentation, "HTTP API", patterns detection.
extension LokiAPI {
    private static let patternsShown = 300
    /// Loki's least.
    private static let patternStepNanosMin: Int64 = 10_000_000_000

    /// Parameters: `query`, a selector, a pipeline may follow; `start`, `end`, `since`; `step`.
    ///
    ///     [{"pattern":"GET <_> took <_> ms","level":"info","samples":[[seconds,count],…]},…]
    ///
    /// Lines of different levels have patterns of their own.
    func patterns(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query = try LogQLQuery(try call.required("query"))
        guard query.kind == .lines else {
            throw HTTPFailure.invalid("query", "it is about numbers, not lines")
        }
        let (start, end) = try span(call)
        let step = max(
            try step(call, span: end.nanos &- start.nanos), LokiAPI.patternStepNanosMin)
        let (patterns, completeness) = try await engine.patterns(
            LogQLRequest(
                tenant: call.tenant, query: query, start: start, end: end, stepNanos: step,
                limit: LokiAPI.patternsShown, budget: try context.budget(for: call)))
        return .json(
            PrometheusJSON.success(warnings: completeness.missing) { json in
                json.raw("[")
                for (index, pattern) in patterns.enumerated() {
                    if index > 0 { json.comma() }
                    json.raw("{\"pattern\":")
                    json.string(pattern.text)
                    json.raw(",\"level\":")
                    json.string(pattern.level)
                    json.raw(",\"samples\":[")
                    for (place, sample) in pattern.samples.enumerated() {
                        if place > 0 { json.comma() }
                        json.raw("[\(sample.nanos / 1_000_000_000),\(sample.count)]")
                    }
                    json.raw("]}")
                }
                json.raw("]")
            })
    }
}
