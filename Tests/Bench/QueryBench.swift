internal import Dispatch
internal import Encoding
internal import Model
internal import Query
internal import QuerySupport

/// What the PromQL engine itself costs: the querier hands out columns that are decoded already.
func queryBench() -> [BenchRow] {
    let day = SyntheticMetrics(seriesCount: 1_000, sampleCount: 8_640, resetEvery: 10)
    let range = QueryBenchRange(startSeconds: 0, endSeconds: 86_400, stepSeconds: 60)
    let hour = SyntheticMetrics(seriesCount: 10_000, sampleCount: 360, resetEvery: 10)
    let hourRange = QueryBenchRange(startSeconds: 0, endSeconds: 3_600, stepSeconds: 15)
    let cases: [(text: String, goal: Double?)] = [
        ("sum by (job)(rate(m[5m]))", 15),
        ("sum(m)", nil),
        ("max by (job)(max_over_time(m[5m]))", nil),
        ("avg by (job)(avg_over_time(m[5m]))", nil),
        ("histogram_quantile(0.9, sum by (le)(rate(m[5m])))", nil),
        ("topk(3, rate(m[5m]))", nil),
    ]
    return cases.map { text, goal in
        row(text, goal, day, range, "1,000 series × 24 h at 10 s, 1,441 steps", 8_640_000)
    } + [
        row(
            "sum by (job)(rate(m[5m]))", 40, hour, hourRange,
            "10,000 series × 1 h at 10 s, 241 steps", 3_600_000)
    ]
}

private func row(
    _ text: String, _ goal: Double?, _ data: SyntheticMetrics, _ range: QueryBenchRange,
    _ size: String, _ sampleCount: Int
) -> BenchRow {
    var answer: QueryAnswer?
    let seconds = Stopwatch.best(runs: 5) { answer = range.answer(text, data) }
    return BenchRow(
        room: "Query", name: text, unit: "ms", goal: goal, reached: seconds * 1e3,
        higherIsBetter: false,
        note: "\(size), \(Int(Double(sampleCount) / seconds / 1e6)) M samples/s, "
            + hash(of: answer))
}

/// Of labels and values of a range query's answer.
func hash(of answer: QueryAnswer?) -> String {
    guard case .matrix(let series)? = answer?.value else { return "FAILED" }
    var writer = ByteWriter()
    for item in series {
        writer.raw(item.labels.bytes)
        writer.column(item.values)
    }
    return String(StableHash.hash64(writer.bytes, seed: 0), radix: 16)
}

/// A range query, run to its end on the calling thread's time.
struct QueryBenchRange {
    var startSeconds: Int64
    var endSeconds: Int64
    var stepSeconds: Int64

    func answer(_ text: String, _ querier: any Querier) -> QueryAnswer? {
        let done = DispatchSemaphore(value: 0)
        let slot = AnswerSlot()
        let range = self
        Task {
            do {
                slot.answer = try await PromQLEngine().range(
                    text, start: Timestamp(nanos: range.startSeconds * 1_000_000_000),
                    end: Timestamp(nanos: range.endSeconds * 1_000_000_000),
                    stepNanos: range.stepSeconds * 1_000_000_000, tenant: .standard,
                    querier: querier, budget: QueryBudget())
            } catch { print("FAILED: \(error)") }
            done.signal()
        }
        done.wait()
        return slot.answer
    }
}

/// Written before the semaphore is signalled and read after it was waited for.
private final class AnswerSlot: @unchecked Sendable {
    var answer: QueryAnswer?
}

/// Counters with one shared timestamp column; one series in `resetEvery` falls to zero every hour.
/// The series take turns with ten columns of values, as decoded columns are: warm in the cache.
private final class SyntheticMetrics: SilentQuerier {
    private let series: [SeriesData]

    init(seriesCount: Int, sampleCount: Int, resetEvery: Int) {
        let column = TimestampColumn(
            (0..<sampleCount).map { Int64($0 + 1) * 10_000_000_000 })
        let columns = (0..<10).map { number -> [Double] in
            var state = UInt64(number) &* 0x9E37_79B9_7F4A_7C15 &+ 1
            var value = 0.0
            return (0..<sampleCount).map { place -> Double in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                if number % resetEvery == 0, place % 360 == 359 { value = 0 }
                value += Double(state >> 58)
                return value
            }
        }
        series = (0..<seriesCount).map { number in
            let labels = Labels([
                ("__name__", "m"), ("job", "job-\(number % 10)"), ("le", "\(number % 10)"),
                ("instance", "host-\(number)"),
            ])
            return SeriesData(
                id: SeriesID(tenant: .standard, labels: labels), labels: labels,
                timestamps: column, values: columns[number % columns.count])
        }
    }

    func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness {
        for start in stride(from: 0, to: series.count, by: 64) {
            try sink(Array(series[start..<min(start + 64, series.count)]))
        }
        return Completeness()
    }
}
