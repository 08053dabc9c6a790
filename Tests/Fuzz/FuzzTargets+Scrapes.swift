internal import Ingest
internal import Model
internal import Server

/// What targets answer, and the files that name them.
extension FuzzTargets {
    static let scrapes = [
        Target("protobuf_exposition", run: protobufExposition),
        Target("scrape_text", run: scrapeText),
        Target("scrape_file", run: scrapeFile),
        Target("target_file", run: targetFile),
    ]

    private static let protobuf =
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
        + "encoding=delimited"

    private static func protobufExposition(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let variant = input.choice(of: 8)
        scrape(input.array, type: protobuf, variant)
    }

    private static func scrapeText(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let variant = input.choice(of: 8)
        let type = variant & 4 != 0 ? "application/openmetrics-text" : "text/plain"
        scrape(input.array, type: type, variant)
    }

    /// The same answer twice: it means the same both times, and nothing is new or ends in between.
    private static func scrape(_ body: [UInt8], type: String, _ variant: Int) {
        var job = ScrapeJob(name: "j")
        job.honorsLabels = variant & 1 != 0
        job.takesNativeHistograms = variant & 2 != 0
        job.alwaysTakesClassicHistograms = variant & 4 != 0
        job.tracksTimestampsStaleness = variant & 4 != 0
        job.metricRules = rules
        guard case .active(let target) = FoundTarget("h:1", labels: .empty, of: job) else {
            preconditionFailure("a good address is refused")
        }
        var scraper = TargetScraper(
            target, of: job, tenant: .standard, limits: IngestLimits(), seed: 1)
        let answer = TargetScraper.Answer(contentType: type, body: body)
        let first = scraper.take(.success(answer), at: Timestamp(millis: 1_000))
        let second = scraper.take(.success(answer), at: Timestamp(millis: 1_000))
        checkRoundTrip(first.batch)
        precondition(
            first.failure == second.failure && first.keptCount == second.keptCount
                && first.batch.series == second.batch.series
                && first.batch.samples == second.batch.samples
                && first.batch.histograms.count == second.batch.histograms.count
                && second.addedCount == 0, "an answer means something else the second time")
        precondition(
            first.keptCount <= first.scrapedCount && first.addedCount <= first.keptCount,
            "more samples than there are")
        let ended = scraper.end(at: Timestamp(millis: 2_000), spared: [])
        precondition((ended?.samples.count ?? 0) <= first.keptCount, "more ends than series")
    }

    private static let rules: [RelabelRule] = {
        var drop = RelabelRule.Fields()
        drop.action = .drop
        drop.sourceLabels = ["__name__"]
        drop.regex = "d.*"
        var map = RelabelRule.Fields()
        map.action = .labelmap
        map.regex = "m_(.+)"
        return [drop, map].compactMap { try? RelabelRule($0) }
    }()

    /// A file that is taken is taken again, and its targets are what they were.
    private static func scrapeFile(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let first = configuration(text) else { return }
        precondition(configuration(text) == first, "a file means something else the second time")
    }

    private static func configuration(_ text: String) -> ScrapeConfiguration? {
        var configuration = ScrapeConfiguration()
        do {
            try configuration.setFile(
                path: "f.yaml", text: text, read: { _ in "scrape_configs: []" },
                expand: { [$0] })
        } catch {
            precondition(!error.all.isEmpty, "refused without a reason")
            return nil
        }
        return configuration
    }

    private static let discovering = configuration(
        "scrape_configs: [{job_name: a, file_sd_configs: [{files: [x.json]}]}]")

    private static func targetFile(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        _ = discovering?.checkDiscovery(read: { _ in text }, expand: { [$0] })
    }
}
