internal import Model
internal import Platform
internal import Storage
internal import Synchronization

/// The thread that keeps a node's data in shape: it runs the jobs that entries ordered, and as
/// leader decides when to seal, compact and expire; that decision is an entry like any other.
final class Maintenance: Sendable {
    private static let expireIntervalNanos: Int64 = 60_000_000_000
    /// How often memory that jobs took is given back to the system.
    private static let memoryIntervalNanos: Int64 = 30_000_000_000
    /// Without anything new rounds are so far apart, and less where seals are due at a young age.
    private static let restNanosMax: Int64 = 10_000_000_000
    private static let restPerSealAge: Int64 = 60
    /// A flush gives up after so many rounds of compaction.
    private static let flushRoundsMax = 64

    private let shards: ShardTable
    private let leaders: LeaderTable
    private let queue: ProposalQueue
    private let loop: NodeLoop
    private let seals: SealRequests
    private let signal: JobSignal
    private let configuration: NodeConfiguration
    private let time: any TimeSource
    private let disk: any Disk
    private let telemetry: Telemetry
    private let bounds: Mutex<NodeBounds>
    /// Set when bounds changed: what is past them goes at once.
    private let isExpiryWanted = Atomic<Bool>(false)
    /// Jobs since the memory that they took was given back.
    private let jobCount = Atomic<Int>(0)
    /// A job failed in the last round and is to be tried again.
    private let hasFailed = Atomic<Bool>(false)
    /// When something was done last; monotonic, ns.
    private struct Clocks {
        var expiry: Int64?
        var memory: Int64?
        /// The last round began; how many entries had been applied by then, and whether it left
        /// something to be done.
        var round: Int64?
        var appliedCount = 0
        var isBusy = false
    }

    private let clocks = Mutex(Clocks())
    /// Shards with a command of this thread that is not applied yet.
    private let underWay = Mutex<Set<Int>>([])
    /// Shards that somebody needs an image of.
    private let wanted = Mutex<Set<Int>>([])
    /// What others have this thread do, and what it says to them when it stops instead.
    private struct Errand: Sendable {
        var run: @Sendable () -> Void
        var abandon: @Sendable () -> Void
    }

    private let errands = Mutex<[Errand]>([])
    private let thread = Mutex<WorkerThread?>(nil)

    init(
        shards: ShardTable, leaders: LeaderTable, queue: ProposalQueue, loop: NodeLoop,
        seals: SealRequests, signal: JobSignal,
        configuration: NodeConfiguration, time: any TimeSource, disk: any Disk,
        telemetry: Telemetry
    ) {
        self.shards = shards
        self.leaders = leaders
        self.queue = queue
        self.loop = loop
        self.seals = seals
        self.signal = signal
        self.configuration = configuration
        self.time = time
        self.disk = disk
        self.telemetry = telemetry
        bounds = Mutex(configuration.bounds)
    }

    func start() {
        let started = WorkerThread(name: "maintenance") { [self] in run() }
        thread.withLock { $0 = started }
    }

    func stop() {
        signal.stop()
        thread.withLock { $0 }?.join()
        for errand in takeErrands() { errand.abandon() }
    }

    func setBounds(_ new: NodeBounds) {
        bounds.withLock { $0 = new }
        isExpiryWanted.store(true, ordering: .relaxed)
        signal.raise()
    }

    /// Seals and compacts everything; returns when it is done.
    func flush() async throws(AppendError) {
        try await perform { [self] () throws(AppendError) in
            if let error = sealNow() ?? compactNow() { throw error }
        }
    }

    /// Makes a snapshot, of what is in memory too where this node leads. Errors: what kept a shard from
    /// being sealed, `unavailable` with the disk's.
    func snapshot(
        _ writer: SnapshotWriter, sealsFirst: Bool
    ) async throws(AppendError) -> Snapshot {
        try await perform { [self] () throws(AppendError) in
            if sealsFirst, let error = sealNow() { throw error }
            do {
                return try writer.write(shards, leaders)
            } catch {
                throw .unavailable(detail: "no snapshot was made: \(error)")
            }
        }
    }

    /// Runs `work` on this thread, between two rounds.
    private func perform<T: Sendable>(
        _ work: @escaping @Sendable () throws(AppendError) -> T
    ) async throws(AppendError) -> T {
        let result = await withCheckedContinuation {
            (waiting: CheckedContinuation<Result<T, AppendError>, Never>) in
            let errand = Errand(
                run: {
                    do throws(AppendError) {
                        waiting.resume(returning: .success(try work()))
                    } catch {
                        waiting.resume(returning: .failure(error))
                    }
                },
                abandon: {
                    let detail = "the node is stopping"
                    waiting.resume(returning: .failure(.unavailable(detail: detail)))
                })
            errands.withLock { $0.append(errand) }
            signal.raise()
        }
        return try result.get()
    }

    private func run() {
        while let wake = signal.wait() { round(wake) }
        runJobs()
    }

    /// What is to be done now, when the thread would do it: for a node without threads.
    func roundIfWoken() { if let wake = signal.take() { round(wake) } }

    private func round(_ wake: JobSignal.Wake) {
        if case .time = wake, isAtRest() { return }
        round()
    }

    /// Whether nothing has been applied and nothing has been left undone since the last round, so
    /// that only age can make something due: that is looked for now and then.
    private func isAtRest() -> Bool {
        let restMax = min(
            bounds.withLock { $0.sealAgeNanos } / Self.restPerSealAge, Self.restNanosMax)
        let (now, applied) = (time.monotonicNanos(), loop.appliedCount)
        return clocks.withLock { clocks in
            guard let last = clocks.round, clocks.appliedCount == applied, !clocks.isBusy else {
                return false
            }
            return now - last < restMax
        }
    }

    private func round() {
        let (began, applied) = (time.monotonicNanos(), loop.appliedCount)
        workRound()
        let isBusy = !underWay.withLock { $0.isEmpty } || hasFailed.load(ordering: .relaxed)
        clocks.withLock { clocks in
            (clocks.round, clocks.appliedCount, clocks.isBusy) = (began, applied, isBusy)
        }
    }

    private func workRound() {
        runJobs()
        for errand in takeErrands() { errand.run() }
        limitWhatIsDue()
        sealWhatIsDue()
        let now = time.monotonicNanos()
        let isWanted = isExpiryWanted.exchange(false, ordering: .relaxed)
        let isExpiryDue = clocks.withLock { clocks in
            guard
                isWanted || clocks.expiry.map({ now - $0 >= Self.expireIntervalNanos }) ?? true
            else { return false }
            clocks.expiry = now
            return true
        }
        if isExpiryDue { expire() }
        compactWhatIsDue()
        if jobCount.load(ordering: .relaxed) > 0,
            clocks.withLock({ $0.memory.map { now - $0 >= Self.memoryIntervalNanos } ?? true })
        {
            ProcessFacts.returnFreeMemory()
            jobCount.store(0, ordering: .relaxed)
            clocks.withLock { $0.memory = now }
        }
    }

    /// Has the shard sealed as soon as may be, here or by its leader elsewhere: somebody needs an image
    /// of it, or the one here is damaged.
    func sealSoon(_ shard: Int) {
        wanted.withLock { _ = $0.insert(shard) }
        signal.raise()
    }

    private func takeErrands() -> [Errand] {
        errands.withLock { waiting in
            let taken = waiting
            waiting = []
            return taken
        }
    }

    /// All jobs that are queued. A failed one stays queued for the next round.
    private func runJobs() {
        hasFailed.store(false, ordering: .relaxed)
        for replica in shards.hosted {
            do {
                jobCount.add(try replica.runJobs(), ordering: .relaxed)
            } catch {
                hasFailed.store(true, ordering: .relaxed)
                telemetry.counter(
                    "varve_storage_job_failures_total",
                    help: "Seals, compactions and expiries that failed and are tried again."
                ).add()
            }
            if let index = replica.takeRelease() { queue.release(replica.group, through: index) }
        }
    }

    /// The shards whose leader this node is: only they are decided about here.
    private var led: [ShardReplica] { shards.hosted.filter { leaders.isOwn($0.group) } }

    /// Proposes unless an earlier command of the shard is still under way; the job that it orders
    /// wakes this thread.
    private func propose(_ command: ShardCommand, to replica: ShardReplica) {
        let number = replica.number
        guard underWay.withLock({ $0.insert(number).inserted }) else { return }
        let proposal = Proposal(
            group: replica.group, payload: command.encoded(),
            completion: { [self] _ in
                underWay.withLock { _ = $0.remove(number) }
                signal.raise()
            }, freesSpace: true)
        do {
            try queue.add([proposal])
        } catch {
            underWay.withLock { _ = $0.remove(number) }
        }
    }

    /// Proposes and waits until it is applied.
    private func proposeAndWait(
        _ command: ShardCommand, to replica: ShardReplica
    ) -> AppendError? {
        let result = Monitor<Result<AppliedEntry, ProposalFailure>?>(nil)
        let proposal = Proposal(
            group: replica.group, payload: command.encoded(),
            completion: { outcome in result.update { $0 = outcome } }, freesSpace: true)
        do {
            try queue.add([proposal])
        } catch {
            return error
        }
        // A queue that closes meanwhile still finishes what it took.
        switch result.wait({ $0 }) {
        case .success: return nil
        case .failure(.refused(let error)): return error
        case .failure(.notLeader), .failure(.lost):
            return .unavailable(detail: "shard \(replica.number) has another leader by now")
        }
    }

    private var now: Timestamp { Timestamp(nanos: time.wallNanos()) }

    private func sealWhatIsDue() {
        let pressure = loop.journalPressure
        let isJournalLong = pressure.segmentCount > configuration.journalSegmentsMax
        let pinning = Set(isJournalLong ? pressure.pinning : [])
        let wanted = wanted.withLock { wanted in
            defer { wanted = [] }
            return wanted
        }
        seals.ask(for: pinning.union(wanted.map(ShardGroup.group(of:))))
        let bounds = bounds.withLock { $0 }
        var total = shards.hosted.reduce(0) { $0 + $1.shard.memoryBytes }
        let sizes = led.map { ($0, unsealed: $0.shard.unsealedBytes) }
        for (replica, unsealed) in sizes.sorted(by: { $0.unsealed > $1.unsealed }) {
            let isWanted = wanted.contains(replica.number)
            let isAsked = isWanted || pinning.contains(replica.group)
            // Behind a seal whose job waits, or fails, another one frees nothing: others would make
            // new files without end.
            if !isWanted, replica.shard.isSealing, !Mutant.isOn(.sealsBehindSeals) { continue }
            let isDue =
                isAsked || total > bounds.memoryBytesMax
                || replica.shard.wantsSeal(now: now, ageNanos: bounds.sealAgeNanos)
            guard isDue, unsealed > 0 || isAsked else { continue }
            propose(.seal(at: now), to: replica)
            total -= unsealed
        }
    }

    /// A shard's limits change in its log, so that all replicas refuse the same entries.
    private func limitWhatIsDue() {
        guard let limits = bounds.withLock({ $0.shardLimits }) else { return }
        for replica in led where replica.shard.limits != limits {
            propose(.limit(limits), to: replica)
        }
    }

    /// One at a time on the node, so that no seal waits for many.
    private func compactWhatIsDue() {
        guard underWay.withLock({ $0.isEmpty }) else { return }
        for replica in led {
            guard
                let command = replica.shard.proposeCleaning(dropBefore: cut)
                    ?? replica.shard.proposeCompaction(dropBefore: cut, isForced: false)
            else { continue }
            return propose(command, to: replica)
        }
    }

    /// Samples before it are past their retention.
    private var cut: Timestamp {
        guard let nanos = bounds.withLock({ $0.retentionNanos }) else { return .distantPast }
        return now.advanced(byNanos: -nanos)
    }

    private func expire() {
        let before = max(cut, cutByBytes())
        guard before > .distantPast else { return }
        for replica in led {
            let expiring = [SignalKind.metrics, .logs].filter {
                replica.shard.holdsSegments(of: $0, endingBefore: before)
            }
            guard let first = expiring.first else { continue }
            propose(.expire(signal: first, before: before), to: replica)
            // The other kind has its turn when this one is done.
            if expiring.count > 1 { isExpiryWanted.store(true, ordering: .relaxed) }
        }
    }

    /// The time up to which segments have to go for the rest to fit `bytesMax`.
    private func cutByBytes() -> Timestamp {
        guard let bytesMax = bounds.withLock({ $0.retentionBytesMax }) else { return .distantPast }
        var sizes = shards.hosted.flatMap { $0.shard.segmentSizes }
        var total = sizes.reduce(0) { $0 + $1.byteCount }
        sizes.sort { $0.end < $1.end }
        var cut = Timestamp.distantPast
        for segment in sizes {
            if total <= bytesMax { break }
            total -= segment.byteCount
            cut = segment.end.advanced(byNanos: 1)
        }
        return cut
    }

    private func sealNow() -> AppendError? {
        let led = led
        for replica in led where replica.shard.unsealedBytes > 0 {
            if let error = proposeAndWait(.seal(at: now), to: replica) { return error }
        }
        for replica in led {
            if let error = runJobsNow(replica) { return error }
        }
        return nil
    }

    private func compactNow() -> AppendError? {
        for replica in led {
            for _ in 0..<Self.flushRoundsMax {
                guard
                    let command = replica.shard.proposeCleaning(dropBefore: cut)
                        ?? replica.shard.proposeCompaction(dropBefore: cut, isForced: true)
                else { break }
                if let error = proposeAndWait(command, to: replica) ?? runJobsNow(replica) {
                    return error
                }
            }
        }
        runJobs()
        return nil
    }

    private func runJobsNow(_ replica: ShardReplica) -> AppendError? {
        do {
            jobCount.add(try replica.runJobs(), ordering: .relaxed)
            return nil
        } catch {
            return .unavailable(detail: "shard \(replica.number): \(error)")
        }
    }
}
