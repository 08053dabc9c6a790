internal import Model
internal import Query

/// How much there is: `index/stats`, `index/volume` and `index/volume_range`. Bytes and lines are
/// counted, not estimated from an index. Source: Grafana Loki documentation, "HTTP API".
extension LokiAPI {
    /// Loki's `volume_max_series`.
    static let volumeLimitStandard = 100
    static let volumeLimitMax = 1_000

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

    /// Parameters: `query`, a selector; `start`, `end`, `since`; `limit`; `targetLabels`, names
    /// joined by commas; `aggregateBy`, series or labels. A vector, most bytes first.
    func volume(_ call: HTTPCall) async throws -> HTTPAnswer {
        let (start, end) = try span(call)
        return try await volume(call, from: start, to: end, stepNanos: 0)
    }

    /// The same in steps of `step`: a matrix. Each point counts the step that ends there.
    func volumeRange(_ call: HTTPCall) async throws -> HTTPAnswer {
        let (start, end) = try span(call)
        let step = try step(call, span: end.nanos &- start.nanos)
        return try await volume(call, from: start, to: end, stepNanos: step)
    }

    private func volume(
        _ call: HTTPCall, from start: Timestamp, to end: Timestamp, stepNanos: Int64
    ) async throws -> HTTPAnswer {
        let question = try VolumeQuestion(call)
        let limit = try call.count("limit") ?? LokiAPI.volumeLimitStandard
        guard 1...LokiAPI.volumeLimitMax ~= limit else {
            throw HTTPFailure.invalid("limit", "1 to \(LokiAPI.volumeLimitMax) is expected")
        }
        var names = question.names
        if names.isEmpty {
            let request = LabelRequest(
                tenant: call.tenant, signal: .logs, selector: Selector(question.matchers),
                start: start, end: end, budget: try context.budget(for: call))
            names = try await context.querier.labelNames(request).values
        }
        var volumes = LogVolumes(isByLabel: question.isByLabel)
        guard !names.isEmpty else {
            return .json(volumes.answer(limit: limit, isRange: stepNanos > 0, warnings: []))
        }
        // The engine's windows end with their point and ours before it: a nanosecond back, where
        // points of whole milliseconds allow to move it forth again.
        let millisecond: Int64 = 1_000_000
        let isShifted =
            stepNanos > 0 && start.nanos % millisecond == 0 && stepNanos % millisecond == 0
        let back: Int64 = isShifted ? -1 : 0
        let first = stepNanos > 0 ? min(start.advanced(byNanos: stepNanos), end) : end
        let window = stepNanos > 0 ? stepNanos : LokiAPI.window(start, end)
        let answer = try await engine.query(
            LogQLRequest(
                tenant: call.tenant,
                query: try LogQLQuery(question.metric(by: names, windowNanos: window)),
                start: first.advanced(byNanos: back), end: end.advanced(byNanos: back),
                stepNanos: stepNanos, budget: try context.budget(for: call))
        ).answer
        switch answer.value {
        case .vector(let samples):
            for sample in samples {
                if case .float(let bytes) = sample.value {
                    volumes.add(sample.labels, [sample.timestampMillis], [bytes])
                }
            }
        case .matrix(let series):
            for one in series {
                volumes.add(one.labels, one.timestampsMillis.map { $0 - back }, one.values)
            }
        default: break
        }
        return .json(
            volumes.answer(
                limit: limit, isRange: stepNanos > 0, warnings: answer.completeness.missing))
    }

    private func count(_ function: String, _ call: HTTPCall) async throws -> Int {
        guard let selector = call.parameters["query"], !selector.isEmpty else { return 0 }
        let (start, end) = try span(call)
        let nanos = LokiAPI.window(start, end)
        let query = try LogQLQuery("sum(\(function)(\(selector)[\(nanos)ns]))")
        let answer = try await engine.query(
            LogQLRequest(
                tenant: call.tenant, query: query, start: end, end: end,
                budget: try context.budget(for: call)))
        guard case .vector(let samples) = answer.answer.value,
            case .float(let value)? = samples.first?.value
        else { return 0 }
        return Int(value)
    }

    /// What reaches back from `end` to `start`, that included.
    private static func window(_ start: Timestamp, _ end: Timestamp) -> Int64 {
        let (span, overflow) = end.nanos.subtractingReportingOverflow(start.nanos)
        return overflow || span == .max ? .max : span + 1
    }
}
