internal import Ingest
internal import Model

/// The targets of one job: those that stand in its file and those that were found.
struct ScrapePool: Sendable {
    private(set) var job: ScrapeJob
    private(set) var loops: [TargetLoop] = []
    /// As found, of those that relabelling drops; at most as many as the job keeps.
    private(set) var dropped: [Labels] = []
    private(set) var droppedCount = 0
    /// Why addresses were found that can not be scraped, for a person.
    private(set) var problems: [String] = []
    /// What the files of each discovery named last, by path.
    private var found: [Int: [(path: String, groups: [TargetGroup])]] = [:]
    /// When each discovery is looked at next, ns; nil while somebody looks.
    private var looks: [Int: Int64] = [:]

    /// Discovery is looked at so often at least: nobody tells when a file changes.
    private static let lookNanosMax: Int64 = 5_000_000_000

    init(_ job: ScrapeJob, now: Int64) {
        self.job = job
        for index in job.discoveries.indices { looks[index] = now }
    }

    /// What to make loops with.
    struct Maker: Sendable {
        var tenant: Tenant
        var seed: UInt64
        var requests: @Sendable (ScrapeJob) -> ScrapeRequests
    }

    /// Takes over what `job` says; what was found stays when it is looked for in the same files.
    mutating func reconfigure(_ job: ScrapeJob, now: Int64) {
        if job.discoveries != self.job.discoveries {
            found = [:]
            looks = [:]
            for index in job.discoveries.indices { looks[index] = now }
        }
        self.job = job
    }

    /// Discoveries that are due; each is at work until `discovered`.
    mutating func dueLooks(now: Int64) -> [Int] {
        let due = looks.filter { $0.value <= now }.map(\.key).sorted()
        for index in due { looks[index] = nil }
        return due
    }

    /// Takes what the files of a discovery name. One that could not be read (nil) keeps what it
    /// named before; one that is no more is left out by who calls. True when anything changed.
    mutating func discovered(
        _ index: Int, _ files: [(path: String, groups: [TargetGroup]?)], now: Int64
    ) -> Bool {
        guard job.discoveries.indices.contains(index) else { return false }
        looks[index] = now + min(job.discoveries[index].refreshNanos, Self.lookNanosMax)
        let before = found[index] ?? []
        let after = files.compactMap { file in
            let groups = file.groups ?? before.first { $0.path == file.path }?.groups
            return groups.map { (path: file.path, groups: $0) }
        }
        found[index] = after
        return before.map(\.path) != after.map(\.path)
            || before.map(\.groups) != after.map(\.groups)
    }

    /// Makes the loops those of the targets that there are now. Those that go on are kept; those
    /// whose targets are no more are returned.
    mutating func sync(_ maker: Maker, now: Int64) -> [TargetLoop] {
        let targets = activeTargets()
        let limit = job.limits.targetCountMax
        let refusal: ScrapeFailure? =
            limit > 0 && targets.count > limit
            ? ScrapeFailure(
                .targetCount, "\(targets.count) targets of \(job.name), target_limit is \(limit)")
            : nil
        let requests = maker.requests(job)
        var old: [ScrapeTarget.Identity: TargetLoop] = [:]
        for loop in loops { old[loop.identity] = loop }
        loops = targets.map { target in
            let loop =
                old.removeValue(forKey: target.identity)
                ?? TargetLoop(
                    target, requests, tenant: maker.tenant, seed: maker.seed, now: now)
            loop.reconfigure(target, requests, refusal: refusal, now: now)
            return loop
        }
        return old.values.sorted { $0.identity.text < $1.identity.text }
    }

    /// Each once, in the order in which they are named.
    private mutating func activeTargets() -> [ScrapeTarget] {
        var targets: [ScrapeTarget] = []
        var known: Set<ScrapeTarget.Identity> = []
        var droppedKnown: Set<Labels> = []
        (dropped, droppedCount, problems) = ([], 0, [])
        let files = found.keys.sorted().flatMap { found[$0] ?? [] }
        for group in job.groups + files.flatMap(\.groups) {
            for address in group.addresses {
                switch FoundTarget(address, labels: group.labels, of: job) {
                case .active(let target):
                    if known.insert(target.identity).inserted { targets.append(target) }
                case .dropped(let labels):
                    guard droppedKnown.insert(labels).inserted else { continue }
                    droppedCount += 1
                    let limit = job.limits.droppedCountMax
                    if limit == 0 || dropped.count < limit { dropped.append(labels) }
                case .refused(let labels, let problem):
                    problems.append("\(labels): \(problem)")
                }
            }
        }
        return targets
    }
}
