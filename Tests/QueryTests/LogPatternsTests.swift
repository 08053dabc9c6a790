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
}
