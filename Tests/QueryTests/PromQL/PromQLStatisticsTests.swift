import Model
import Query
import Synchronization
import Testing

/// What answers say of their cost: samples as Prometheus counts them, times of a clock that is given.
@Suite struct PromQLStatisticsTests {
    private let second: Int64 = 1_000_000_000

    /// m{i="0"} and m{i="1"}, a sample every 10 s from 0 to 600 s; h, a histogram every 60 s.
    private func store() -> PromQLMemoryStore {
        let times = (0...60).map { Int64($0) * 10 * second }
        let floats = ["0", "1"].map { number in
            let labels = Labels([("__name__", "m"), ("i", number)])
            return SeriesData(
                id: SeriesID(tenant: .standard, labels: labels), labels: labels,
                timestamps: TimestampColumn(times),
                values: times.indices.map { $0 == 3 ? .staleMarker : Double($0) })
        }
        let labels = Labels([("__name__", "h")])
        let histogram = Histogram(
            schema: 0, count: 3, sum: 4, positive: .init(indexes: [0, 1], counts: [1, 2]))
        let minutes = (0...10).map { Int64($0) * 60 * second }
        return PromQLMemoryStore(
            floats + [
                SeriesData(
                    id: SeriesID(tenant: .standard, labels: labels), labels: labels,
                    timestamps: .empty, values: [],
                    histogramTimestamps: TimestampColumn(minutes),
                    histograms: minutes.map { _ in histogram })
            ])
    }

    private func engine(
        _ detail: QueryStatistics.Detail?, clock: QueryClock = .still
    ) -> PromQLEngine {
        var options = PromQLEngine.Options()
        options.statistics = detail
        return PromQLEngine(options: options, clock: clock)
    }

    private func instant(_ query: String) async throws -> QueryStatistics {
        try #require(
            try await engine(.perStep).instant(
                query, at: Timestamp(nanos: 300 * second), tenant: .standard, querier: store(),
                budget: QueryBudget()
            ).statistics)
    }

    @Test(
        arguments: [
            ("1 + 1", 0), ("vector(time())", 0), ("m", 2), ("m + m", 4), ("sum(m)", 2),
            ("m offset 1000s", 0), ("rate(m[1m])", 12), ("m[1m]", 12), ("m[1m] offset 1m", 12),
            ("sum(rate(m[1m])) / count(m)", 14), ("absent(m)", 2), ("absent_over_time(m[1m])", 12),
            ("count_values_over_time(\"v\", m[1m])", 12), ("timestamp(m)", 2),
            // The window of 30 s to 60 s has a stale marker.
            ("sum_over_time(m[30s] @ 50)", 4),
            // What lies in a subquery does not count, what it gives does.
            ("max_over_time(rate(m[1m])[2m:30s])", 8), ("sum_over_time(vector(1)[1m:10s])", 6),
            ("max_over_time(sum(sum_over_time(m[1m:10s]))[1m:20s])", 3),
            // But alone.
            ("m[1m:30s]", 4), ("rate(m[1m])[1m:30s]", 24),
            // 12 float samples are as long as a histogram of two buckets on one side.
            ("h", 12), ("histogram_count(h)", 12), ("rate(h[2m])", 24),
            ("limitk(1, m)", 2), ("quantile_over_time(scalar(m{i=\"0\"}) / 30, m[1m])", 13),
        ])
    func samplesAreCounted(query: String, count: Int) async throws {
        let statistics = try await instant(query)
        #expect(statistics.totalQueryableSamples == count)
        #expect(statistics.samplesPerStep.map(\.timestampMillis) == [300_000])
        #expect(statistics.samplesPerStep.map(\.count) == [count])
    }

    @Test func everyStepCountsAsIfItWereAskedForAlone() async throws {
        for query in ["m", "sum(rate(m[1m]))", "m @ 300", "rate(m[1m] @ end()) + m", "h", "2"] {
            let range = try #require(
                try await engine(.perStep).range(
                    query, start: Timestamp(nanos: 120 * second),
                    end: Timestamp(nanos: 900 * second), stepNanos: 60 * second,
                    tenant: .standard, querier: store(), budget: QueryBudget()
                ).statistics)
            #expect(range.samplesPerStep.count == 14)
            #expect(
                range.samplesPerStep.reduce(0) { $0 + $1.count } == range.totalQueryableSamples)
            for step in range.samplesPerStep where !query.contains("end()") {
                let alone = try #require(
                    try await engine(.totals).instant(
                        query, at: Timestamp(millis: step.timestampMillis), tenant: .standard,
                        querier: store(), budget: QueryBudget()
                    ).statistics)
                #expect(alone.totalQueryableSamples == step.count, "\(query) at \(step)")
                #expect(alone.samplesPerStep.isEmpty)
            }
        }
    }

    @Test func samplesOfOtherNodesCountToo() async throws {
        let answer = try await engine(.totals).instant(
            "sum(rate(m[1m]))", at: Timestamp(nanos: 300 * second), tenant: .standard,
            querier: SpreadQuerier(store()), budget: QueryBudget())
        #expect(answer.statistics?.totalQueryableSamples == 12)
    }

    @Test func thePeakIsWhatIsHeldAtOnce() async throws {
        #expect(try await instant("vector(1)").peakSamples == 1)
        // While they are read; their rows and the result are fewer.
        #expect(try await instant("rate(m[1m])").peakSamples == 12)
        #expect(try await instant("rate(m[5m])").peakSamples == 60)
        // Two rows of thirty steps and two of one.
        #expect(try await instant("max_over_time(rate(m[20s])[5m:10s])").peakSamples == 62)
    }

    @Test func timesAreThoseOfTheClock() async throws {
        let ticks = Mutex<[Int64]>([70, 30, 10, 0])
        let answer = try await engine(
            .totals,
            clock: QueryClock(
                wallNanos: { 0 }, monotonicNanos: { ticks.withLock { $0.popLast() ?? -1 } })
        ).instant(
            "m", at: Timestamp(nanos: 300 * second), tenant: .standard, querier: store(),
            budget: QueryBudget())
        let statistics = try #require(answer.statistics)
        #expect(statistics.preparationNanos == 10)
        #expect(statistics.innerEvaluationNanos == 20)
        #expect(statistics.resultSortNanos == 40)
        #expect(statistics.evaluationNanos == 70)
    }

    @Test func nobodyIsToldWhoDoesNotAsk() async throws {
        let answer = try await engine(nil).instant(
            "m", at: Timestamp(nanos: 0), tenant: .standard, querier: store(),
            budget: QueryBudget())
        #expect(answer.statistics == nil)
    }
}
