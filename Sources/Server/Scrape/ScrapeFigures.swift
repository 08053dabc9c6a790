internal import Ingest
internal import Platform

/// The figures of one job.
struct ScrapeFigures: Sendable {
    private let telemetry: Telemetry
    private let job: String
    private let scrapes: Counter
    private let samples: Counter
    private let duplicates: Counter
    private let missed: Counter
    private let lost: Counter
    private let duration: Latency

    private static let label = "scrape_job"

    init(_ job: String, _ telemetry: Telemetry) {
        self.job = job
        self.telemetry = telemetry
        let labels = [(Self.label, job)]
        scrapes = telemetry.counter(
            "varve_scrapes_total", help: "Scrapes, those that failed included.", labels: labels)
        samples = telemetry.counter(
            "varve_scrape_samples_total", help: "Samples of scrapes after relabelling.",
            labels: labels)
        duplicates = telemetry.counter(
            "varve_scrape_duplicate_samples_total",
            help: "Samples left out because the body had one of the series already.",
            labels: labels)
        missed = telemetry.counter(
            "varve_scrapes_missed_total",
            help: "Scrapes that were left out because the one before took too long.",
            labels: labels)
        lost = telemetry.counter(
            "varve_scrape_append_failures_total",
            help: "Scrapes whose samples could not be written.", labels: labels)
        duration = telemetry.latency(
            "varve_scrape_duration_seconds", help: "From a scrape's request to its samples.")
    }

    /// Of the job as it is now.
    func set(_ pool: ScrapePool) {
        let labels = [(Self.label, job)]
        telemetry.gauge(
            "varve_scrape_targets", help: "Targets that are scraped.", labels: labels
        ).set(pool.loops.count)
        telemetry.gauge(
            "varve_scrape_dropped_targets", help: "Targets that relabelling drops.",
            labels: labels
        ).set(pool.droppedCount)
        telemetry.gauge(
            "varve_scrape_bad_targets", help: "Addresses that were found and can not be scraped.",
            labels: labels
        ).set(pool.problems.count)
    }

    func note(_ scraped: Scraped, durationNanos: Int64, missedCount: Int) {
        scrapes.add()
        if scraped.failure == nil { samples.add(scraped.keptCount) }
        duplicates.add(scraped.duplicateCount)
        missed.add(missedCount)
        duration.record(nanos: durationNanos)
        if let reason = scraped.failure?.reason {
            telemetry.counter(
                "varve_scrape_failures_total", help: "Scrapes that brought nothing, by reason.",
                labels: [(Self.label, job), ("reason", reason.rawValue)]
            ).add()
        }
        for (reason, count) in scraped.skips.pairs {
            telemetry.counter(
                "varve_scrape_skipped_total", help: "Items of scrapes that were left out.",
                labels: [(Self.label, job), ("reason", reason.rawValue)]
            ).add(count)
        }
    }

    /// Samples that the store refused.
    func note(rejected count: Int, reason: String) {
        telemetry.counter(
            "varve_scrape_rejected_samples_total", help: "Samples of scrapes that a limit refused.",
            labels: [(Self.label, job), ("reason", reason)]
        ).add(count)
    }

    func noteAppendFailure() { lost.add() }

    func noteDiscoveryFailure() {
        telemetry.counter(
            "varve_scrape_discovery_failures_total",
            help: "Files of targets that could not be read, or were wrong.",
            labels: [(Self.label, job)]
        ).add()
    }

    /// Of a job that is no more.
    static func remove(_ job: String, _ telemetry: Telemetry) {
        telemetry.remove(label: label, value: job)
    }
}
