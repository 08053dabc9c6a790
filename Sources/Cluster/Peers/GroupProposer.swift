internal import Model
internal import Platform
internal import Raft
internal import Storage
internal import Synchronization

/// Brings payloads to whoever leads their groups, here or on another node, and again when the
/// leader changed meanwhile. A payload may be applied after it was reported in doubt: what must not
/// be applied twice carries a stamp.
final class GroupProposer: Sendable {
    /// A payload and who waits for what became of it.
    struct Request: Sendable {
        var group: GroupID
        var payload: [UInt8]
        var freesSpace = false
        /// Called once, on any thread.
        var completion: @Sendable (Result<AppliedEntry, AppendError>) -> Void
    }

    private struct Attempt: Sendable {
        let request: Request
        let deadlineNanos: Int64
        /// Whether an earlier attempt may have been applied, so that nothing else may be told.
        var isInDoubt = false
    }

    /// How long a group may be without a leader before its writers are told.
    private static let waitNanosMax: Int64 = 10_000_000_000
    /// A call that has no answer for so long is in doubt.
    private static let callNanosMax: Int64 = 5_000_000_000
    private static let pauseNanos: Int64 = 50_000_000
    /// Requests that may wait for a leader.
    private static let waitingMax = 16_384

    private let queue: ProposalQueue
    private let leaders: LeaderTable
    private let time: any TimeSource
    private let calls: PeerCalls?
    private let waiting = Mutex<[(dueNanos: Int64, attempt: Attempt)]>([])
    private let isStopping = Atomic<Bool>(false)

    /// `calls`: nil on a node without peers.
    init(
        queue: ProposalQueue, leaders: LeaderTable, calls: PeerCalls?, time: any TimeSource
    ) {
        self.queue = queue
        self.leaders = leaders
        self.calls = calls
        self.time = time
    }

    /// Takes all of them or none, as far as this node can tell. Throws as `ProposalQueue.add`.
    func submit(_ requests: [Request]) throws(AppendError) {
        let deadline = time.monotonicNanos() + GroupProposer.waitNanosMax
        var local: [Attempt] = []
        var others: [Attempt] = []
        for request in requests {
            let attempt = Attempt(request: request, deadlineNanos: deadline)
            if leaders.isOwn(request.group) {
                local.append(attempt)
            } else {
                others.append(attempt)
            }
        }
        if !others.isEmpty {
            guard waiting.withLock({ $0.count }) < GroupProposer.waitingMax else {
                throw AppendError.overloaded(retryAfterSeconds: 1)
            }
        }
        if !local.isEmpty { try queue.add(local.map(proposal)) }
        for attempt in others { start(attempt) }
    }

    /// Time has gone on: tries again what waits.
    func tick() {
        let now = time.monotonicNanos()
        let due = waiting.withLock { waiting in
            let due = waiting.filter { $0.dueNanos <= now }.map(\.attempt)
            waiting.removeAll { $0.dueNanos <= now }
            return due
        }
        for attempt in due { start(attempt) }
    }

    /// Nothing is tried again from now on.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        let left = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting.map(\.attempt)
        }
        for attempt in left {
            attempt.request.completion(
                .failure(.unavailable(detail: "the node is stopping")))
        }
    }

    private func start(_ attempt: Attempt) {
        let group = attempt.request.group
        if leaders.isOwn(group) {
            do throws(AppendError) {
                try queue.add([proposal(attempt)])
            } catch {
                finish(attempt, .refused(error))
            }
        } else if let leader = leaders.leader(of: group), leader != leaders.node, let calls {
            forward(attempt, to: leader, calls)
        } else {
            finish(attempt, .notLeader(nil))
        }
    }

    private func proposal(_ attempt: Attempt) -> Proposal {
        Proposal(
            group: attempt.request.group, payload: attempt.request.payload,
            completion: { [self] result in
                switch result {
                case .success(let entry): attempt.request.completion(.success(entry))
                case .failure(let failure): finish(attempt, failure)
                }
            }, freesSpace: attempt.request.freesSpace)
    }

    private func forward(_ attempt: Attempt, to leader: NodeID, _ calls: PeerCalls) {
        let request = attempt.request
        calls.ask(
            leader, .propose,
            ProposalWire.question(
                request.group, request.payload, freesSpace: request.freesSpace),
            timeoutNanos: GroupProposer.callNanosMax
        ) { [self] result in
            switch result {
            case .success(let parts):
                switch ProposalWire.readAnswer(parts) {
                case .success(let entry): request.completion(.success(entry))
                case .failure(let failure): finish(attempt, failure)
                }
            case .failure(.refused(let code, let detail)):
                finish(attempt, ProposalWire.readRefusal(code: code, detail))
            case .failure(.unreachable), .failure(.timedOut): finish(attempt, .lost)
            }
        }
    }

    /// Tries again later, or says no.
    private func finish(_ attempt: Attempt, _ failure: ProposalFailure) {
        var attempt = attempt
        switch failure {
        case .lost:
            if Mutant.isOn(.takesLostForDone) {
                let done = AppliedEntry(index: 0, outcome: .shard(.applied([])))
                return attempt.request.completion(.success(done))
            }
            attempt.isInDoubt = true
        case .notLeader, .refused(.overloaded): break
        case .refused(let error):
            return attempt.request.completion(.failure(error))
        }
        let now = time.monotonicNanos()
        guard now < attempt.deadlineNanos, !isStopping.load(ordering: .relaxed) else {
            if case .refused(let error) = failure, !attempt.isInDoubt {
                return attempt.request.completion(.failure(error))
            }
            let group = GroupNames([attempt.request.group])
            let detail =
                attempt.isInDoubt
                ? "\(group) lost its leader: it is not known whether this was kept"
                : "\(group) has no leader: too few of its replicas can be reached"
            return attempt.request.completion(.failure(.unavailable(detail: detail)))
        }
        waiting.withLock { $0.append((now + GroupProposer.pauseNanos, attempt)) }
    }
}
