import Ingest
import Model

/// Steady scrapes: the same target again and again, as it answers after the first time.
func scrapeBench() -> [BenchRow] {
    [1_000, 20_000].map { seriesCount in
        var run = ScrapeLoad(seriesCount: seriesCount)
        run.scrape()
        let seconds = Stopwatch.best(runs: 5) { run.scrape() }
        return BenchRow(
            room: "Ingest", name: "a scrape in text, \(seriesCount) series", unit: "ns/sample",
            goal: nil, reached: seconds / Double(seriesCount) * 1e9, higherIsBetter: false,
            note: "\(run.body.count / seriesCount) B/line, relabelled, report and all")
    }
}

/// A target as node_exporter is one.
private struct ScrapeLoad {
    let seriesCount: Int
    let body: [UInt8]
    private var scraper: TargetScraper
    private var millis: Int64 = 1_795_521_600_000

    init(seriesCount: Int) {
        self.seriesCount = seriesCount
        let lines = (0..<seriesCount).map { index -> String in
            let head =
                index % 20 == 0
                ? "# HELP node_thing_\(index / 20)_total Things of a kind.\n"
                    + "# TYPE node_thing_\(index / 20)_total counter\n" : ""
            return head + "node_thing_\(index / 20)_total{cpu=\"\(index % 20)\",mode=\"idle\"} "
                + "\(index * 7919).25\n"
        }
        body = Array(lines.joined().utf8)
        var job = ScrapeJob(name: "node")
        var rule = RelabelRule.Fields()
        rule.action = .drop
        rule.sourceLabels = ["__name__"]
        rule.regex = "go_.*"
        do throws(RelabelProblem) {
            job.metricRules = [try RelabelRule(rule)]
        } catch {
            preconditionFailure("BUG: \(error)")
        }
        guard case .active(let target) = FoundTarget("10.0.0.1:9100", labels: .empty, of: job)
        else { preconditionFailure("BUG: no target") }
        scraper = TargetScraper(
            target, of: job, tenant: .standard, limits: IngestLimits(), seed: 1)
    }

    mutating func scrape() {
        millis += 15_000
        let time = Timestamp(millis: millis)
        var scraped = scraper.take(
            .success(TargetScraper.Answer(contentType: "text/plain", body: body)), at: time)
        scraper.report(on: &scraped, durationNanos: 1_000_000, at: time)
        precondition(scraped.batch.samples.count == seriesCount + 5, "not all was scraped")
    }
}
