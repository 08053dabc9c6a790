internal import Glibc
internal import Model
internal import Storage

/// Finding a few of a million series by three matchers, one of them an expression: in the memtable's
/// postings and in a segment's index, opened and warm.
func selectorBench() -> [BenchRow] {
    let isSmall = unsafe getenv("BENCH_SMALL") != nil
    let store = SelectorBench(seriesCount: isSmall ? 10_000 : 1_000_000)
    do {
        return [store.postingsRow(), try store.indexRow()]
    } catch {
        print("selector bench: \(error)")
        return []
    }
}

/// Series of 100 metrics on hosts in 20 zones, and what is asked of them.
private struct SelectorBench {
    private let series: [IndexedSeries]
    private let selector: Selector

    init(seriesCount: Int) {
        series = (0..<seriesCount).map { number in
            let host = number / 100
            return IndexedSeries(
                tenant: .standard,
                labels: Labels([
                    ("__name__", "metric_\(number % 100)"), ("host", "host-\(host)"),
                    ("job", "job-\(host % 50)"), ("zone", "zone-\(host % 20)"),
                ]))
        }
        do {
            selector = Selector([
                Matcher("__name__", equals: "metric_42"), Matcher("job", equals: "job-7"),
                try Matcher("zone", .matches, "zone-(7|1[0-9])"),
            ])
        } catch { preconditionFailure("BUG: \(error)") }
    }

    func postingsRow() -> BenchRow {
        var postings = MemoryPostings()
        for one in series { _ = postings.append(tenant: one.tenant, labels: one.labels) }
        var found = 0
        let seconds = Stopwatch.best(runs: 9) {
            found = postings.select(tenant: .standard, selector: selector).count
        }
        return row("in memory", seconds, found)
    }

    func indexRow() throws -> BenchRow {
        let bytes = try SegmentIndexBuilder.build(series: series.sorted())
        let index = try SegmentIndex(bytes: bytes, name: "index")
        var found = 0
        let seconds = try Stopwatch.best(runs: 9) {
            found = try index.select(tenant: .standard, selector: selector).count
        }
        return row("in a segment's index", seconds, found)
    }

    private func row(_ place: String, _ seconds: Double, _ found: Int) -> BenchRow {
        BenchRow(
            room: "storage", name: "three matchers, \(place)", unit: "ms", goal: 3,
            reached: seconds * 1e3, higherIsBetter: false,
            note: "\(found) of \(series.count) series")
    }
}
