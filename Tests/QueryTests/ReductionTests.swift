import Model
import Query
import QuerySupport
import Synchronization
import Testing

/// What other nodes are given to do, and plans and partial results that are anything.
@Suite struct ReductionTests {
    private static let second: Int64 = 1_000_000_000

    private static func store(_ count: Int = 12) -> PromQLMemoryStore {
        PromQLMemoryStore(
            (0..<count).map { number in
                let labels = Labels([
                    ("__name__", "m"), ("job", "j\(number % 3)"), ("i", "\(number)"),
                ])
                return SeriesData(
                    id: SeriesID(tenant: .standard, labels: labels), labels: labels,
                    timestamps: TimestampColumn((0..<60).map { Int64($0) * 10 * second }),
                    values: (0..<60).map { Double($0 * $0 % 17) * Double(number - 4) })
            })
    }

    private static func parts(_ query: String, _ querier: any Querier) async throws -> Int {
        let spread = SpreadQuerier(querier)
        _ = try await PromQLEngine().range(
            query, start: Timestamp(nanos: 60 * second), end: Timestamp(nanos: 500 * second),
            stepNanos: 20 * second, tenant: .standard, querier: spread, budget: QueryBudget())
        return spread.partCount.withLock { $0 }
    }

    @Test(arguments: [
        "sum by (job) (rate(m[1m]))", "avg(m)", "min without (i) (m)", "max(m)", "count(m)",
        "stddev by (job) (m)", "absent(m)", "sum(m offset 1m)", "sum(m) / count(m)",
        "max_over_time(sum(m)[1m:10s])", "sum(increase(m[1m] anchored))", "sum(m smoothed)",
        "sum(rate(m[step() * 3]))", "WITH (s = sum(m)) s / s", "sum(rate(m))",
        "sum by (job) (m{i=\"1\" or i=\"2\"})", "sum by (job) (distinct_over_time(m[1m])) limit 1",
    ])
    func firstAggregationsAreGivenAway(query: String) async throws {
        #expect(try await Self.parts(query, Self.store()) > 0)
    }

    @Test(arguments: [
        "m", "rate(m[1m])", "topk(2, m)", "quantile(0.5, m)", "sum(predict_linear(m[1m], 60))",
        "sum(quantile_over_time(0.5, m[1m]))", "sum(count_gt_over_time(m[1m], 2))",
        "sum(histogram_over_time(m[1m]))", "median(m)", "any by (job) (m)", "sum(running_sum(m))",
        "sum(info(m))", "sum({i=\"1\" or i=\"2\"} + m)", "sum(m) + on () group_right m",
    ])
    func whatNeedsTheSeriesIsNot(query: String) async throws {
        #expect(try await Self.parts(query, Self.store()) == 0)
    }

    @Test func aSumThatOverflowsHasItsMean() async throws {
        let values: [Double] = [1.5e308, 1.7e308, 1.2e308, 1.6e308, 1.4e308, 1.3e308, 1.1e308]
        let store = PromQLMemoryStore(
            values.enumerated().map { number, value in
                let labels = Labels([("__name__", "m"), ("i", "\(number)")])
                return SeriesData(
                    id: SeriesID(tenant: .standard, labels: labels), labels: labels,
                    timestamps: TimestampColumn([0]), values: [value])
            })
        let spread = SpreadQuerier(store)
        let answer = try await PromQLEngine().instant(
            "avg(m)", at: Timestamp(nanos: 1), tenant: .standard, querier: spread,
            budget: QueryBudget())
        guard case .vector(let samples) = answer.value,
            case .float(let mean)? = samples.first?.value
        else {
            Issue.record("\(answer.value)")
            return
        }
        #expect(abs(mean - 1.4e308) < 1e294)
        #expect(spread.partCount.withLock { $0 } > 0)
    }

    /// A pipeline's error is the query's, wherever it came up.
    @Test func theErrorOfAnotherNodeIsTheQuerys() async throws {
        let lines = (0..<40).map { number in
            LogMemoryQuerier.Line(
                labels: Labels([("app", "a\(number)")]), nanos: Int64(number) * Self.second,
                text: Array("no number".utf8), metadata: .empty)
        }
        for query in [
            #"sum_over_time({app=~"a.*"} | pattern "<x> <_>" | unwrap x [1m])"#,
            #"sum(sum_over_time({app=~"a.*"} | pattern "<x> <_>" | unwrap x [1m]))"#,
        ] {
            var messages: [String] = []
            for querier: any Querier in [
                LogMemoryQuerier(lines), SpreadQuerier(LogMemoryQuerier(lines)),
            ] {
                do {
                    _ = try await LogQLEngine(querier: querier).query(
                        LogQLRequest(
                            tenant: .standard, query: LogQLQuery(query), start: Timestamp(nanos: 0),
                            end: Timestamp(nanos: 60 * Self.second), budget: QueryBudget()))
                    messages.append("none")
                } catch {
                    messages.append(String("\(error)".prefix(30)))
                }
            }
            #expect(messages[0].hasPrefix("pipeline error"))
            #expect(messages[0] == messages[1])
        }
    }

    /// A sum around sums needs no series for what it adds up: there may be as many as lines.
    @Test(arguments: [false, true])
    func sumsNeedNoInnerSeries(isSpread: Bool) async throws {
        let memory = LogMemoryQuerier(
            (0..<6_000).map { number in
                LogMemoryQuerier.Line(
                    labels: Labels([("app", "a\(number % 5)")]), nanos: Int64(number),
                    text: Array("n=\(number % 7) id=\(number)".utf8), metadata: .empty)
            }, batchLines: 500)
        let querier: any Querier = isSpread ? SpreadQuerier(memory) : memory
        func ask(_ text: String) async throws(QueryError) -> QueryValue {
            try await LogQLEngine(querier: querier).query(
                LogQLRequest(
                    tenant: .standard, query: LogQLQuery(text), start: Timestamp(nanos: 0),
                    end: Timestamp(nanos: Self.second), budget: QueryBudget())
            ).answer.value
        }
        for function in ["sum_over_time", "rate"] {
            let value = try await ask("sum(\(function)({} | logfmt | unwrap n [1s]))")
            guard case .vector(let samples) = value, case .float(let sum)? = samples.first?.value
            else {
                Issue.record("\(value)")
                return
            }
            #expect(sum == Double((0..<6_000).reduce(0) { $0 + $1 % 7 }))
        }
        await #expect(throws: QueryError.limit(name: "query.log_series_max", allowed: 5_000)) {
            _ = try await ask("max(sum_over_time({} | logfmt | unwrap n [1s]))")
        }
    }

    /// Stands between a query and its data: spoils what passes from one node to another.
    private final class Spoiler: SilentQuerier {
        private let inner: SpreadQuerier
        private let spoil: @Sendable ([UInt8]) -> [UInt8]
        let plans = Mutex<[[UInt8]]>([])
        let parts = Mutex<[[UInt8]]>([])

        init(_ inner: any Querier, spoil: @escaping @Sendable ([UInt8]) -> [UInt8] = { $0 }) {
            self.inner = SpreadQuerier(inner)
            self.spoil = spoil
        }

        func selectSeries(
            _ request: SeriesRequest, reducing plan: [UInt8], merge: ([UInt8]) throws -> Void,
            _ sink: ([SeriesData]) throws -> Void
        ) async throws -> Completeness {
            plans.withLock { $0.append(plan) }
            return try await inner.selectSeries(
                request, reducing: plan,
                merge: { part in
                    parts.withLock { $0.append(part) }
                    try merge(spoil(part))
                }, sink)
        }

        func selectLines(
            _ request: LineRequest, reducing plan: [UInt8], merge: ([UInt8]) throws -> Void,
            _ sink: (LineData) throws -> Bool
        ) async throws -> Completeness {
            plans.withLock { $0.append(plan) }
            return try await inner.selectLines(
                request, reducing: plan,
                merge: { part in
                    parts.withLock { $0.append(part) }
                    try merge(spoil(part))
                }, sink)
        }
    }

    /// `logQuery`: nil for one about series.
    private static func ask(_ spoiler: Spoiler, _ logQuery: String?) async throws {
        if let logQuery {
            _ = try await LogQLEngine(querier: spoiler).query(
                LogQLRequest(
                    tenant: .standard,
                    query: LogQLQuery(logQuery),
                    start: Timestamp(nanos: 0), end: Timestamp(nanos: 60 * second),
                    budget: QueryBudget()))
        } else {
            _ = try await PromQLEngine().range(
                "avg by (job) (m)", start: Timestamp(nanos: 60 * second),
                end: Timestamp(nanos: 120 * second), stepNanos: 20 * second, tenant: .standard,
                querier: spoiler, budget: QueryBudget())
        }
    }

    private static func data(isLogs: Bool) -> any Querier {
        guard isLogs else { return store(6) }
        return LogMemoryQuerier(
            (0..<20).map { number in
                LogMemoryQuerier.Line(
                    labels: Labels([("app", "a\(number % 5)")]), nanos: Int64(number) * second,
                    text: Array("n=\(number)".utf8), metadata: .empty)
            })
    }

    /// Any byte of a plan or a partial result may be another, or the last: an error, or everything
    /// as it is, or other numbers, and never the end of the process.
    @Test(arguments: [
        nil, #"avg_over_time({app=~"a.*"} | logfmt | unwrap n [1m])"#,
        #"count_distinct_over_time(n, {app=~"a.*"} | logfmt [1m]) by (app)"#,
    ])
    func bytesOfOtherNodesMayBeAnything(logQuery: String?) async throws {
        let isLogs = logQuery != nil
        let data = Self.data(isLogs: isLogs)
        let whole = Spoiler(data)
        try await Self.ask(whole, logQuery)
        let plan = try #require(whole.plans.withLock { $0.first })
        let part = try #require(whole.parts.withLock { $0.first })
        for place in plan.indices {
            for flipped in [plan[place] ^ 1, plan[place] ^ 0x80, 0xFF] {
                var garbled = plan
                garbled[place] = flipped
                for signal in [SignalKind.metrics, .logs] {
                    _ = QueryReducers().reducer(of: garbled, for: signal, budget: QueryBudget())
                }
            }
            #expect(
                QueryReducers().reducer(
                    of: Array(plan[..<place]), for: isLogs ? .logs : .metrics,
                    budget: QueryBudget()) == nil)
        }
        // What is for series is not carried out on lines.
        #expect(
            QueryReducers().reducer(
                of: plan, for: isLogs ? .metrics : .logs, budget: QueryBudget()) == nil)
        var errorCount = 0
        for place in part.indices {
            for isCut in [false, true] {
                let spoiler = Spoiler(data) { part in
                    guard place < part.count else { return part }
                    if isCut { return Array(part[..<place]) }
                    var garbled = part
                    garbled[place] ^= 0x81
                    return garbled
                }
                do {
                    try await Self.ask(spoiler, logQuery)
                } catch {
                    errorCount += 1
                }
            }
        }
        #expect(errorCount > 10)
    }
}
