internal import Ingest
internal import Model
internal import Synchronization

/// One target at work: when it is due, what its scrapes become, and how the last one went.
final class TargetLoop: Sendable {
    /// What is due.
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
        /// Away while a scrape is at work.
        var scraper: TargetScraper?
        var pending: (target: ScrapeTarget, requests: ScrapeRequests)?
        var refusal: ScrapeFailure?
        var status: TargetStatus
    }

    let identity: ScrapeTarget.Identity
    private let state: Mutex<State>

    init(
        _ target: ScrapeTarget, _ requests: ScrapeRequests, tenant: Tenant,
        limits: IngestLimits, seed: UInt64, now: Int64
    ) {
        identity = target.identity
        let slots = IntervalSlots(target.intervalNanos, of: target.identity.text)
        state = Mutex(
            State(
                requests: requests, clock: IntervalClock(slots, now: now),
                scraper: TargetScraper(
                    target, of: requests.job, tenant: tenant, limits: limits, seed: seed),
                status: TargetStatus(target: target)))
    }

    var status: TargetStatus { state.withLock { $0.status } }

    /// Scrapes as the job says from now on, or from the end of the scrape that is at work.
    /// `refusal`: why it is not asked at all.
    func reconfigure(
        _ target: ScrapeTarget, _ requests: ScrapeRequests, refusal: ScrapeFailure?, now: Int64
    ) {
        state.withLock { state in
            state.refusal = refusal
            state.status.target = target
            let slots = IntervalSlots(target.intervalNanos, of: identity.text)
            if slots != state.clock.slots { state.clock = IntervalClock(slots, now: now) }
            guard requests.job != state.requests.job || state.scraper?.target != target else {
                return
            }
            state.requests = requests
            if state.scraper == nil {
                state.pending = (target, requests)
            } else {
                state.scraper?.reconfigure(target, of: requests.job)
            }
        }
    }

    /// What is due and not at work; it is at work until `finish`.
    func due(now: Int64) -> (due: Due, scraper: TargetScraper)? {
        state.withLock { state in
            guard let scraper = state.scraper, let slot = state.clock.due(now: now) else {
                return nil
            }
            state.scraper = nil
            return (
                Due(
                    slot: slot, target: scraper.target, requests: state.requests,
                    refusal: state.refusal), scraper
            )
        }
    }

    /// Ends a scrape: `scraper` as it is after it.
    func finish(_ scraper: TargetScraper, _ outcome: TargetStatus.Outcome) {
        state.withLock { state in
            var scraper = scraper
            if let (target, requests) = state.pending {
                scraper.reconfigure(target, of: requests.job)
                state.pending = nil
            }
            state.status.outcome = outcome
            state.status.metadata = scraper.metadata
            state.scraper = scraper
        }
    }

    /// Takes the scraper out for good, of a target that is no more; nil while it is at work.
    func takeScraper() -> TargetScraper? {
        state.withLock { state in
            defer { state.scraper = nil }
            return state.scraper
        }
    }

    /// Of what it wrote last; nil while a scrape is at work.
    var liveSeries: [SeriesID]? { state.withLock { $0.scraper?.liveSeries } }
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
