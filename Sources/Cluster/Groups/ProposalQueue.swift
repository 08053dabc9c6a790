package import Model
internal import Platform
package import Raft
internal import Replication
internal import Storage

/// One entry on its way into a group's log, at the node that leads it.
struct Proposal: Sendable {
    var group: GroupID
    /// An encoded `ShardCommand`, or `ClusterCommand` for the meta group.
    var payload: [UInt8]
    /// Called once, from the apply thread, or from the loop when it was refused.
    var completion: @Sendable (Result<AppliedEntry, ProposalFailure>) -> Void
    /// Leads to space being freed: may use the journal's reserve.
    var freesSpace = false
}

/// What a proposer is told.
package struct AppliedEntry: Sendable, Equatable {
    var index: UInt64
    var outcome: EntryOutcome
}

/// What applying an entry came to; the same on every replica.
enum EntryOutcome: Sendable, Equatable {
    case shard(ApplyOutcome)
    case cluster(ClusterOutcome)
}

/// Why a proposal has no outcome.
package enum ProposalFailure: Error, Sendable, Equatable {
    /// Not begun: somebody else leads the group, if it is known who.
    case notLeader(NodeID?)
    /// In doubt: the leader changed while it was under way. It may still be applied.
    case lost
    /// Not begun, for another reason.
    case refused(AppendError)
}

/// Where everybody leaves work for the node's loop; what writers leave is bounded by bytes.
final class ProposalQueue: Sendable {
    /// What the loop takes at once, in the order in which it does it.
    struct Work: Sendable {
        /// Whatever else is to be done with the replicator, on the loop's thread.
        var tasks: [@Sendable (Replicator) -> Void] = []
        /// Groups whose state machine covers their log up to an index.
        var releases: [(group: GroupID, index: UInt64)] = []
        var messages: [ReceivedMessage] = []
        var claims: [(peer: NodeID, claims: PeerClaims)] = []
        var proposals: [Proposal] = []
        /// Whether time has gone on by a tick; several at once count as one, so that a loop that
        /// was held up takes nobody for silent.
        var isTick = false
        var isStopping = false

        var isIdle: Bool { isOnlyTime && claims.isEmpty && !isTick }

        /// Nothing came but ticks, and peers' words that they are there.
        var isOnlyTime: Bool {
            tasks.isEmpty && releases.isEmpty && messages.isEmpty && proposals.isEmpty
        }
    }

    private struct State {
        var work = Work()
        var bytesInFlight = 0
        var messageBytes = 0
        var isClosed = false
    }

    /// Bytes of messages that wait; more are dropped, as if lost.
    private static let messageBytesMax = 256 << 20

    private let state: Monitor<State>
    let bytesMax: Int

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
        state = Monitor(State())
    }

    /// Takes all of them or none. Throws `overloaded` when too many bytes are in flight and
    /// `unavailable` after `close`. They are always taken when nothing is in flight, however large.
    func add(_ proposals: [Proposal]) throws(AppendError) {
        try state.update { state throws(AppendError) in
            if state.isClosed { throw AppendError.unavailable(detail: "the node is stopping") }
            let total = proposals.reduce(state.bytesInFlight) { $0 + $1.payload.count }
            let isUrgent = proposals.allSatisfy(\.freesSpace)
            guard total <= bytesMax || state.bytesInFlight == 0 || isUrgent else {
                throw AppendError.overloaded(retryAfterSeconds: 1)
            }
            state.bytesInFlight = total
            state.work.proposals += proposals
        }
    }

    func release(_ group: GroupID, through index: UInt64) {
        state.update { $0.work.releases.append((group, index)) }
    }

    /// Never run after `close`.
    func perform(_ task: @escaping @Sendable (Replicator) -> Void) {
        state.update { if !$0.isClosed { $0.work.tasks.append(task) } }
    }

    /// What finds no room is dropped, as if lost on its way.
    func add(_ messages: [ReceivedMessage]) {
        guard !messages.isEmpty else { return }
        state.update { state in
            for message in messages {
                let bytes = message.byteCount
                guard state.messageBytes + bytes <= ProposalQueue.messageBytesMax else { continue }
                state.messageBytes += bytes
                state.work.messages.append(message)
            }
        }
    }

    /// Counts with the next tick: wakes nobody.
    func add(claims: PeerClaims, of peer: NodeID) {
        state.withLock { $0.work.claims.append((peer, claims)) }
    }

    func tick() { state.update { $0.work.isTick = true } }

    /// Waits for work and takes all there is, nothing after `nanos`. `isStopping` comes with the
    /// last of it.
    func take(upToNanos nanos: Int64) -> Work {
        let taken = state.wait(upToNanos: nanos) { state -> Work? in
            guard !state.work.isIdle || state.isClosed else { return nil }
            var taken = state.work
            state.work = Work()
            state.messageBytes = 0
            taken.isStopping = state.isClosed
            return taken
        }
        return taken ?? Work()
    }

    var hasWork: Bool { state.withLock { !$0.work.isIdle } }

    /// Lets time go by; writers keep adding.
    func pause(nanos: Int64) {
        let nothing: Never? = state.wait(upToNanos: nanos) { _ in nil }
        precondition(nothing == nil)
    }

    /// A proposal of so many bytes is done with. Nobody waits for that: who finds the queue full
    /// is told so.
    func finished(byteCount: Int) { state.withLock { $0.bytesInFlight -= byteCount } }

    var bytesInFlight: Int { state.withLock { $0.bytesInFlight } }

    /// Takes nothing more.
    func close() { state.update { $0.isClosed = true } }
}
