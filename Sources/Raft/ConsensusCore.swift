/// Consensus of one group as a pure machine: events in, `Ready` out. It knows no clock, disk or
/// socket; the same calls in the same order give the same answers.
///
/// The driver's round, for each group:
///  1. `step`, `tick`, `propose`, `readIndex` as they come;
///  2. `ready()`: send its messages at once; write its entries and hard state to the journal;
///  3. when that write is durable, `persisted(_:)` with the ready's number: only now do the
///     messages and commits come out that depend on the write.
/// So "send before persist" can not be written by accident: what may not leave is not handed out.
///
/// Source: Ongaro, "Consensus: Bridging Theory and Practice"; the split of ready and persisted is
/// that of etcd's raft with asynchronous storage writes.
package protocol ConsensusCore {
    /// A message from another replica.
    mutating func step(_ message: RaftMessage) throws(RaftError)

    /// Time has gone on by one tick. Not to be called while a ready with an image is outstanding.
    mutating func tick()

    /// Adds entries to the log, in order. Errors: `notLeader`.
    mutating func propose(_ descriptors: [EntryDescriptor]) throws(RaftError)

    /// What is to be done now, or nil. Each is handed out once; several may be under way.
    mutating func ready() -> Ready?

    /// The writes of the ready with this number, and of all before it, are durable.
    mutating func persisted(_ readyNumber: UInt64) -> Persisted

    /// Entries up to `index` will not be asked for any more. No effect beyond the commit.
    mutating func compact(through index: UInt64)

    /// Proposes one change of membership. Errors: `notLeader`, `changePending`, `unsupported`.
    mutating func changeMembership(_ change: MembershipChange) throws(RaftError)

    /// Asks for an index that a read must wait for to be fresh; it comes in a later `Ready` with
    /// `context`. Errors: `notLeader`.
    mutating func readIndex(context: UInt64) throws(RaftError)

    /// Asks `node` to become leader. Errors: `notLeader`, `unsupported`.
    mutating func transfer(to node: NodeID) throws(RaftError)

    /// Where the group stands.
    var status: RaftStatus { get }
}

/// A message between replicas of a group; the body is the core's own encoding.
package struct RaftMessage: Hashable, Sendable {
    package let from: NodeID
    package let to: NodeID
    package let body: [UInt8]
    /// The entries whose payloads travel behind the message.
    package let entries: [Entry]

    package init(from: NodeID, to: NodeID, body: [UInt8], entries: [Entry]) {
        self.from = from
        self.to = to
        self.body = body
        self.entries = entries
    }
}

/// What the driver is to do now.
package struct Ready: Sendable {
    /// Counts up from 1 per core; for `persisted`.
    package let number: UInt64
    /// To be written with the entries, when it changed.
    package let hardState: HardState?
    /// To be written. The first one's index may be one that the log has: the new entries replace
    /// it and all behind it.
    package let entries: [Entry]
    /// May leave at once.
    package let messages: [RaftMessage]
    /// Fresh read indexes: serve the read once that index is applied.
    package let reads: [ReadState]

    package init(
        number: UInt64, hardState: HardState?, entries: [Entry], messages: [RaftMessage],
        reads: [ReadState]
    ) {
        self.number = number
        self.hardState = hardState
        self.entries = entries
        self.messages = messages
        self.reads = reads
    }
}

/// What durability released.
package struct Persisted: Sendable {
    /// May leave now.
    package let messages: [RaftMessage]
    /// To be applied in this order.
    package let committed: [Entry]

    package init(messages: [RaftMessage], committed: [Entry]) {
        self.messages = messages
        self.committed = committed
    }
}

/// The answer to `readIndex`.
package struct ReadState: Hashable, Sendable {
    package let context: UInt64
    package let index: UInt64

    package init(context: UInt64, index: UInt64) {
        self.context = context
        self.index = index
    }
}

/// One change of who is in a group.
package enum MembershipChange: Hashable, Sendable {
    case addLearner(NodeID)
    case promote(NodeID)
    case remove(NodeID)
}

/// Where a group stands, for people and figures.
package struct RaftStatus: Hashable, Sendable {
    package let term: UInt64
    package let leader: NodeID?
    package let isLeader: Bool
    package let lastIndex: UInt64
    package let commitIndex: UInt64

    package init(
        term: UInt64, leader: NodeID?, isLeader: Bool, lastIndex: UInt64, commitIndex: UInt64
    ) {
        self.term = term
        self.leader = leader
        self.isLeader = isLeader
        self.lastIndex = lastIndex
        self.commitIndex = commitIndex
    }
}

/// Why a core refused.
package enum RaftError: Error, Hashable, Sendable {
    /// Another replica leads, if it is known.
    case notLeader(NodeID?)
    case changePending
    /// This core can not do that.
    case unsupported
    /// The message makes no sense.
    case badMessage
}
