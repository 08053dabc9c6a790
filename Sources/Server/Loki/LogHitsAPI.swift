internal import Model
internal import Query

/// `/api/v1/logs/hits`: how many lines a search finds, over time and by label: for counts, histograms
/// and lists of where something was found.
///
/// Parameters: `query` (LogQL of lines, or words), `ignore_case=1`, `start`, `end`, `step` (a duration;
/// none: one number for all of it), `by` (labels, separated by commas; none: all together).
///
///     {"status":"success","data":{"start":"ns","step":"ns","hits":[{"labels":{},"counts":[3,0],"total":3}]}}
///
/// `counts` are of start ≤ time < start + step, and so on; `hits` most first.
struct LogHitsAPI: Sendable {
    let engine: LogQLEngine
    let context: QueryContext

    private static let bucketsMax = 11_000

    func addRoutes(to table: inout RouteTable) {
        table.add([.get, .post], "/api/v1/logs/hits", .query, hits)
    }

    private func hits(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query = try LogSearch.compile(
            try call.required("query"), ignoresCase: call.parameters["ignore_case"] == "1")
        guard query.kind == .lines else {
            throw HTTPFailure.invalid("query", "it is about numbers, not lines")
        }
        let end = try call.logTime("end", context.now().advanced(byNanos: 1))
        let start = try call.logTime("start", end.advanced(byNanos: -LokiAPI.spanNanosStandard))
        let (span, overflows) = end.nanos.subtractingReportingOverflow(start.nanos)
        guard span > 0, !overflows else {
            throw HTTPFailure.invalid("end", "it is not after start")
        }
        let step = try self.step(call, span: span)
        let count = (span - 1) / step + 1
        guard count <= Self.bucketsMax else {
            throw HTTPFailure.invalid(
                "step", "\(count) numbers: at most \(Self.bucketsMax) are given at once")
        }
        // The last window is cut at the end by asking only for what is before it.
        let buckets = Buckets(start: start.nanos, step: step, count: Int(count), end: end.nanos)
        var found: [Labels: [Int]] = [:]
        var missing: Set<String> = []
        for part in buckets.parts {
            let answer = try await engine.query(
                try request(query, part, by: names(call), call))
            missing.formUnion(answer.answer.completeness.missing)
            buckets.add(answer.answer.value, of: part, to: &found)
        }
        return .json(json(buckets, found, missing.sorted()))
    }

    private func step(_ call: HTTPCall, span: Int64) throws(HTTPFailure) -> Int64 {
        guard let text = call.parameters["step"], !text.isEmpty else { return span }
        guard let step = TimeText.duration(text), step >= 1_000_000 else {
            throw HTTPFailure.invalid(
                "step", "\"\(text)\" is no duration of a millisecond or more")
        }
        return min(step, span)
    }

    private func names(_ call: HTTPCall) throws(HTTPFailure) -> [String] {
        let names = (call.parameters["by"] ?? "").split(separator: ",").map(String.init)
        for name in names where !LabelName.isPlain(name) {
            throw HTTPFailure.invalid("by", "\"\(name)\" is no label name")
        }
        return names
    }

    private func request(
        _ query: LogQLQuery, _ part: Buckets.Part, by names: [String], _ call: HTTPCall
    ) throws -> LogQLRequest {
        let window = "\(part.width)ns"
        let text =
            "sum by (\(names.joined(separator: ","))) (count_over_time(\(query)[\(window)]))"
        return LogQLRequest(
            tenant: call.tenant, query: try LogQLQuery(text),
            start: Timestamp(nanos: part.firstEnd - 1),
            end: Timestamp(nanos: part.firstEnd - 1 + Int64(part.count - 1) * part.width),
            stepNanos: part.width, budget: try context.budget(for: call))
    }

    private func json(
        _ buckets: Buckets, _ found: [Labels: [Int]], _ missing: [String]
    ) -> [UInt8] {
        let rows = found.map { (labels: $0.key, counts: $0.value, total: $0.value.reduce(0, +)) }
            .sorted { ($1.total, $0.labels) < ($0.total, $1.labels) }
        var json = JSONWriter()
        json.raw("{\"status\":\"success\",\"data\":{\"start\":\"\(buckets.start)\"")
        json.raw(",\"step\":\"\(buckets.step)\",\"hits\":[")
        for (index, row) in rows.enumerated() {
            if index > 0 { json.comma() }
            json.raw("{\"labels\":")
            json.object(row.labels)
            json.raw(",\"counts\":[")
            json.raw(row.counts.map(String.init).joined(separator: ","))
            json.raw("],\"total\":\(row.total)}")
        }
        json.raw("]}")
        if !missing.isEmpty {
            json.raw(",\"warnings\":")
            json.array(missing)
        }
        json.raw("}")
        return json.bytes
    }
}

/// Spans of equal width, but for the last, which may be shorter.
private struct Buckets {
    /// Spans that one query counts.
    struct Part {
        var first: Int
        var count: Int
        /// ns
        var width: Int64
        /// Of the first span: not in it any more.
        var firstEnd: Int64
    }

    let start: Int64
    let step: Int64
    let count: Int
    let end: Int64

    var parts: [Part] {
        let rest = (end - start) % step
        let whole = rest == 0 ? count : count - 1
        var parts: [Part] = []
        if whole > 0 {
            parts.append(Part(first: 0, count: whole, width: step, firstEnd: start + step))
        }
        if rest > 0 { parts.append(Part(first: whole, count: 1, width: rest, firstEnd: end)) }
        return parts
    }

    func add(_ value: QueryValue, of part: Part, to found: inout [Labels: [Int]]) {
        guard case .matrix(let rows) = value else { return }
        let firstMillis = (part.firstEnd - 1) / 1_000_000
        for row in rows {
            var counts = found[row.labels] ?? [Int](repeating: 0, count: count)
            for (millis, value) in zip(row.timestampsMillis, row.values) {
                // A point's time is cut to the millisecond, and a span is at least as long.
                let offset = (millis - firstMillis) * 1_000_000
                let place = Int((offset + part.width / 2) / part.width)
                counts[part.first + min(max(place, 0), part.count - 1)] += Int(value)
            }
            found[row.labels] = counts
        }
    }
}
