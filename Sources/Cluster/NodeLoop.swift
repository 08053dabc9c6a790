internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Synchronization

/// The thread that owns the journal: takes all proposals there are, makes them durable with one
/// write and one sync, and hands what committed to the apply thread. While the disk syncs, the
/// next batch gathers.
final class NodeLoop: Sendable {
    /// Without work for so long, the journal settles what is pending.
    private static let restNanos: Int64 = 200_000_000
    /// Between attempts while the disk refuses for another reason than being full.
    private static let retryNanos: Int64 = 20_000_000
    /// After so many failures in a row the disk is taken for broken and the node stops.
    private static let failuresMax = 50
    private static let failuresAtStopMax = 3

    private let replicator: Mutex<Replicator>
    private let queue: ProposalQueue
    private let applier: ApplyLoop
    private let isDiskFull = Atomic<Bool>(false)
    private let journalSegments = Atomic<Int>(0)
    private let thread = Mutex<WorkerThread?>(nil)
    private let telemetry: Telemetry
    /// Called once, with one line for a person, when the process must not go on.
    private let onFatal: @Sendable (String) -> Void

    init(
        replicator: sending Replicator, queue: ProposalQueue, applier: ApplyLoop,
        telemetry: Telemetry, onFatal: @escaping @Sendable (String) -> Void
    ) {
        self.replicator = Mutex(replicator)
        self.queue = queue
        self.applier = applier
        self.telemetry = telemetry
        self.onFatal = onFatal
    }

    func start() {
        let started = WorkerThread(name: "journal") { [self] in run() }
        thread.withLock { $0 = started }
    }

    /// Returns when all that was taken is durable and applied. The queue must be closed.
    func join() {
        thread.withLock { $0 }?.join()
        applier.stop()
    }

    var diskIsFull: Bool { isDiskFull.load(ordering: .relaxed) }

    /// Files of the journal, and the shards that keep the oldest from going.
    var journalPressure: (segmentCount: Int, pinning: [Int]) {
        replicator.withLock { replicator in
            let journal = replicator.journal
            return (
                journal.segmentCount, journal.groupsPinningOldest.map { ShardGroup.shard(of: $0) }
            )
        }
    }

    private func run() {
        var pending: [UInt64: Proposal] = [:]
        var nextTag: UInt64 = 1
        var failureCount = 0
        // Whatever ends the loop, nobody is left waiting.
        defer { abandon(&pending) }
        while true {
            let work = queue.take(upToNanos: pending.isEmpty ? Self.restNanos : 0)
            for release in work.releases {
                replicator.withLock {
                    $0.release(ShardGroup.group(of: release.shard), through: release.index)
                }
            }
            for proposal in work.proposals {
                give(proposal, tag: nextTag, &pending)
                nextTag += 1
            }
            let step = commitAll(&pending)
            switch step {
            case .done:
                failureCount = 0
                if work.isStopping {
                    _ = rest()
                    return
                }
                if work.isIdle, !rest() { return }
            case .retry:
                failureCount += 1
                if work.isStopping, failureCount > Self.failuresAtStopMax { return }
                if failureCount > Self.failuresMax, !diskIsFull {
                    onFatal("the journal cannot be written, stopping")
                    return
                }
                queue.pause(nanos: Self.retryNanos)
            case .fatal: return
            }
        }
    }

    /// Refuses what is pending and what still comes.
    private func abandon(_ pending: inout [UInt64: Proposal]) {
        queue.close()
        let left = queue.take(upToNanos: 0).proposals + pending.values
        pending.removeAll()
        for proposal in left {
            refuse(proposal, .unavailable(detail: "the node has stopped"))
        }
    }

    private enum Step { case done, retry, fatal }

    private func give(_ proposal: Proposal, tag: UInt64, _ pending: inout [UInt64: Proposal]) {
        do {
            try replicator.withLock { replicator throws(ReplicationError) in
                try replicator.propose(
                    ShardGroup.group(of: proposal.shard), payload: proposal.payload, tag: tag,
                    isUrgent: proposal.freesSpace)
            }
            pending[tag] = proposal
        } catch {
            refuse(proposal, NodeLoop.appendError(error))
        }
    }

    /// Commits until there is nothing left to write.
    private func commitAll(_ pending: inout [UInt64: Proposal]) -> Step {
        while replicator.withLock({ $0.hasWork }) {
            do {
                let committed = try replicator.withLock { replicator throws(ReplicationError) in
                    try replicator.commit()
                }
                isDiskFull.store(false, ordering: .relaxed)
                applier.add(
                    committed.map { entry in
                        ApplyLoop.Entry(
                            shard: ShardGroup.shard(of: entry.group), index: entry.index,
                            payload: entry.payload,
                            proposal: pending.removeValue(forKey: entry.tag))
                    })
            } catch .journal(.full(let file)) {
                isDiskFull.store(true, ordering: .relaxed)
                withdraw(&pending, .diskFull(detail: "no space for \(file)"))
                // What leads to space being freed stays and is tried again.
                return replicator.withLock { $0.hasWork } ? .retry : .done
            } catch .journal(.syncFailed(let error)) {
                onFatal("the journal could not be synced, stopping: \(error)")
                return .fatal
            } catch {
                telemetry.counter(
                    "varve_journal_errors_total", help: "Writes of the journal that failed."
                ).add()
                withdraw(&pending, .unavailable(detail: "the journal refuses: \(error)"))
                return .retry
            }
        }
        return .done
    }

    private func withdraw(_ pending: inout [UInt64: Proposal], _ error: AppendError) {
        for withdrawn in replicator.withLock({ $0.withdraw() }) {
            if let proposal = pending.removeValue(forKey: withdrawn.tag) {
                refuse(proposal, error)
            }
        }
    }

    private func refuse(_ proposal: Proposal, _ error: AppendError) {
        queue.finished(byteCount: proposal.payload.count)
        proposal.completion(.failure(error))
    }

    /// False when the process must not go on.
    private func rest() -> Bool {
        do {
            try replicator.withLock { replicator throws(ReplicationError) in
                try replicator.rest()
            }
        } catch .journal(.syncFailed(let error)) {
            onFatal("the journal could not be synced, stopping: \(error)")
            return false
        } catch {
            // Full or failing for now: nothing is lost by resting later.
            telemetry.counter(
                "varve_journal_errors_total", help: "Writes of the journal that failed."
            ).add()
        }
        return true
    }

    private static func appendError(_ error: ReplicationError) -> AppendError {
        switch error {
        case .overloaded: .overloaded(retryAfterSeconds: 1)
        case .tooLarge(let bytes, let bytesMax):
            .tooLarge(limit: "payload_bytes_max", bytes: bytes, bytesMax: bytesMax)
        case .released, .journal: .unavailable(detail: "\(error)")
        }
    }
}

/// Shards are groups 1 and up; group 0 is the cluster's own.
enum ShardGroup {
    static func group(of shard: Int) -> GroupID { GroupID(UInt32(shard + 1)) }
    static func shard(of group: GroupID) -> Int { Int(group.number) - 1 }
}
