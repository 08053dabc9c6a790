internal import Ingest
internal import Model
internal import Synchronization

/// One target at work: when it is due, what its scrapes become, and how the last one went.
final class TargetLoop: Sendable {
    /// A scrape that is due.
    struct Due: Sendable {
        var slot: IntervalClock.Due
        var target: ScrapeTarget
        var requests: ScrapeRequests
        /// Why it is not even asked.
        var refusal: ScrapeFailure?
    }

    private struct State {
        var requests: ScrapeRequests
        var clock: IntervalClock
        var isBusy = false
        var refusal: ScrapeFailure?
        var status: TargetStatus
    }

    let identity: ScrapeTarget.Identity
    private let state: Mutex<State>
    /// Changed in place: it knows all series of the target. Who asks how the target is does not wait
    /// for a body to be read.
    private let scraper: Mutex<TargetScraper>

    init(
        _ target: ScrapeTarget, _ requests: ScrapeRequests, tenant: Tenant, seed: UInt64,
        now: Int64
    ) {
        identity = target.identity
        let slots = IntervalSlots(target.intervalNanos, of: target.identity.text)
        state = Mutex(
            State(
                requests: requests, clock: IntervalClock(slots, now: now),
                status: TargetStatus(target: target)))
        scraper = Mutex(
            TargetScraper(
                target, of: requests.job, tenant: tenant, limits: requests.limits, seed: seed))
    }

    var status: TargetStatus { state.withLock { $0.status } }

    /// Whether a scrape is at work.
    var isBusy: Bool { state.withLock { $0.isBusy } }

    /// Scrapes as the job says from now on; what is at work already is read so. `refusal`: why it
    /// is not asked at all.
    func reconfigure(
        _ target: ScrapeTarget, _ requests: ScrapeRequests, refusal: ScrapeFailure?, now: Int64
    ) {
        let isOther = state.withLock { state in
            let isOther =
                requests.job != state.requests.job || requests.limits != state.requests.limits
                || target != state.status.target
            let slots = IntervalSlots(target.intervalNanos, of: identity.text)
            if slots != state.clock.slots { state.clock = IntervalClock(slots, now: now) }
            state.refusal = refusal
            state.status.target = target
            state.requests = requests
            return isOther
        }
        guard isOther else { return }
        scraper.withLock { $0.reconfigure(target, of: requests.job, limits: requests.limits) }
    }

    /// What is due and not at work; it is at work until `finish`.
    func due(now: Int64) -> Due? {
        state.withLock { state in
            guard !state.isBusy, let slot = state.clock.due(now: now) else { return nil }
            state.isBusy = true
            return Due(
                slot: slot, target: state.status.target, requests: state.requests,
                refusal: state.refusal)
        }
    }

    /// What an answer becomes, its report included. `duration`: asked for when it has been read.
    func take(
        _ answer: Result<TargetScraper.Answer, ScrapeFailure>, at time: Timestamp,
        duration: () -> Int64
    ) -> Scraped {
        let (scraped, metadata) = scraper.withLock { scraper in
            var scraped = scraper.take(answer, at: time)
            scraper.report(on: &scraped, durationNanos: duration(), at: time)
            return (scraped, scraper.metadata)
        }
        state.withLock { $0.status.metadata = metadata }
        return scraped
    }

    /// Ends a scrape.
    func finish(_ outcome: TargetStatus.Outcome) {
        state.withLock { state in
            state.status.outcome = outcome
            state.isBusy = false
        }
    }

    /// Ends a scrape of which nothing came, and nothing is known.
    func abandon() { state.withLock { $0.isBusy = false } }

    /// Stale markers for what the target wrote last, but for what is spared; nil when there are none.
    func end(at time: Timestamp, spared: Set<SeriesID>) -> WriteBatch? {
        scraper.withLock { $0.end(at: time, spared: spared) }
    }

    /// What the target wrote last.
    var liveSeries: [SeriesID] { scraper.withLock { $0.liveSeries } }
}

/// How a target is.
struct TargetStatus: Sendable {
    /// How its last scrape went.
    struct Outcome: Sendable {
        /// When it began.
        var at: Timestamp
        var durationNanos: Int64
        /// Nil for a success.
        var failure: String?
    }

    var target: ScrapeTarget
    /// Nil before the first scrape.
    var outcome: Outcome?
    /// What it said of its metrics, by metric.
    var metadata: [String: MetricMetadata] = [:]

    init(target: ScrapeTarget) { self.target = target }

    var health: String {
        guard let outcome else { return "unknown" }
        return outcome.failure == nil ? "up" : "down"
    }
}
