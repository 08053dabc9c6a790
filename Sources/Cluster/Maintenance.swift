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
    /// A flush gives up after so many rounds of compaction.
    private static let flushRoundsMax = 64

    private let replicas: [ShardReplica]
    private let queue: ProposalQueue
    private let loop: NodeLoop
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
    private let flushes = Mutex<[CheckedContinuation<AppendError?, Never>]>([])
    private let thread = Mutex<WorkerThread?>(nil)

    init(
        replicas: [ShardReplica], queue: ProposalQueue, loop: NodeLoop, signal: JobSignal,
        configuration: NodeConfiguration, time: any TimeSource, disk: any Disk,
        telemetry: Telemetry
    ) {
        self.replicas = replicas
        self.queue = queue
        self.loop = loop
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
        for waiting in flushes.withLock({ $0 }) {
            waiting.resume(returning: .unavailable(detail: "the node is stopping"))
        }
    }

    func setBounds(_ new: NodeBounds) {
        bounds.withLock { $0 = new }
        isExpiryWanted.store(true, ordering: .relaxed)
        signal.raise()
    }

    /// Seals and compacts everything; returns when it is done.
    func flush() async throws(AppendError) {
        let error = await withCheckedContinuation { continuation in
            flushes.withLock { $0.append(continuation) }
            signal.raise()
        }
        if let error { throw error }
    }

    private func run() {
        var lastExpiry: Int64?
        var lastReturn: Int64?
        while signal.wait() {
            runJobs()
            for waiting in takeFlushes() { waiting.resume(returning: flushNow()) }
            sealWhatIsDue()
            let now = time.monotonicNanos()
            let isWanted = isExpiryWanted.exchange(false, ordering: .relaxed)
            if isWanted || lastExpiry.map({ now - $0 >= Self.expireIntervalNanos }) ?? true {
                expire()
                lastExpiry = now
            }
            compactWhatIsDue()
            if jobCount.load(ordering: .relaxed) > 0,
                lastReturn.map({ now - $0 >= Self.memoryIntervalNanos }) ?? true
            {
                ProcessFacts.returnFreeMemory()
                jobCount.store(0, ordering: .relaxed)
                lastReturn = now
            }
        }
        runJobs()
    }

    private func takeFlushes() -> [CheckedContinuation<AppendError?, Never>] {
        flushes.withLock { waiting in
            let taken = waiting
            waiting = []
            return taken
        }
    }

    /// All jobs that are queued. A failed one stays queued for the next round.
    private func runJobs() {
        for replica in replicas {
            do {
                jobCount.add(try replica.shard.runJobs(), ordering: .relaxed)
            } catch {
                telemetry.counter(
                    "varve_storage_job_failures_total",
                    help: "Seals, compactions and expiries that failed and are tried again."
                ).add()
            }
            queue.release(shard: replica.number, through: replica.shard.durableIndex)
        }
    }

    /// Proposes and waits until it is applied. Only this thread calls it.
    private func propose(_ command: ShardCommand, to replica: ShardReplica) -> AppendError? {
        let result = Monitor<Result<AppliedEntry, AppendError>?>(nil)
        let proposal = Proposal(
            shard: replica.number, payload: command.encoded(),
            completion: { outcome in result.update { $0 = outcome } }, freesSpace: true)
        do {
            try queue.add([proposal])
        } catch {
            return error
        }
        // A queue that closes meanwhile still finishes what it took.
        switch result.wait({ $0 }) {
        case .success: return nil
        case .failure(let error): return error
        }
    }

    private var now: Timestamp { Timestamp(nanos: time.wallNanos()) }

    private func sealWhatIsDue() {
        let pressure = loop.journalPressure
        let isJournalLong = pressure.segmentCount > configuration.journalSegmentsMax
        let pinning = Set(isJournalLong ? pressure.pinning : [])
        let bounds = bounds.withLock { $0 }
        var total = replicas.reduce(0) { $0 + $1.shard.memoryBytes }
        for replica in replicas.sorted(by: { $0.shard.unsealedBytes > $1.shard.unsealedBytes }) {
            let isHeavy = total > bounds.memoryBytesMax
            let isDue =
                replica.shard.wantsSeal(now: now, ageNanos: bounds.sealAgeNanos)
                || pinning.contains(replica.number) || isHeavy
            guard isDue, replica.shard.unsealedBytes > 0 || pinning.contains(replica.number)
            else { continue }
            let before = replica.shard.memoryBytes
            if propose(.seal(at: now), to: replica) != nil { return }
            runJobs()
            total -= max(before - replica.shard.memoryBytes, 0)
        }
    }

    private func compactWhatIsDue() {
        for replica in replicas {
            guard let command = replica.shard.proposeCompaction(dropBefore: cut, isForced: false)
            else { continue }
            if propose(command, to: replica) != nil { return }
            runJobs()
        }
    }

    /// Samples before it are past their retention.
    private var cut: Timestamp {
        guard let nanos = bounds.withLock({ $0.retentionNanos }) else { return .distantPast }
        return now.advanced(byNanos: -nanos)
    }

    private func expire() {
        let cut = cut
        let byBytes = cutByBytes()
        let before = max(cut, byBytes)
        guard before > .distantPast else { return }
        for replica in replicas {
            for signal in [SignalKind.metrics, .logs]
            where replica.shard.holdsSegments(of: signal, endingBefore: before) {
                if propose(.expire(signal: signal, before: before), to: replica) != nil { return }
            }
        }
        runJobs()
    }

    /// The time up to which segments have to go for the rest to fit `bytesMax`.
    private func cutByBytes() -> Timestamp {
        guard let bytesMax = bounds.withLock({ $0.retentionBytesMax }) else { return .distantPast }
        var sizes = replicas.flatMap { $0.shard.segmentSizes }
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

    private func flushNow() -> AppendError? {
        for replica in replicas where replica.shard.unsealedBytes > 0 {
            if let error = propose(.seal(at: now), to: replica) { return error }
        }
        for replica in replicas {
            do {
                jobCount.add(try replica.shard.runJobs(), ordering: .relaxed)
            } catch {
                return .unavailable(detail: "shard \(replica.number): \(error)")
            }
        }
        for replica in replicas {
            for _ in 0..<Self.flushRoundsMax {
                guard let command = replica.shard.proposeCompaction(dropBefore: cut, isForced: true)
                else { break }
                if let error = propose(command, to: replica) { return error }
                do {
                    jobCount.add(try replica.shard.runJobs(), ordering: .relaxed)
                } catch {
                    return .unavailable(detail: "shard \(replica.number): \(error)")
                }
            }
        }
        runJobs()
        return nil
    }
}
