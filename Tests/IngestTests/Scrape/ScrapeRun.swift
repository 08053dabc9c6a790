import Ingest
import Model

/// One target, scraped every 15 s.
struct ScrapeRun {
    static let start: Int64 = 1_700_000_000_000
    static let labels = Labels(["instance": "web:1", "job": "node"])

    private(set) var scraper: TargetScraper
    private var millis = start

    init(
        limits: IngestLimits = IngestLimits(), labels: Labels = .empty,
        _ change: (inout ScrapeJob) -> Void = { _ in }
    ) {
        scraper = TargetScraper(
            ScrapeRun.target(labels, change), of: ScrapeRun.job(change), tenant: .standard,
            limits: limits, seed: 1)
    }

    static func job(_ change: (inout ScrapeJob) -> Void) -> ScrapeJob {
        var job = ScrapeJob(name: "node")
        change(&job)
        return job
    }

    static func target(_ labels: Labels, _ change: (inout ScrapeJob) -> Void) -> ScrapeTarget {
        guard case .active(let target) = FoundTarget("web:1", labels: labels, of: job(change))
        else { preconditionFailure("no target") }
        return target
    }

    mutating func reconfigure(_ change: (inout ScrapeJob) -> Void) {
        scraper.reconfigure(
            ScrapeRun.target(.empty, change), of: ScrapeRun.job(change), limits: IngestLimits())
    }

    mutating func text(_ body: String, type: String? = "text/plain") -> Scraped {
        bytes(Array(body.utf8), type: type)
    }

    mutating func bytes(_ body: [UInt8], type: String?) -> Scraped {
        millis += 15_000
        return scraper.take(
            .success(TargetScraper.Answer(contentType: type, body: body)),
            at: Timestamp(millis: millis))
    }

    mutating func fail() -> Scraped {
        millis += 15_000
        return scraper.take(
            .failure(ScrapeFailure(.connection, "away")), at: Timestamp(millis: millis))
    }

    /// The series that tell of the scrape, by name.
    mutating func report(on scraped: Scraped, seconds: Double = 0.5) -> [String: Double] {
        var scraped = scraped
        let before = scraped.batch.samples.count
        scraper.report(
            on: &scraped, durationNanos: Int64(seconds * 1e9), at: Timestamp(millis: millis))
        var values: [String: Double] = [:]
        for row in before..<scraped.batch.samples.count {
            let index = Int(scraped.batch.samples.seriesIndexes[row])
            let labels = scraped.batch.series[index].labels ?? .empty
            values[labels.metricName] = scraped.batch.samples.values[row]
        }
        return values
    }

    mutating func end(spared: Set<SeriesID> = []) -> [String] {
        millis += 30_000
        guard let batch = scraper.end(at: Timestamp(millis: millis), spared: spared) else {
            return []
        }
        return ScrapeRun.samples(batch)
    }

    /// `name{labels beside the target's} value@seconds since the start`, in order.
    static func samples(_ batch: WriteBatch) -> [String] {
        let columns = batch.samples
        return (0..<columns.count).map { row in
            let labels = batch.series[Int(columns.seriesIndexes[row])].labels ?? .empty
            let value = columns.values[row]
            let seconds = Double(columns.timestamps[row] / 1_000_000 - start) / 1000
            let word = value.isStaleMarker ? "stale" : "\(value)"
            return "\(text(labels)) \(word)@\(seconds)"
        }
    }

    static func text(_ labels: Labels) -> String {
        let others = labels.pairs.filter {
            $0.name != "__name__" && ScrapeRun.labels[$0.name] != $0.value
        }
        let pairs = others.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
        return labels.metricName + (others.isEmpty ? "" : "{\(pairs)}")
    }
}
