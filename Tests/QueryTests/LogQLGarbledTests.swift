import Model
import Query
import Testing

/// Queries that nobody would write, carried out: an error or an answer, and never the end of the
/// process; the same answer when other nodes reduce their part.
@Suite struct LogQLGarbledTests {
    private static let seeds = [
        "sum by (app) (rate({app=~\"a.*\"} |= \"=\" | logfmt | n >= 2 [5s] offset 1s)) > bool 0.1",
        "{app=~\"a|b\"} != `d` or \"e\" | logfmt --strict | n=\"3\" or size<=1KB | line_format `{{.n}}`",
        "quantile_over_time(0.9, {} | regexp \"n=(?P<x>.)\" | unwrap x | __error__=\"\" [1h]) by (app)",
        "label_replace(count_over_time({}[3s]), \"a\", \"$1\", \"app\", \"(.*)\") / on (app)"
            + " group_left (a) vector(2) ^ -1",
        "{} | json | label_format y=n, x=\"{{.n}}{{.app | upper}}\" | distinct app, y | keep app, y",
        "{} |~ \"n=[1-3]\" | logfmt | n > 1 | context -A 1 -B 2",
        "{} | pattern \"n=<n> <_>\" | drop size | decolorize | patterns",
        "count_distinct_over_time(n, {} | logfmt [4s]) by (app) or topk(2, bytes_rate({}[2s]))",
        "variants(sum(sum_over_time({} | logfmt | unwrap bytes(size) [5s])), vector(1)) of ({}[5s])",
        "max_over_time({} | logfmt | unwrap duration(t) | __error__=\"\" [3s]) without (n, size)"
            + " and avg_over_time({} | logfmt | unwrap n [1m]) by (app)",
    ]

    private static let words = [
        "{}", "| json", "| logfmt", "| unpack", "| unwrap n", "[3s]", "by (app)", "without (n)",
        "sum", "rate", "(", ")", "or", "and", "unless", "on (app)", "| n > 2", "|= \"n\"",
        "| line_format \"{{.n}}\"", "| distinct n", "| context -C 1", "| patterns", "offset 1s",
        "-1", "0", "1e400", "== bool", "^", "%", "topk(1, ", "absent_over_time", "stddev",
        "| keep n", "| drop n", "__error__", "ip(\"10.0.0.0/8\")", "\"\"", ", ", "5m", "1KB",
    ]

    private static let lines: [LogMemoryQuerier.Line] = (0..<24).map { number in
        let texts = [
            "n=\(number) size=\(number)KB t=\(number)ms", "{\"n\":\(number),\"_entry\":\"n=1 x\"}",
            "n=x \"broken", "10.0.0.\(number) \u{1B}[31mred n=3 é\u{301}", "",
        ]
        return LogMemoryQuerier.Line(
            labels: Labels(["app": ["a", "b", "ab"][number % 3]]),
            nanos: Int64(number / 2) * 1_000_000_000, text: Array(texts[number % 5].utf8),
            metadata: number % 4 == 0 ? Labels(["n": "meta"]) : .empty)
    }

    @Test(arguments: 0..<8)
    func garbledQueriesAreAnsweredOrRefused(share: Int) async throws {
        var state = UInt64(share) &* 1_000_003 &+ 17
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let memory = LogMemoryQuerier(Self.lines)
        var answerCount = 0
        for round in 0..<300 {
            var pieces = Self.seeds[(round + share) % Self.seeds.count].split(
                separator: " ", omittingEmptySubsequences: false
            ).map(String.init)
            for _ in 0..<next(4) {
                let place = next(pieces.count)
                switch next(3) {
                case 0: pieces[place] = Self.words[next(Self.words.count)]
                case 1: pieces.insert(Self.words[next(Self.words.count)], at: place)
                default: if pieces.count > 1 { pieces.remove(at: place) }
                }
            }
            guard let query = try? LogQLQuery(pieces.joined(separator: " ")) else { continue }
            let step = Int64(next(2)) * 2_000_000_000
            var answers: [String] = []
            for querier: any Querier in [memory, SpreadQuerier(memory)] {
                var request = LogQLRequest(
                    tenant: .standard, query: query, start: Timestamp(nanos: 0),
                    end: Timestamp(nanos: 12_000_000_000), stepNanos: step, budget: QueryBudget())
                request.limit = [nil, 3][round % 2]
                do {
                    let answer = try await LogQLEngine(querier: querier).query(request)
                    answers.append(Self.rounded(answer.answer.value))
                    answerCount += 1
                } catch {
                    answers.append("error")
                }
            }
            #expect(answers[0] == answers[1], "\(query)")
        }
        #expect(answerCount > 100)
    }

    /// Sums of other order may differ in the last places.
    private static func rounded(_ value: QueryValue) -> String {
        func text(_ number: Double) -> String {
            guard number.isFinite, number != 0 else { return "\(number)" }
            return "\(Float(number))"
        }
        switch value {
        case .vector(let samples):
            return samples.map { sample in
                guard case .float(let number) = sample.value else { return "" }
                return "\(sample.labels) \(text(number))"
            }.joined(separator: "\n")
        case .matrix(let series):
            return series.map { "\($0.labels) \($0.timestampsMillis) \($0.values.map(text))" }
                .joined(separator: "\n")
        default: return "\(value)"
        }
    }
}
