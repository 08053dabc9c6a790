internal import Model
internal import Query

/// `/loki/api/v1/patterns`: Loki answers it from patterns that it found while lines came in, and only
/// for the last hours; here the lines of the range are read, the newest `patternLinesMax` of them.
/// Source: Grafana Loki documentation, "HTTP API", patterns detection.
extension LokiAPI {
    private static let patternLinesMax = 200_000
    private static let patternsShown = 300
    /// Loki's least.
    private static let patternStepNanosMin: Int64 = 10_000_000_000

    /// Parameters: `query`, a selector, line filters may follow; `start`, `end`, `since`; `step`.
    func patterns(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query = try LogQLQuery(try call.required("query"))
        guard query.kind == .lines else {
            throw HTTPFailure.invalid("query", "it is about numbers, not lines")
        }
        let (start, end) = try span(call)
        let step = max(
            try step(call, span: end.nanos &- start.nanos), LokiAPI.patternStepNanosMin)
        let request = LogQLRequest(
            tenant: call.tenant, query: query, start: start, end: end,
            limit: LokiAPI.patternLinesMax, direction: .backward,
            budget: try context.budget(for: call))
        var patterns = LogPatterns(stepNanos: step)
        let summary = try await engine.stream(request) { batch in
            patterns.add(batch)
            return true
        }
        var warnings = summary.completeness.missing
        if summary.statistics.entriesReturned >= LokiAPI.patternLinesMax {
            warnings.append("only the newest \(LokiAPI.patternLinesMax) lines were looked at")
        }
        if patterns.otherCount > 0 {
            warnings.append("\(patterns.otherCount) lines are of further patterns")
        }
        return .json(patterns.answer(limit: LokiAPI.patternsShown, warnings: warnings))
    }
}
