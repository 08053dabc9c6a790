internal import Model
internal import Platform
internal import Storage

/// The thread that applies committed entries to shards, in log order, and tells the proposers.
final class ApplyLoop: Sendable {
    struct Entry: Sendable {
        var shard: Int
        var index: UInt64
        var payload: [UInt8]
        /// Nil for an entry that nobody here waits for.
        var proposal: Proposal?
    }

    private struct State {
        var entries: [Entry] = []
        var isStopping = false
    }

    private let replicas: [ShardReplica]
    private let queue: ProposalQueue
    private let state = Monitor(State())
    private let thread: Monitor<WorkerThread?> = Monitor(nil)
    private let onFatal: @Sendable (String) -> Void
    /// Called after an entry that may have made work for the maintenance thread.
    private let onJob: @Sendable () -> Void

    init(
        replicas: [ShardReplica], queue: ProposalQueue, onJob: @escaping @Sendable () -> Void,
        onFatal: @escaping @Sendable (String) -> Void
    ) {
        self.replicas = replicas
        self.queue = queue
        self.onJob = onJob
        self.onFatal = onFatal
    }

    func start() {
        let started = WorkerThread(name: "apply") { [self] in run() }
        thread.update { $0 = started }
    }

    /// Entries that one sync made durable, in order.
    func add(_ entries: [Entry]) { state.update { $0.entries += entries } }

    /// Returns when all entries are applied.
    func stop() {
        state.update { $0.isStopping = true }
        thread.withLock { $0 }?.join()
    }

    private func run() {
        while true {
            let batch: [Entry]? = state.wait { state in
                if state.entries.isEmpty { return state.isStopping ? .some(nil) : nil }
                let taken = state.entries
                state.entries = []
                return taken
            }
            guard let batch else { return }
            for entry in batch where !apply(entry) { return }
        }
    }

    /// False when the shard cannot go on.
    private func apply(_ entry: Entry) -> Bool {
        let replica = replicas[entry.shard]
        let result: Result<AppliedEntry, AppendError>
        do {
            let outcome = try replica.apply(index: entry.index, payload: entry.payload)
            result = .success(AppliedEntry(index: entry.index, outcome: outcome))
        } catch {
            let sentence = "shard \(entry.shard) cannot apply entry \(entry.index): \(error)"
            if let proposal = entry.proposal {
                queue.finished(byteCount: proposal.payload.count)
                proposal.completion(.failure(.unavailable(detail: sentence)))
            }
            onFatal(sentence)
            return false
        }
        if replica.hasJob { onJob() }
        guard let proposal = entry.proposal else { return true }
        queue.finished(byteCount: proposal.payload.count)
        proposal.completion(result)
        return true
    }
}

/// What a proposer is told.
struct AppliedEntry: Sendable {
    var index: UInt64
    var outcome: ApplyOutcome
}
