import Model
import Query
import QuerySupport
import Synchronization
import Testing

/// What the engine asks of the querier, its limits, and what it hands on.
@Suite struct PromQLEngineTests {
    private let second: Int64 = 1_000_000_000

    /// Counts calls, answers from a store, and says that something was missing.
    private final class CountingQuerier: SilentQuerier {
        let requests = Mutex<[SeriesRequest]>([])
        private let store: PromQLMemoryStore

        init(_ series: [SeriesData]) { store = PromQLMemoryStore(series) }

        func selectSeries(
            _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
        ) async throws -> Completeness {
            requests.withLock { $0.append(request) }
            _ = try await store.selectSeries(request, sink)
            return Completeness(missing: ["segment 7 is unreadable"])
        }
    }

    private func querier() -> CountingQuerier {
        let nanos = (0..<100).map { Int64($0) * 10 * second }
        return CountingQuerier(
            (0..<4).map { number in
                let labels = Labels([("__name__", "m"), ("i", "\(number)")])
                return SeriesData(
                    id: SeriesID(tenant: .standard, labels: labels), labels: labels,
                    timestamps: TimestampColumn(nanos),
                    values: (0..<100).map { Double($0 * (number + 1)) })
            })
    }

    private func instant(
        _ query: String, _ querier: any Querier, at seconds: Int64 = 900,
        budget: QueryBudget = QueryBudget(), options: PromQLEngine.Options = .init()
    ) async throws(QueryError) -> QueryAnswer {
        try await PromQLEngine(options: options).instant(
            query, at: Timestamp(nanos: seconds * second), tenant: .standard, querier: querier,
            budget: budget)
    }

    @Test func asksOncePerSelectorAndOnlyForWhatItNeeds() async throws {
        let querier = querier()
        _ = try await instant("rate(m[1m]) / rate(m[5m]) + m", querier)
        let requests = querier.requests.withLock { $0 }
        #expect(requests.count == 1)
        // (t − 5m, t]
        #expect(requests.first?.start.nanos == 600 * second + 1)
        #expect(requests.first?.end.nanos == 900 * second + 1)
    }

    @Test func asksApartForRangesFarApart() async throws {
        let querier = querier()
        _ = try await instant("m - m offset 1d", querier)
        #expect(querier.requests.withLock { $0.count } == 2)
    }

    @Test func asksInStagesWhenAnArgumentNeedsData() async throws {
        let querier = querier()
        let answer = try await instant(
            #"quantile_over_time(scalar(m{i="0"}) / 180, m{i="1"}[1m])"#, querier)
        #expect(querier.requests.withLock { $0.count } == 2)
        guard case .vector(let samples) = answer.value else {
            Issue.record("not a vector")
            return
        }
        #expect(samples.map(\.value) == [.float(175)])
    }

    @Test func handsOnWhatIsMissing() async throws {
        let answer = try await instant("m + m", querier())
        #expect(answer.completeness.missing == ["segment 7 is unreadable"])
    }

    @Test func seriesWithoutGapsShareTheirTimes() async throws {
        let answer = try await PromQLEngine().range(
            "m", start: Timestamp(nanos: 0), end: Timestamp(nanos: 900 * second),
            stepNanos: 60 * second, tenant: .standard, querier: querier(), budget: QueryBudget())
        guard case .matrix(let series) = answer.value else {
            Issue.record("not a matrix")
            return
        }
        #expect(series.count == 4)
        #expect(series.allSatisfy { $0.timestampsMillis.count == 16 && $0.values.count == 16 })
        #expect(series[0].timestampsMillis[1] == 60_000)
    }

    @Test func limitsSteps() async {
        let end = Timestamp(nanos: 11_000 * second)
        await #expect(throws: QueryError.limit(name: "query.steps_max", allowed: 11_000)) {
            try await PromQLEngine().range(
                "1", start: Timestamp(nanos: 0), end: end, stepNanos: second,
                tenant: .standard, querier: querier(), budget: QueryBudget())
        }
        await #expect(throws: QueryError.limit(name: "query.steps_max", allowed: 11_000)) {
            try await PromQLEngine().range(
                "1", start: .distantPast, end: .distantFuture, stepNanos: second,
                tenant: .standard, querier: querier(), budget: QueryBudget())
        }
    }

    @Test(arguments: ["1 +", "m[5m]", "\"x\""])
    func refusesRangeQueriesOfOtherTypes(query: String) async {
        do {
            _ = try await PromQLEngine().range(
                query, start: Timestamp(nanos: 0), end: Timestamp(nanos: 0), stepNanos: second,
                tenant: .standard, querier: querier(), budget: QueryBudget())
            Issue.record("answered")
        } catch {
            guard case .parse = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test func refusesStepsAndEndsThatMakeNoSense() async {
        for (end, step) in [(Int64(10), Int64(0)), (10, -1), (-10, 1)] {
            do {
                _ = try await PromQLEngine().range(
                    "1", start: Timestamp(nanos: 0), end: Timestamp(nanos: end), stepNanos: step,
                    tenant: .standard, querier: querier(), budget: QueryBudget())
                Issue.record("answered")
            } catch {
                guard case .execution = error else {
                    Issue.record("\(error)")
                    return
                }
            }
        }
    }

    @Test func stopsWhenCancelledOrLate() async {
        let cancelled = QueryBudget()
        cancelled.cancel()
        await #expect(throws: QueryError.cancelled) {
            try await instant("sum(m)", querier(), budget: cancelled)
        }
        let late = QueryBudget(isExpired: { true })
        await #expect(throws: QueryError.timeout) {
            try await instant("sum(m)", querier(), budget: late)
        }
    }

    @Test func stopsInTheMidstOfOneSeries() async {
        let labels = Labels([("__name__", "m")])
        let nanos = (0..<20_000).map { Int64($0) * second }
        let store = PromQLMemoryStore([
            SeriesData(
                id: SeriesID(tenant: .standard, labels: labels), labels: labels,
                timestamps: TimestampColumn(nanos), values: nanos.map(Double.init))
        ])
        let checks = Atomic<Int>(0)
        let budget = QueryBudget(isExpired: {
            checks.add(1, ordering: .relaxed).newValue == 50
        })
        await #expect(throws: QueryError.timeout) {
            try await PromQLEngine().range(
                "count_over_time(m[20000s])", start: Timestamp(nanos: 0),
                end: Timestamp(nanos: 10_000 * second), stepNanos: second, tenant: .standard,
                querier: store, budget: budget)
        }
    }

    @Test func namesTheLimitOfSamples() async {
        let budget = QueryBudget(limits: .init(samplesMax: 50))
        await #expect(throws: QueryError.limit(name: "query.samples_max", allowed: 50)) {
            try await instant("sum(rate(m[10m]))", querier(), budget: budget)
        }
    }

    @Test func lookbackIsAnOption() async throws {
        let short = PromQLEngine.Options(lookbackNanos: 20 * second)
        for (at, count) in [(Int64(1_009), 4), (1_010, 0)] {
            let answer = try await instant("m", querier(), at: at, options: short)
            guard case .vector(let samples) = answer.value else {
                Issue.record("not a vector")
                return
            }
            #expect(samples.count == count)
        }
    }

    /// As deep as the parser lets pass.
    @Test func evaluatesDeepExpressions() async throws {
        let depth = PromQLParser.depthMax - 5
        let chain = Array(repeating: "sum(m)", count: depth - 2).joined(separator: " + ")
        let nested =
            String(repeating: "abs(", count: depth - 2) + "m"
            + String(repeating: ")", count: depth - 2)
        for query in [chain, nested] {
            let answer = try await instant(query, querier())
            guard case .vector(let samples) = answer.value else {
                Issue.record("not a vector")
                return
            }
            #expect(!samples.isEmpty)
        }
    }

    /// Instants and durations at the ends of what 64 bits say.
    @Test(arguments: [
        "m", "rate(m[292y])", "m offset 292y", "m offset -292y", "m @ 9e15", "m @ -9e15",
        "sum_over_time(m[292y:10y] offset 292y)", "max_over_time(m[290y:1y] offset -290y)",
        "time()", "year()", "predict_linear(m[5m], 1e300)", "m[292y]", "m[292y:1y]",
    ])
    func survivesTheEndsOfTime(query: String) async {
        for time in [Timestamp.distantPast, Timestamp(nanos: 0), .distantFuture] {
            do {
                _ = try await PromQLEngine().instant(
                    query, at: time, tenant: .standard, querier: querier(), budget: QueryBudget())
            } catch {
                guard case .limit = error else {
                    Issue.record("\(query): \(error)")
                    continue
                }
            }
        }
    }

    /// Numbers print with the shortest digits that read back, without an exponent.
    @Test(arguments: [
        (0, "0"), (-0.0, "-0"), (1, "1"), (100, "100"), (0.1, "0.1"), (-2.5, "-2.5"),
        (1e21, "1000000000000000000000"), (1.5e-7, "0.00000015"), (123456.789, "123456.789"),
        (Double.infinity, "+Inf"), (-Double.infinity, "-Inf"), (Double.nan, "NaN"),
        (9_007_199_254_740_992, "9007199254740992"), (1.0e16, "10000000000000000"),
    ])
    func formatsNumbers(value: Double, text: String) {
        #expect(NumberText.format(value) == text)
    }

    @Test(arguments: [
        ("0", 0), ("5m", 300_000), ("1h30m", 5_400_000), ("1y2w3d4h5m6s7ms", 33_019_506_007),
    ])
    func readsDurations(text: String, millis: Int64) throws {
        let nanos = try DurationText.parse(text)
        #expect(nanos == millis * 1_000_000)
    }

    @Test(arguments: ["", "5", "m", "5m5m", "5s5m", "1.5h", "5 m", "-5m", "5M", "1000y"])
    func refusesWhatIsNoDuration(text: String) {
        #expect(throws: DurationText.Problem.self) { try DurationText.parse(text) }
    }
}
