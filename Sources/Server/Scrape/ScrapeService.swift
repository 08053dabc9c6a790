package import Ingest
package import Model
package import Platform
internal import Synchronization

/// Scrapes targets when they are due, where this node is the one to do so.
///
/// A timer asks `takeDue`; each piece of work is done by a task on threads of the scrapes, and so
/// many at a time at most. Jobs and targets change while others are at work: each target keeps its
/// own state (`TargetLoop`), and jobs the list of theirs (`ScrapePool`).
package final class ScrapeService: Sendable {
    /// What the service needs of the world.
    package struct Surroundings: Sendable {
        let appender: any Appender
        let time: any TimeSource
        let timers: any Timers
        let telemetry: Telemetry
        let fetcher: any ScrapeFetcher
        /// Random per process.
        let seed: UInt64
        let limits: Adjustable<IngestLimits>
        let version: String
        /// The text of the file at a path.
        let read: @Sendable (String) throws -> String
        /// The paths that a pattern stands for.
        let expand: @Sendable (String) -> [String]
        /// Whether this node scrapes: exactly one of a cluster does.
        let isKeeper: @Sendable () -> Bool
        /// One line for a person.
        let warn: @Sendable (String) -> Void

        package init(
            appender: any Appender, time: any TimeSource, timers: any Timers,
            telemetry: Telemetry, fetcher: any ScrapeFetcher, seed: UInt64,
            limits: Adjustable<IngestLimits>,
            version: String, read: @escaping @Sendable (String) throws -> String,
            expand: @escaping @Sendable (String) -> [String],
            isKeeper: @escaping @Sendable () -> Bool, warn: @escaping @Sendable (String) -> Void
        ) {
            self.appender = appender
            self.time = time
            self.timers = timers
            self.telemetry = telemetry
            self.fetcher = fetcher
            self.seed = seed
            self.limits = limits
            self.version = version
            self.read = read
            self.expand = expand
            self.isKeeper = isKeeper
            self.warn = warn
        }
    }

    /// A piece of work that is due.
    package struct Work: Sendable {
        enum Kind: Sendable {
            case scrape(TargetLoop, TargetLoop.Due, ScrapeFigures)
            /// Reads the files of a discovery.
            case look(job: String, index: Int, FileDiscovery, ScrapeFigures)
            case end(Orphan)
        }

        let kind: Kind
    }

    /// A target that is no more. Its series end when those that took its place have had time to
    /// write, and those that go on there do not.
    struct Orphan: Sendable {
        var loop: TargetLoop
        var endedAt: Timestamp
        var dueNanos: Int64
    }

    struct State {
        var configuration: ScrapeConfiguration
        var pools: [ScrapePool] = []
        var figures: [String: ScrapeFigures] = [:]
        var isKeeper = false
        var isStarted = false
        var isStopped = false
        var orphans: [Orphan] = []
        var scrapeCount = 0
        /// Where the search for what is due begins, so that all have their turn.
        var cursor = 0
        var timer: (any Cancellable)?
    }

    private static let tickNanos: Int64 = 50_000_000
    private static let threadCount = 2
    /// Scrapes at a time: each may hold a body.
    private static let scrapesMax = 128
    static let intervalsUntilStale: Int64 = 2

    let world: Surroundings
    let state: Mutex<State>
    private let executor: QueryExecutor
    private let tasks: WorkTasks

    package init(_ configuration: ScrapeConfiguration, in world: Surroundings) {
        self.world = world
        executor = QueryExecutor(name: "scrape", threadCount: Self.threadCount)
        tasks = WorkTasks(on: executor)
        state = Mutex(State(configuration: configuration))
    }

    /// From now on targets are scraped.
    package func start() {
        state.withLock { $0.isStarted = true }
        startTimerIfNeeded()
    }

    /// Whose series they are.
    var tenant: Tenant { state.withLock { $0.configuration.tenant } }

    /// The jobs, in the order of their file, with how their targets are.
    var pools: [ScrapePool] { state.withLock { $0.pools } }

    /// Takes other jobs over. Targets that stay go on.
    package func reload(_ configuration: ScrapeConfiguration) {
        let now = world.time.wallNanos()
        state.withLock { state in
            let keepsTenant = configuration.tenant == state.configuration.tenant
            state.configuration = configuration
            if !keepsTenant { state.pools = [] }
            if state.isKeeper { takeJobs(in: &state, now: now) }
        }
        startTimerIfNeeded()
    }

    private func startTimerIfNeeded() {
        let needsTimer = state.withLock { state in
            state.isStarted && state.timer == nil && !state.isStopped
                && !state.configuration.jobs.isEmpty
        }
        guard needsTimer else { return }
        let timer = world.timers.every(
            Self.tickNanos, aligned: false, name: "scrapes"
        ) { [weak self] _ in self?.tick() }
        state.withLock { $0.timer = timer }
    }

    /// What is due now; it is at work until `perform` is through with it.
    package func takeDue() -> [Work] {
        let now = world.time.wallNanos()
        let isKeeper = world.isKeeper()
        return state.withLock { state in
            guard !state.isStopped else { return [] }
            if isKeeper != state.isKeeper {
                state.isKeeper = isKeeper
                state.pools = []
                state.orphans = []
                if isKeeper { takeJobs(in: &state, now: now) }
            }
            guard isKeeper else { return [] }
            return dueLooks(in: &state, now: now) + dueScrapes(in: &state, now: now)
                + dueEnds(in: &state, now: now)
        }
    }

    private func dueLooks(in state: inout State, now: Int64) -> [Work] {
        var work: [Work] = []
        for place in state.pools.indices {
            for index in state.pools[place].dueLooks(now: now) {
                let job = state.pools[place].job
                guard let figures = state.figures[job.name] else { continue }
                work.append(
                    Work(
                        kind: .look(
                            job: job.name, index: index, job.discoveries[index], figures)))
            }
        }
        return work
    }

    private func dueScrapes(in state: inout State, now: Int64) -> [Work] {
        let all = state.pools.flatMap { pool in pool.loops.map { (pool.job.name, $0) } }
        var work: [Work] = []
        for step in all.indices {
            let place = (state.cursor + step) % all.count
            guard state.scrapeCount < Self.scrapesMax else {
                state.cursor = place
                break
            }
            let (job, loop) = all[place]
            guard let figures = state.figures[job], let due = loop.due(now: now) else { continue }
            state.scrapeCount += 1
            work.append(Work(kind: .scrape(loop, due, figures)))
        }
        return work
    }

    private func dueEnds(in state: inout State, now: Int64) -> [Work] {
        let due = state.orphans.filter { $0.dueNanos <= now }
        state.orphans.removeAll { $0.dueNanos <= now }
        return due.map { Work(kind: .end($0)) }
    }

    /// Does a piece of work that is due.
    package func perform(_ work: Work) async {
        switch work.kind {
        case .scrape(let loop, let due, let figures):
            await scrape(loop, due, figures)
            state.withLock { $0.scrapeCount -= 1 }
        case .look(let job, let index, let discovery, let figures):
            look(job, index, discovery, figures)
        case .end(let orphan): await end(orphan)
        }
    }

    /// Ends what is at work. Series do not end with it: somebody will scrape their targets again.
    package func stop() async {
        let timer = state.withLock { state in
            state.isStopped = true
            defer { state.timer = nil }
            return state.timer
        }
        timer?.cancel()
        await tasks.end()
        executor.stop()
    }

    private func tick() {
        for work in takeDue() { tasks.begin { await self.perform(work) } }
    }
}
