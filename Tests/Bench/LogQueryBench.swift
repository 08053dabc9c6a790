internal import Dispatch
internal import Model
internal import Query
internal import QuerySupport

/// What a pipeline costs for each line that reaches it: parsing, and a filter on what was parsed.
func logQueryBench() -> [BenchRow] {
    let json = ParsedLines { number in
        "{\"level\":\"\(number % 50 == 0 ? "error" : "info")\",\"status\":\(200 + number % 5 * 100),"
            + "\"method\":\"GET\",\"path\":\"/orders/\(number)/items\",\"took_ms\":\(number % 977),"
            + "\"user\":{\"id\":\(number % 4_001),\"name\":\"user-\(number % 4_001)\"},"
            + "\"msg\":\"request served\"}"
    }
    let logfmt = ParsedLines { number in
        "level=\(number % 50 == 0 ? "error" : "info") status=\(200 + number % 5 * 100) method=GET "
            + "path=/orders/\(number)/items took_ms=\(number % 977) user_id=\(number % 4_001) "
            + "user_name=user-\(number % 4_001) msg=\"request served\""
    }
    let cases: [(String, ParsedLines, Double?)] = [
        ("{} | json | level=\"error\"", json, 300),
        ("{} | json | status >= 600", json, 300),
        ("{} | json | status > 600", json, nil),
        ("sum by (level) (count_over_time({} | json [1m]))", json, nil),
        ("{} | json user_id=\"user.id\" | user_id=\"7\"", json, nil),
        ("{} | logfmt | level=\"error\"", logfmt, 300),
        ("{} | logfmt | status >= 600", logfmt, 300),
        ("{} | logfmt | status > 600", logfmt, nil),
        ("sum by (level) (count_over_time({} | logfmt [1m]))", logfmt, nil),
        ("{} | regexp \"status=(?P<s>[0-9]+)\" | s=\"900\"", logfmt, nil),
        ("{} | pattern \"<_> status=<s> <_>\" | s=\"900\"", logfmt, nil),
    ]
    return cases.map { text, lines, goal in
        do {
            var kept = 0
            let seconds = try Stopwatch.best(runs: 5) { kept = try lines.count(text) }
            return BenchRow(
                room: "LogQL", name: text, unit: "MB/s", goal: goal,
                reached: Double(lines.byteCount) / seconds / 1e6, higherIsBetter: true,
                note:
                    "\(kept) of \(ParsedLines.count) lines, \(lines.byteCount / ParsedLines.count) B each"
            )
        } catch {
            preconditionFailure("BUG: \(text): \(error)")
        }
    }
}

/// Lines of one stream, as a shard hands them to the engine.
private final class ParsedLines: SilentQuerier {
    static let count = 200_000

    private let data: LineData

    init(_ text: (Int) -> String) {
        let stream = SeriesReference(tenant: .standard, labels: Labels([("app", "shop")]))
        var lines = LineColumns()
        for number in 0..<ParsedLines.count {
            lines.append(
                streamIndex: 0, timestamp: Int64(number), line: Array(text(number).utf8)[...])
        }
        data = LineData(streams: [stream], lines: lines)
    }

    var byteCount: Int { data.lines.bytes.count }

    /// Lines that a log query keeps; lines that the series of a metric query count.
    func count(_ text: String) throws -> Int {
        let query = try LogQLQuery(text)
        guard query.kind == .metric else {
            var follower = try LogFollower(query)
            return follower.process(data).lines.count
        }
        let request = LogQLRequest(
            tenant: .standard, query: query, start: Timestamp(nanos: Int64(ParsedLines.count)),
            end: Timestamp(nanos: Int64(ParsedLines.count)), budget: QueryBudget())
        let done = DispatchSemaphore(value: 0)
        let slot = CountSlot()
        Task {
            do {
                let answer = try await LogQLEngine(querier: self).query(request)
                if case .vector(let samples) = answer.answer.value {
                    slot.count = samples.reduce(0) { sum, sample in
                        if case .float(let value) = sample.value { sum + Int(value) } else { sum }
                    }
                }
            } catch { print("FAILED: \(error)") }
            done.signal()
        }
        done.wait()
        return slot.count
    }

    func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness {
        _ = try sink(data)
        return Completeness()
    }
}

/// Written before the semaphore is signalled and read after it was waited for.
private final class CountSlot: @unchecked Sendable {
    var count = 0
}
