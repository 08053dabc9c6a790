internal import Model
internal import Platform
internal import Raft
internal import Storage
internal import Synchronization

/// The thread that applies committed entries to the state machines, in log order, and tells the
/// proposers.
final class ApplyLoop: Sendable {
    enum Item: Sendable {
        /// `proposal`: nil for an entry that nobody here waits for.
        case entry(GroupID, index: UInt64, payload: [UInt8], proposal: Proposal?)
        /// Everything up to `index` is committed, and what was not given has nothing to apply.
        case progress(GroupID, index: UInt64)
        /// Something that must happen between entries.
        case task(@Sendable () -> Void)
    }

    private struct State {
        var items: [Item] = []
        var isStopping = false
    }

    private let shards: ShardTable
    private let meta: MetaReplica
    private let queue: ProposalQueue
    private let barrier: ReadBarrier
    /// Gets the lines of what is applied; nil where the router offers them.
    private let hub: FollowHub?
    private let state = Monitor(State())
    /// Entries since the start, empty ones included.
    let entryCount = Atomic<Int>(0)
    private let thread: Monitor<WorkerThread?> = Monitor(nil)
    private let onFatal: @Sendable (String) -> Void
    /// Called after an entry that may have made work for the maintenance thread.
    private let onJob: @Sendable () -> Void

    init(
        shards: ShardTable, meta: MetaReplica, queue: ProposalQueue, barrier: ReadBarrier,
        hub: FollowHub? = nil, onJob: @escaping @Sendable () -> Void,
        onFatal: @escaping @Sendable (String) -> Void
    ) {
        self.shards = shards
        self.meta = meta
        self.queue = queue
        self.barrier = barrier
        self.hub = hub
        self.onJob = onJob
        self.onFatal = onFatal
    }

    func start() {
        let started = WorkerThread(name: "apply") { [self] in run() }
        thread.update { $0 = started }
    }

    /// What is committed, in order.
    func add(_ items: [Item]) {
        if !items.isEmpty { state.update { $0.items += items } }
    }

    /// Returns when all is applied.
    func stop() {
        state.update { $0.isStopping = true }
        thread.withLock { $0 }?.join()
    }

    /// Whether something waits to be applied.
    var hasWork: Bool { state.withLock { !$0.items.isEmpty } }

    /// Applies what is there now, on the caller's thread: for a node without threads.
    func applyWaiting() {
        let batch = state.withLock { state in
            defer { state.items = [] }
            return state.items
        }
        for item in batch where !perform(item) { return }
    }

    private func run() {
        while true {
            let batch: [Item]? = state.wait { state in
                if state.items.isEmpty { return state.isStopping ? .some(nil) : nil }
                let taken = state.items
                state.items = []
                return taken
            }
            guard let batch else { return }
            for item in batch where !perform(item) { return }
        }
    }

    /// False when the node can not go on.
    private func perform(_ item: Item) -> Bool {
        entryCount.add(1, ordering: .relaxed)
        switch item {
        case .entry(let group, let index, let payload, let proposal):
            return apply(group, index, payload, proposal)
        case .progress(let group, let index):
            if group == ClusterState.metaGroup {
                meta.note(progress: index)
            } else {
                shards[ShardGroup.shard(of: group)]?.note(progress: index)
            }
            barrier.applied(group, through: index)
        case .task(let body): body()
        }
        return true
    }

    private func apply(
        _ group: GroupID, _ index: UInt64, _ payload: [UInt8], _ proposal: Proposal?
    ) -> Bool {
        let outcome: EntryOutcome
        do {
            if group == ClusterState.metaGroup {
                outcome = .cluster(try meta.apply(index: index, payload: payload))
            } else {
                guard let replica = shards[ShardGroup.shard(of: group)] else { return true }
                let applied = try replica.apply(index: index, payload: payload)
                outcome = .shard(applied)
                if let hub, hub.isFollowed,
                    let entry = FollowedEntry(replica, index: index, payload: payload, applied)
                {
                    hub.applied(entry)
                }
                if replica.hasJob { onJob() }
            }
        } catch {
            let sentence = "\(group) cannot apply entry \(index): \(error)"
            finish(proposal, .failure(.refused(.unavailable(detail: sentence))))
            onFatal(sentence)
            return false
        }
        barrier.applied(group, through: index)
        finish(proposal, .success(AppliedEntry(index: index, outcome: outcome)))
        return true
    }

    private func finish(
        _ proposal: Proposal?, _ result: Result<AppliedEntry, ProposalFailure>
    ) {
        guard let proposal else { return }
        queue.finished(byteCount: proposal.payload.count)
        proposal.completion(result)
    }
}
