import Ingest
import Model
import Testing

/// What scrapes become: labels, limits, ends of series, and what is told of the scrape.
@Suite struct TargetScraperTests {
    private static func rule(_ change: (inout RelabelRule.Fields) -> Void) throws -> RelabelRule {
        var fields = RelabelRule.Fields()
        change(&fields)
        return try RelabelRule(fields)
    }

    @Test func samplesGetTheLabelsOfTheirTarget() throws {
        var run = ScrapeRun()
        let scraped = run.text("a 1\nb{x=\"y\"} 2 1700000001000\n")
        #expect(ScrapeRun.samples(scraped.batch) == ["a 1.0@15.0", "b{x=y} 2.0@1.0"])
        #expect(
            scraped.batch.series[0].labels
                == Labels(["__name__": "a", "instance": "web:1", "job": "node"]))
    }

    @Test func labelsOfTheTargetWin() throws {
        var run = ScrapeRun(labels: Labels(["exported_zone": "t", "zone": "b"]))
        let scraped = run.text("a{job=\"x\",zone=\"a\",exported_zone=\"e\"} 1\n")
        #expect(
            scraped.batch.series[0].labels
                == Labels([
                    "__name__": "a", "instance": "web:1", "job": "node", "exported_job": "x",
                    "zone": "b", "exported_exported_zone": "a",
                    "exported_zone": "t", "exported_exported_exported_zone": "e",
                ]))
    }

    @Test func labelsThatAreSentWinWhenTheyAreHonoured() throws {
        var run = ScrapeRun { $0.honorsLabels = true }
        let scraped = run.text("a{job=\"x\"} 1\nb{instance=\"\"} 2\n")
        #expect(
            scraped.batch.series.map(\.labels) == [
                Labels(["__name__": "a", "instance": "web:1", "job": "x"]),
                // Sent, and empty: the target's does not come in.
                Labels(["__name__": "b", "job": "node"]),
            ])
    }

    @Test func timesThatAreSentMayBeIgnored() throws {
        var run = ScrapeRun { $0.honorsTimestamps = false }
        #expect(ScrapeRun.samples(run.text("a 1 1000\n").batch) == ["a 1.0@15.0"])
        // And then the series is one that ends.
        #expect(ScrapeRun.samples(run.text("b 1\n").batch) == ["b 1.0@30.0", "a stale@30.0"])
    }

    @Test func metricsAreRelabelled() throws {
        let drop = try Self.rule {
            $0.action = .drop
            $0.sourceLabels = ["__name__"]
            $0.regex = "go_.*"
        }
        let rename = try Self.rule {
            $0.targetLabel = "__name__"
            $0.sourceLabels = ["__name__"]
            $0.replacement = "x_$1"
        }
        var run = ScrapeRun { $0.metricRules = [drop, rename] }
        for seconds in ["15.0", "30.0"] {
            let scraped = run.text("go_a 1\nb 2\n")
            #expect(ScrapeRun.samples(scraped.batch) == ["x_b 2.0@\(seconds)"])
            #expect((scraped.scrapedCount, scraped.keptCount) == (2, 1))
        }
        #expect(run.text("b 2\n").addedCount == 0)
    }

    @Test func aSeriesWithoutANameFailsTheScrape() throws {
        let rule = try Self.rule {
            $0.action = .labeldrop
            $0.regex = "__name__"
        }
        var run = ScrapeRun { $0.metricRules = [rule] }
        for _ in 0..<2 { #expect(run.text("a 1\n").failure?.reason == .malformed) }
    }

    @Test func whatVanishesEnds() {
        var run = ScrapeRun()
        _ = run.text("a 1\nb 2\nc 3 1700000001000\n")
        #expect(
            ScrapeRun.samples(run.text("a 1\n").batch) == ["a 1.0@30.0", "b stale@30.0"])
        #expect(ScrapeRun.samples(run.text("a 1\n").batch) == ["a 1.0@45.0"])
    }

    @Test func whatHasTimesOfItsOwnEndsWhenThatIsWanted() {
        var run = ScrapeRun { $0.tracksTimestampsStaleness = true }
        _ = run.text("a 1\nc 3 1700000001000\n")
        #expect(ScrapeRun.samples(run.text("").batch) == ["a stale@30.0", "c stale@30.0"])
    }

    @Test func aScrapeThatFailsEndsEverything() {
        var run = ScrapeRun()
        _ = run.text("a 1\nb 2\n")
        let failed = run.fail()
        #expect(ScrapeRun.samples(failed.batch) == ["a stale@30.0", "b stale@30.0"])
        #expect(ScrapeRun.samples(run.fail().batch) == [])
        // What comes back is no new series.
        #expect(run.text("a 1\nb 2\n").addedCount == 0)
    }

    @Test(arguments: [
        "a 1\nb\n", "a{x=1} 1\n", "a{x=\"1\" 1\n", "a x\n", "a 1 x\n", "a{x=\"1\",x=\"2\"} 1\n",
    ])
    func oneBadLineFailsTheScrape(body: String) {
        var run = ScrapeRun()
        let scraped = run.text(body)
        #expect(scraped.failure?.reason == .malformed)
        #expect(ScrapeRun.samples(scraped.batch) == [])
    }

    @Test func whatIsBeyondTheStoresLimitsIsLeftOut() {
        var limits = IngestLimits()
        limits.labelValueBytesMax = 4
        var run = ScrapeRun(limits: limits)
        let scraped = run.text("a{x=\"12345\"} 1\nb 1\n")
        #expect(scraped.failure == nil)
        #expect(ScrapeRun.samples(scraped.batch) == ["b 1.0@15.0"])
        #expect(scraped.skips[.longLabelValue] == 1)
    }

    @Test func openMetricsHasAnEnd() {
        let type = "application/openmetrics-text; version=1.0.0"
        var run = ScrapeRun()
        #expect(
            ScrapeRun.samples(run.text("a 1 1700000001.5\n# EOF\n", type: type).batch)
                == ["a 1.0@1.5"])
        #expect(run.text("a 1\n", type: type).failure?.reason == .malformed)
        #expect(run.text("a 1\nx# EOF\n", type: type).failure?.reason == .malformed)
    }

    @Test func theContentTypeSaysTheFormat() {
        var run = ScrapeRun()
        #expect(run.text("a 1\n", type: nil).failure?.reason == .contentType)
        #expect(run.text("a 1\n", type: "text/html").failure?.reason == .contentType)
        var lenient = ScrapeRun { $0.fallback = .text0 }
        #expect(lenient.text("a 1\n", type: nil).failure == nil)
        #expect(lenient.text("a 1\n", type: "text/html").failure == nil)
    }

    @Test func boundsAreWrittenOneWay() {
        var run = ScrapeRun()
        let scraped = run.text(
            "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\n"
                + "# TYPE s summary\ns{quantile=\"1e-9\"} 1\n# TYPE g gauge\ng{le=\"1\"} 1\n")
        #expect(
            ScrapeRun.samples(scraped.batch) == [
                "h_bucket{le=1.0} 1.0@15.0", "h_bucket{le=+Inf} 2.0@15.0",
                "s{quantile=1e-09} 1.0@15.0", "g{le=1} 1.0@15.0",
            ])
    }

    @Test func aSeriesHasOneSampleInABody() {
        var run = ScrapeRun()
        let scraped = run.text("a 1\na 2\nb 1 1000\nb 2 2000\n")
        #expect(scraped.keptCount == 3)
        #expect(scraped.duplicateCount == 1)
    }

    @Test(arguments: [
        ("sample_limit", "a 1\nb 1\nc 1\n", "a 1\nb 1\n"),
        ("label_limit", "a{x=\"1\",y=\"2\"} 1\n", "a{x=\"1\"} 1\n"),
        ("label_name_length_limit", "a{long_name_1=\"\"} 1\na{long_name_1=\"1\"} 1\n", "a 1\n"),
        ("label_value_length_limit", "a{x=\"123456\"} 1\n", "a{x=\"12345\"} 1\n"),
        ("body_size_limit", "a{x=\"1\"} 111111111111111111111111\n", "a 1\n"),
    ])
    func limitsFailAScrape(limit: String, bad: String, good: String) {
        var run = ScrapeRun { job in
            switch limit {
            case "sample_limit": job.limits.sampleCountMax = 2
            case "label_limit": job.limits.labelCountMax = 4
            case "label_name_length_limit": job.limits.labelNameBytesMax = 10
            case "label_value_length_limit": job.limits.labelValueBytesMax = 5
            default: job.limits.bodyBytesMax = 30
            }
        }
        #expect(run.text(good).failure == nil)
        for _ in 0..<2 { #expect(run.text(bad).failure?.reason.rawValue == limit) }
        #expect(run.text(good).failure == nil)
    }

    @Test func tellsOfTheScrape() {
        var run = ScrapeRun { $0.metricRules = [] }
        var scraped = run.text("a 1\nb 2\n")
        #expect(
            run.report(on: scraped) == [
                "up": 1, "scrape_duration_seconds": 0.5, "scrape_samples_scraped": 2,
                "scrape_samples_post_metric_relabeling": 2, "scrape_series_added": 2,
            ])
        scraped = run.text("a 1\nc 2\n")
        #expect(run.report(on: scraped)["scrape_series_added"] == 1)
        #expect(run.report(on: run.fail())["up"] == 0)
    }

    /// As Prometheus does, which tells what there was.
    @Test func tellsOfABodyThatIsNotUsed() {
        var run = ScrapeRun { job in
            job.limits.sampleCountMax = 1
            job.hasExtraSeries = true
        }
        let scraped = run.text("a 1\nb 2\n")
        #expect(scraped.failure?.reason == .sampleCount)
        let report = run.report(on: scraped)
        #expect(report["up"] == 0)
        #expect(report["scrape_samples_scraped"] == 2)
        #expect(report["scrape_samples_post_metric_relabeling"] == 2)
        #expect(report["scrape_series_added"] == 0)
        #expect(report["scrape_body_size_bytes"] == 8)
    }

    @Test func tellsMoreWhenThatIsWanted() {
        var run = ScrapeRun { job in
            job.hasExtraSeries = true
            job.limits.sampleCountMax = 9
            job.limits.bodyBytesMax = 20
        }
        var report = run.report(on: run.text("a 1\nb 2\n"))
        #expect(report["scrape_timeout_seconds"] == 10)
        #expect(report["scrape_sample_limit"] == 9)
        #expect(report["scrape_body_size_bytes"] == 8)
        report = run.report(on: run.text("a 1111111111111111111111\n"))
        #expect(report["scrape_body_size_bytes"] == -1)
    }

    @Test func aTargetThatIsNoMoreEnds() {
        var run = ScrapeRun()
        _ = run.report(on: run.text("a 1\nb 2\n"))
        let spared = SeriesID(
            tenant: .standard,
            labels: Labels(["__name__": "a", "instance": "web:1", "job": "node"]))
        let ended = run.end(spared: [spared])
        #expect(
            ended == [
                "b stale@45.0", "up stale@45.0", "scrape_duration_seconds stale@45.0",
                "scrape_samples_scraped stale@45.0",
                "scrape_samples_post_metric_relabeling stale@45.0",
                "scrape_series_added stale@45.0",
            ])
        #expect(run.end() == [])
    }

    @Test func otherRulesEndWhatTheyDoNotBringAnyMore() throws {
        let drop = try Self.rule {
            $0.action = .drop
            $0.sourceLabels = ["__name__"]
            $0.regex = "a"
        }
        var run = ScrapeRun()
        _ = run.text("a 1\nb 2\n")
        run.reconfigure { $0.metricRules = [drop] }
        #expect(
            ScrapeRun.samples(run.text("a 1\nb 2\n").batch) == ["b 2.0@30.0", "a stale@30.0"])
    }

    @Test func metadataIsWrittenOnce() {
        var run = ScrapeRun()
        let body = "# HELP a What it is.\n# TYPE a counter\na 1\n"
        #expect(
            run.text(body).batch.metadata
                == [MetricMetadata(metric: "a", kind: .counter, help: "What it is.")])
        #expect(run.text(body).batch.metadata == [])
        #expect(run.text("# TYPE a gauge\na 1\n").batch.metadata.map(\.kind) == [.gauge])
        #expect(run.scraper.metadata["a"]?.kind == .gauge)
    }

    /// A target whose series are new each time does not fill the memory.
    @Test func forgetsWhatIsNoMore() {
        var run = ScrapeRun()
        for round in 0..<200 {
            let lines = (0..<100).map { "a{x=\"\(round)-\($0)\"} 1\n" }.joined()
            let scraped = run.text(lines)
            #expect(scraped.addedCount == 100)
            #expect(scraped.batch.samples.count == (round == 0 ? 100 : 200))
        }
        #expect(run.scraper.cachedKeyCount < 2_048)
    }
}
