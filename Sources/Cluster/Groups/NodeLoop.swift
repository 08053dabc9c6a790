internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Storage
internal import Synchronization

/// The thread that owns the journal and the cores of all groups: takes what peers sent and all
/// proposals there are, makes what follows durable with one write and one sync, sends what may
/// leave, and hands what committed to the apply thread. While the disk syncs, the next batch
/// gathers.
final class NodeLoop: Sendable {
    /// Without work for so long, or for so many ticks, which come more often, the journal settles
    /// what is pending.
    private static let restNanos: Int64 = 200_000_000
    private static let restTicks = 2
    /// Between attempts while the disk refuses for another reason than being full.
    private static let retryNanos: Int64 = 20_000_000
    /// After so many failures in a row the disk is taken for broken and the node stops.
    private static let failuresMax = 50
    private static let failuresAtStopMax = 3

    private let replicator: Mutex<Replicator>
    private let queue: ProposalQueue
    private let applier: ApplyLoop
    private let leaders: LeaderTable
    private let barrier: ReadBarrier
    private let links: PeerLinks
    private let isDiskFull = Atomic<Bool>(false)
    private let thread = Mutex<WorkerThread?>(nil)
    private let telemetry: Telemetry
    private let hooks: Hooks
    private let progress = Mutex(Progress())

    /// Who is told what.
    struct Hooks: Sendable {
        /// A replica needs an image, and who said so.
        var imageWanted: @Sendable (ReplicationOutput.ImageWanted) -> Void
        /// A replica takes no further part.
        var fault: @Sendable (GroupID, String) -> Void
        /// Once, with one line for a person: the process must not go on.
        var fatal: @Sendable (String) -> Void
    }

    /// What the loop carries from round to round; nobody else touches it while it runs.
    private struct Progress {
        var pending: [UInt64: Proposal] = [:]
        var nextTag: UInt64 = 1
        var failureCount = 0
        /// Ticks in a row with which nothing else came.
        var idleTickCount = 0
        /// Messages that found no room in the last write.
        var waitingMessages: ArraySlice<ReceivedMessage> = []
    }

    init(
        replicator: sending Replicator, queue: ProposalQueue, applier: ApplyLoop,
        leaders: LeaderTable, barrier: ReadBarrier, links: PeerLinks, telemetry: Telemetry,
        hooks: Hooks
    ) {
        self.replicator = Mutex(replicator)
        self.queue = queue
        self.applier = applier
        self.leaders = leaders
        self.barrier = barrier
        self.links = links
        self.telemetry = telemetry
        self.hooks = hooks
    }

    /// `hasPeers`: groups have cores that are dear to call from other threads.
    func start(hasPeers: Bool) {
        let started = WorkerThread(name: hasPeers ? "journal-waits" : "journal") { [self] in
            guard hasPeers else { return run() }
            RaftThread.run { [self] in
                WorkerThread.nameCurrent("journal")
                run()
            }
        }
        thread.withLock { $0 = started }
    }

    /// Returns when all that was taken is durable and applied. The queue must be closed.
    func join() {
        thread.withLock { $0 }?.join()
        applier.stop()
    }

    /// Entries that were applied since the start.
    var appliedCount: Int { applier.entryCount.load(ordering: .relaxed) }

    var diskIsFull: Bool { isDiskFull.load(ordering: .relaxed) }

    /// Files of the journal, and the groups that keep the oldest from going.
    var journalPressure: (segmentCount: Int, pinning: [GroupID]) {
        replicator.withLock { replicator in
            (replicator.journal.segmentCount, replicator.journal.groupsPinningOldest)
        }
    }

    private func run() {
        // Whatever ends the loop, nobody is left waiting.
        defer { abandon() }
        while true {
            let wait = progress.withLock { $0.waitingMessages.isEmpty } ? Self.restNanos : 0
            switch round(queue.take(upToNanos: wait)) {
            case .goOn: break
            case .pause: queue.pause(nanos: Self.retryNanos)
            case .end: return
            }
        }
    }

    /// Whether a round would do something.
    var hasWork: Bool { queue.hasWork || replicator.withLock { $0.hasWork } }

    /// Looks at the groups between two rounds.
    func look(_ body: (Replicator) -> Void) { replicator.withLock { body($0) } }

    /// One round on the caller's thread with what is there: for a node without threads. False when
    /// the node must not go on.
    func step() -> Bool {
        if case .end = round(queue.take(upToNanos: 0)) { return false }
        return true
    }

    private enum Next { case goOn, pause, end }

    private func round(_ work: ProposalQueue.Work) -> Next {
        links.noteRound()
        return progress.withLock { progress in
            take(work, &progress)
            switch commitAll(&progress) {
            case .done:
                progress.failureCount = 0
                if work.isStopping {
                    _ = rest()
                    return .end
                }
                if isRestDue(work, &progress), !rest() { return .end }
                return .goOn
            case .retry:
                progress.failureCount += 1
                if work.isStopping, progress.failureCount > Self.failuresAtStopMax { return .end }
                if progress.failureCount > Self.failuresMax, !diskIsFull {
                    hooks.fatal("the journal cannot be written, stopping")
                    return .end
                }
                return .pause
            case .fatal: return .end
            }
        }
    }

    private func isRestDue(_ work: ProposalQueue.Work, _ progress: inout Progress) -> Bool {
        if work.isIdle { return true }
        guard work.isOnlyTime else {
            progress.idleTickCount = 0
            return false
        }
        guard work.isTick else { return false }
        progress.idleTickCount += 1
        return progress.idleTickCount == Self.restTicks
    }

    private func take(_ work: ProposalQueue.Work, _ progress: inout Progress) {
        replicator.withLock { replicator in
            for task in work.tasks { task(replicator) }
            for release in work.releases {
                replicator.release(release.group, through: release.index)
            }
            for claim in work.claims {
                replicator.receive(
                    claims: claim.claims.terms, number: claim.claims.number, from: claim.peer)
            }
            progress.waitingMessages += work.messages
            // Before the tick, so that nobody is silent whose word lies here.
            deliver(&progress, replicator)
            if work.isTick {
                replicator.tick(reachable: links.reachable, patience: links.paces.patience)
            }
        }
        for proposal in work.proposals {
            give(proposal, tag: progress.nextTag, &progress.pending)
            progress.nextTag += 1
        }
    }

    private func deliver(_ progress: inout Progress, _ replicator: Replicator) {
        while let message = progress.waitingMessages.first, replicator.receive(message) {
            progress.waitingMessages.removeFirst()
        }
        if progress.waitingMessages.isEmpty { progress.waitingMessages = [] }
    }

    /// Refuses what is pending and what still comes.
    private func abandon() {
        queue.close()
        let pending = progress.withLock { progress in
            defer { progress.pending.removeAll() }
            return progress.pending.sorted { $0.key < $1.key }.map(\.value)
        }
        for proposal in queue.take(upToNanos: 0).proposals + pending {
            refuse(proposal, .refused(.unavailable(detail: "the node has stopped")))
        }
    }

    private enum Step { case done, retry, fatal }

    private func give(_ proposal: Proposal, tag: UInt64, _ pending: inout [UInt64: Proposal]) {
        do {
            try replicator.withLock { replicator throws(ReplicationError) in
                try replicator.propose(
                    proposal.group, payload: proposal.payload, tag: tag,
                    isUrgent: proposal.freesSpace)
            }
            pending[tag] = proposal
        } catch {
            refuse(proposal, .refused(NodeLoop.appendError(error)))
        }
    }

    /// Commits until there is nothing left to do.
    private func commitAll(_ progress: inout Progress) -> Step {
        // A task may have met it, that gave up or installed a replica.
        if let error = replicator.withLock({ $0.journal.syncFailure }) { return end(error) }
        while replicator.withLock({ $0.hasWork }) || !progress.waitingMessages.isEmpty {
            do {
                let early = try replicator.withLock { replicator throws(ReplicationError) in
                    try replicator.prepare()
                }
                send(early)
                let output = try replicator.withLock { replicator throws(ReplicationError) in
                    try replicator.commit()
                }
                isDiskFull.store(false, ordering: .relaxed)
                use(output, &progress.pending)
                replicator.withLock { deliver(&progress, $0) }
            } catch .journal(.full(let file)) {
                isDiskFull.store(true, ordering: .relaxed)
                withdraw(&progress.pending, .diskFull(detail: "no space for \(file)"))
                // What leads to space being freed stays and is tried again.
                return replicator.withLock { $0.hasWork } ? .retry : .done
            } catch .journal(.syncFailed(let error)) {
                return end(error)
            } catch {
                telemetry.counter(
                    "varve_journal_errors_total", help: "Writes of the journal that failed."
                ).add()
                withdraw(&progress.pending, .unavailable(detail: "the journal refuses: \(error)"))
                return .retry
            }
        }
        return .done
    }

    private func end(_ error: DiskError) -> Step {
        hooks.fatal("the journal could not be synced, stopping: \(error)")
        return .fatal
    }

    /// Sends, hands on and tells what a round brought.
    private func use(_ output: ReplicationOutput, _ pending: inout [UInt64: Proposal]) {
        send(output.messages)
        let isBroken = !output.faults.isEmpty && !Mutant.isOn(.brokenLeaderKeepsClaims)
        if !output.leaderChanges.isEmpty || isBroken {
            leaders.note(output.leaderChanges)
            links.publish(claims: replicator.withLock { $0.claims })
        }
        for withdrawn in output.refused {
            if let proposal = pending.removeValue(forKey: withdrawn.tag) {
                refuse(proposal, .notLeader(withdrawn.leader))
            }
        }
        for withdrawn in output.lost {
            if let proposal = pending.removeValue(forKey: withdrawn.tag) {
                refuse(proposal, .lost)
            }
        }
        var items = output.committed.map { entry in
            ApplyLoop.Item.entry(
                entry.group, index: entry.index, payload: entry.payload,
                proposal: pending.removeValue(forKey: entry.tag))
        }
        items += output.progress.map { .progress($0.group, index: $0.index) }
        applier.add(items)
        for read in output.reads {
            barrier.answered(read.group, context: read.context, index: read.index)
        }
        for wanted in output.imagesWanted { hooks.imageWanted(wanted) }
        for (group, reason) in output.faults {
            leaders.forget(group)
            hooks.fault(group, reason)
        }
    }

    private func send(_ messages: [GroupMessage]) {
        guard !messages.isEmpty else { return }
        for message in links.send(messages) {
            replicator.withLock { replicator in
                replicator.reportUnreachable(message.to, group: message.group)
                if message.needsImage {
                    replicator.reportImageLost(message.group, to: message.to)
                }
            }
        }
    }

    private func withdraw(_ pending: inout [UInt64: Proposal], _ error: AppendError) {
        for withdrawn in replicator.withLock({ $0.withdraw() }) {
            if let proposal = pending.removeValue(forKey: withdrawn.tag) {
                if Mutant.isOn(.fullDiskAcknowledges) {
                    let done = AppliedEntry(index: 0, outcome: .shard(.applied([])))
                    queue.finished(byteCount: proposal.payload.count)
                    proposal.completion(.success(done))
                    continue
                }
                refuse(proposal, .refused(error))
            }
        }
    }

    private func refuse(_ proposal: Proposal, _ failure: ProposalFailure) {
        queue.finished(byteCount: proposal.payload.count)
        proposal.completion(.failure(failure))
    }

    /// False when the process must not go on.
    private func rest() -> Bool {
        do {
            try replicator.withLock { replicator throws(ReplicationError) in
                try replicator.rest()
            }
        } catch .journal(.syncFailed(let error)) {
            hooks.fatal("the journal could not be synced, stopping: \(error)")
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
        case .released, .journal, .notFounded, .noCore, .noPeers:
            .unavailable(detail: "\(error)")
        }
    }
}

/// Shards are groups 1 and up; group 0 is the cluster's own.
enum ShardGroup {
    static func group(of shard: Int) -> GroupID { GroupID(UInt32(shard + 1)) }
    static func shard(of group: GroupID) -> Int { Int(group.number) - 1 }
}
