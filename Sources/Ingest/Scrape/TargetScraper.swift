internal import Encoding
package import Model

/// What the scrapes of one target become, one after the other: samples under the target's labels,
/// stale markers for series that vanished, and the series that tell of the scrape itself. Pure: who
/// has it fetches, and appends what comes out.
///
/// Series are known by the bytes under which the target names them (`SeriesCache`), so that labels
/// are parsed and relabelled once. Bound: what one body may hold (`IngestLimits.decodedBytesMax`).
/// Source: Prometheus documentation, "Jobs and instances", "Staleness".
package struct TargetScraper: Sendable {
    /// An answer, decompressed.
    package struct Answer: Sendable {
        package var contentType: String?
        package var body: [UInt8]

        package init(contentType: String?, body: [UInt8]) {
            self.contentType = contentType
            self.body = body
        }
    }

    private static let keysSpared = 1_024

    package private(set) var target: ScrapeTarget
    private var job: ScrapeJob
    private let tenant: Tenant
    private var limits: IngestLimits
    private let seed: UInt64
    private var cache: SeriesCache
    /// Series of the last scrape that brought any.
    private var known: [SeriesReference] = []
    /// Series that are to be ended when they vanish.
    private var live: [SeriesReference] = []
    /// Those that tell of scrapes were written.
    private var hasReported = false
    /// What the target said of its metrics, by metric.
    package private(set) var metadata: [String: MetricMetadata] = [:]

    /// `seed`: random per process.
    package init(
        _ target: ScrapeTarget, of job: ScrapeJob, tenant: Tenant, limits: IngestLimits,
        seed: UInt64
    ) {
        self.target = target
        self.job = job
        self.tenant = tenant
        self.limits = limits
        self.seed = seed
        cache = SeriesCache(seed: seed)
    }

    /// Scrapes as `job` says from now on. Series that it does not bring any more are ended by the
    /// next scrape. `target`: of the same identity.
    package mutating func reconfigure(
        _ target: ScrapeTarget, of job: ScrapeJob, limits: IngestLimits
    ) {
        precondition(target.identity == self.target.identity, "another target")
        self.target = target
        self.job = job
        self.limits = limits
        cache = SeriesCache(seed: seed)
    }

    /// What an answer, or its absence, becomes. `time`: of the scrape, for samples without one.
    package mutating func take(
        _ answer: Result<Answer, ScrapeFailure>, at time: Timestamp
    ) -> Scraped {
        let time = Timestamp(millis: time.millis)
        do throws(ScrapeFailure) {
            return try read(try answer.get(), at: time)
        } catch {
            return failed(error, at: time)
        }
    }

    /// Stale markers for all series of the target that may still be taken for alive, those of its
    /// scrapes among them; nil when there are none. Series in `spared` go on elsewhere.
    package mutating func end(at time: Timestamp, spared: Set<SeriesID>) -> WriteBatch? {
        let time = Timestamp(millis: time.millis)
        var ended = live
        if hasReported { ended += reportNames.map(reference) }
        ended.removeAll { spared.contains($0.id) }
        live = []
        hasReported = false
        guard !ended.isEmpty else { return nil }
        var batch = WriteBatch(tenant: tenant)
        TargetScraper.end(ended[...], at: time, in: &batch)
        return batch
    }

    /// Spellings of series that are remembered, of which there are not many more than series.
    package var cachedKeyCount: Int { cache.keyCount }

    /// Series that the target wrote last, and that nobody else is to end.
    package var liveSeries: [SeriesID] {
        live.map(\.id) + (hasReported ? reportNames.map { reference($0).id } : [])
    }

    // MARK: - One scrape

    private mutating func read(
        _ answer: Answer, at time: Timestamp
    ) throws(ScrapeFailure) -> Scraped {
        let format = try ScrapeFormat(contentType: answer.contentType, fallback: job.fallback)
        if job.limits.bodyBytesMax > 0, answer.body.count > job.limits.bodyBytesMax {
            throw ScrapeFailure(
                .bodyBytes, "a body of more than \(job.limits.bodyBytesMax) bytes")
        }
        cache.begin(tenant: tenant, domain: format.rawValue)
        let outcome = format.read(
            answer.body, ScrapeIntake(target, of: job), tenant: tenant, now: time, limits: limits,
            &cache)
        if cache.keyCount > 2 * outcome.taken.scrapedCount + Self.keysSpared {
            // Most of what it knows is no more.
            cache = SeriesCache(seed: seed)
        }
        var scraped = Scraped(outcome, bodyBytes: answer.body.count)
        guard scraped.failure == nil else {
            endAll(at: time, in: &scraped.batch)
            return scraped
        }
        let series = scraped.batch.series
        scraped.addedCount = TargetScraper.missing(of: series, in: known).count
        let isTracked = outcome.taken.isTracked
        let tracked =
            isTracked.allSatisfy { $0 } ? series : zip(series, isTracked).filter(\.1).map(\.0)
        let ended = TargetScraper.missing(of: live, in: tracked)
        if !series.isEmpty { known = series }
        live = tracked
        TargetScraper.end(ended[...], at: time, in: &scraped.batch)
        scraped.batch.metadata = news(of: scraped.batch.metadata)
        return scraped
    }

    private mutating func failed(_ failure: ScrapeFailure, at time: Timestamp) -> Scraped {
        var scraped = Scraped(failure, tenant: tenant)
        endAll(at: time, in: &scraped.batch)
        return scraped
    }

    private mutating func endAll(at time: Timestamp, in batch: inout WriteBatch) {
        TargetScraper.end(live[...], at: time, in: &batch)
        live = []
    }

    /// What of `metadata` was not known, and is from now on.
    private mutating func news(of metadata: [MetricMetadata]) -> [MetricMetadata] {
        var news: [MetricMetadata] = []
        if self.metadata.count > 2 * metadata.count + Self.keysSpared { self.metadata = [:] }
        for entry in metadata where self.metadata[entry.metric] != entry {
            self.metadata[entry.metric] = entry
            news.append(entry)
        }
        return news
    }

    /// Those of `series` that are not among `others`. Nearly always both are the same in the same
    /// order, which costs one pass.
    private static func missing(
        of series: [SeriesReference], in others: [SeriesReference]
    ) -> [SeriesReference] {
        if series.count == others.count, zip(series, others).allSatisfy({ $0.id == $1.id }) {
            return []
        }
        let there = Set(others.map(\.id))
        return series.filter { !there.contains($0.id) }
    }

    private static func end(
        _ series: ArraySlice<SeriesReference>, at time: Timestamp, in batch: inout WriteBatch
    ) {
        for reference in series {
            let index = UInt32(batch.series.count)
            batch.series.append(reference)
            batch.samples.append(
                seriesIndex: index, timestamp: time.nanos, value: .staleMarker)
        }
    }
}

/// The series that tell of a scrape.
extension TargetScraper {
    private var reportNames: [String] {
        [
            "up", "scrape_duration_seconds", "scrape_samples_scraped",
            "scrape_samples_post_metric_relabeling", "scrape_series_added",
        ]
            + (job.hasExtraSeries
                ? ["scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes"] : [])
    }

    /// Adds them to what is appended. `durationNanos`: from the first byte asked for to here.
    package mutating func report(
        on scraped: inout Scraped, durationNanos: Int64, at time: Timestamp
    ) {
        let nanos = Timestamp(millis: time.millis).nanos
        let bodySize = scraped.failure?.reason == .bodyBytes ? -1 : scraped.bodyBytes
        let values: [Double] =
            [
                scraped.failure == nil ? 1 : 0, Double(durationNanos) / 1e9,
                Double(scraped.scrapedCount), Double(scraped.keptCount),
                Double(scraped.addedCount),
                Double(target.timeoutNanos) / 1e9, Double(job.limits.sampleCountMax),
                Double(bodySize),
            ]
        for (name, value) in zip(reportNames, values) {
            let index = UInt32(scraped.batch.series.count)
            scraped.batch.series.append(reference(name))
            scraped.batch.samples.append(seriesIndex: index, timestamp: nanos, value: value)
        }
        hasReported = true
    }

    private func reference(_ name: String) -> SeriesReference {
        var builder = LabelsBuilder(target.labels)
        builder.set("__name__", name)
        return SeriesReference(tenant: tenant, labels: builder.build())
    }
}
