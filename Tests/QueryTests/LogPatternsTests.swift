import Model
import Query
import Testing

@Suite struct LogPatternsTests {
    private static let lines = (0..<30).map { number in
        LogMemoryQuerier.Line(
            labels: Labels(["app": "a"]), nanos: Int64(number) * 1_000_000_000,
            text: Array((number % 3 == 0 ? "GET /\(number)" : "user u\(number) is in").utf8),
            metadata: .empty)
    }

    private func request(_ query: String, stepNanos: Int64) throws -> LogQLRequest {
        LogQLRequest(
            tenant: .standard, query: try LogQLQuery(query), start: Timestamp(nanos: 0),
            end: .distantFuture, stepNanos: stepNanos, budget: QueryBudget())
    }

    @Test(arguments: ["{}", "{} | patterns"])
    func patternsHaveCountsPerStep(query: String) async throws {
        let engine = LogQLEngine(querier: LogMemoryQuerier(Self.lines, missing: ["shard 7"]))
        let (patterns, completeness) = try await engine.patterns(
            try request(query, stepNanos: 10_000_000_000))
        #expect(patterns.map(\.text) == ["user u<_> is in", "GET /<_>"])
        #expect(patterns.map(\.count) == [20, 10])
        #expect(patterns[1].samples.map(\.nanos) == [0, 10_000_000_000, 20_000_000_000])
        #expect(patterns[1].samples.map(\.count) == [4, 3, 3])
        #expect(completeness.missing == ["shard 7"])
    }

    @Test func theLimitIsOneOfPatternsAndStepsMayBeNone() async throws {
        var request = try request("{}", stepNanos: 0)
        request.limit = 1
        let engine = LogQLEngine(querier: LogMemoryQuerier(Self.lines))
        let (patterns, _) = try await engine.patterns(request)
        #expect(patterns.map(\.text) == ["user u<_> is in"])
        #expect(patterns[0].samples.isEmpty)
    }

    @Test(arguments: ["rate({}[1m])", "{} | context -A 1"])
    func otherQueriesHaveNone(query: String) async throws {
        let engine = LogQLEngine(querier: LogMemoryQuerier(Self.lines))
        await #expect(throws: QueryError.self) {
            _ = try await engine.patterns(try request(query, stepNanos: 0))
        }
    }

    /// More forms than are told apart: said, not silent.
    @Test func whatIsNotCountedIsSaid() async throws {
        var letters = 0
        let lines = (0..<17_000).map { number in
            letters = number
            var word = ""
            repeat {
                word.unicodeScalars.append(Unicode.Scalar(UInt8(103 + letters % 16)))
                letters /= 16
            } while letters > 0
            return LogMemoryQuerier.Line(
                labels: Labels(["app": "a"]), nanos: Int64(number), text: Array(word.utf8),
                metadata: .empty)
        }
        let engine = LogQLEngine(querier: LogMemoryQuerier(lines, batchLines: 4_096))
        let (patterns, completeness) = try await engine.patterns(
            try request("{}", stepNanos: 0))
        #expect(patterns.count == 16_384)
        #expect(completeness.missing.first?.hasPrefix("616 lines have other patterns") == true)
    }

    /// A pattern is one that `|>` takes, and finds the lines that it was made of.
    @Test func patternsFindTheirLines() async throws {
        let words = [
            "ann", "bob", "10.0.0.7", "x=12", "id=deadbeef01", "\u{E9}t\u{E9}", "user=ann,", "7ms",
            "3f2b8c1e-0000-4a6b-9f00-123456789abc", "<b>", "\"q\"", "key=v1;w2", "a/b/9",
        ]
        var state: UInt64 = 11
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let lines = (0..<400).map { number -> LogMemoryQuerier.Line in
            var line = ["request", "reply", "stop"][next(3)]
            for _ in 0...next(6) { line += " " + words[next(words.count)] }
            // Longer than what is looked at.
            if number % 20 == 0 { while line.utf8.count < 3_000 { line += " word\(next(9))" } }
            return LogMemoryQuerier.Line(
                labels: Labels(["app": "a"]), nanos: Int64(number), text: Array(line.utf8),
                metadata: .empty)
        }
        let engine = LogQLEngine(querier: LogMemoryQuerier(lines, batchLines: 64))
        let (patterns, _) = try await engine.patterns(try request("{}", stepNanos: 0))
        #expect(patterns.reduce(0) { $0 + $1.count } == lines.count)
        for pattern in patterns {
            var counted = try request(
                "sum(count_over_time({} |> `\(pattern.text)` [1h]))", stepNanos: 0)
            counted.end = Timestamp(nanos: 1_000_000_000)
            let value = try await engine.query(counted).answer.value
            guard case .vector(let samples) = value, case .float(let count)? = samples.first?.value
            else {
                Issue.record("\(pattern.text) finds nothing")
                continue
            }
            #expect(Int(count) >= pattern.count, "\(pattern.text)")
        }
    }
}
