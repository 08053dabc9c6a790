internal import Model
internal import Query

/// Parameters that several endpoints share, as Loki reads them.
extension LokiAPI {
    func labelRequest(
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
    func span(
        _ call: HTTPCall, standard: Int64 = LokiAPI.spanNanosStandard
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

    func limit(_ call: HTTPCall) throws(HTTPFailure) -> Int? {
        let limit = try call.count("limit") ?? LokiAPI.limitStandard
        return limit == 0 ? nil : limit
    }

    /// Of lines of one stream, at least; 0: all.
    func interval(_ call: HTTPCall) throws(HTTPFailure) -> Int64 {
        guard let text = call.parameters["interval"], !text.isEmpty else { return 0 }
        guard let nanos = TimeText.duration(text), nanos >= 0 else {
            throw HTTPFailure.invalid("interval", "a duration is expected")
        }
        return nanos
    }

    func direction(_ call: HTTPCall) throws(HTTPFailure) -> LogQLRequest.Direction {
        switch call.parameters["direction"]?.lowercased() ?? "backward" {
        case "", "backward": return .backward
        case "forward": return .forward
        default: throw HTTPFailure.invalid("direction", "forward or backward is expected")
        }
    }

    /// As Loki chooses it when none is given: 250 points, whole seconds.
    func step(_ call: HTTPCall, span: Int64) throws(HTTPFailure) -> Int64 {
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
