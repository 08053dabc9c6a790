/// The core of a group with one voter: what is durable here is committed. Same protocol and same
/// log as with many voters, so that a sole voter's journal becomes a member's by adding nodes.
///
/// It leads in a new term from its start on; term and vote are written with its first entries.
package struct SoleVoter: ConsensusCore, Sendable {
    private let node: NodeID
    private let term: UInt64
    private var isHardStateWritten = false
    private var lastIndex: UInt64
    private var commitIndex: UInt64
    private var proposed: [Entry] = []
    private var underWay: [(number: UInt64, entries: [Entry])] = []
    private var readyNumber: UInt64 = 0
    private var reads: [UInt64] = []

    /// Continues a log that ends at `lastIndex` (0: empty): all of it is durable, so committed.
    /// `hardState`: what the journal remembers of this group.
    package init(node: NodeID, hardState: HardState, lastIndex: UInt64) {
        self.node = node
        term = hardState.term + 1
        self.lastIndex = lastIndex
        commitIndex = lastIndex
    }

    package mutating func step(_ message: RaftMessage) throws(RaftError) {
        throw RaftError.unsupported
    }

    package mutating func step(
        _ message: RaftMessage, replacingImageBy image: ImageReference
    ) throws(RaftError) {
        throw RaftError.unsupported
    }

    /// Nobody gets images of a group of one.
    package func image(at index: UInt64) -> ImageReference? { nil }

    package mutating func tick() {}

    package mutating func campaign() {}

    package mutating func propose(_ descriptors: [EntryDescriptor]) throws(RaftError) {
        for descriptor in descriptors {
            lastIndex += 1
            proposed.append(
                Entry(index: lastIndex, term: term, kind: .normal, descriptor: descriptor))
        }
    }

    package mutating func ready() -> Ready? {
        guard !proposed.isEmpty || !reads.isEmpty else { return nil }
        readyNumber += 1
        let entries = proposed
        proposed.removeAll()
        underWay.append((readyNumber, entries))
        let isFirstWrite = !isHardStateWritten && !entries.isEmpty
        if isFirstWrite { isHardStateWritten = true }
        defer { reads.removeAll() }
        return Ready(
            number: readyNumber, hardState: isFirstWrite ? HardState(term: term, vote: node) : nil,
            entries: entries, messages: [],
            reads: reads.map { ReadState(context: $0, index: commitIndex) })
    }

    package mutating func persisted(_ readyNumber: UInt64) -> Persisted {
        precondition(readyNumber <= self.readyNumber, "BUG: persisted what was never ready")
        var committed: [Entry] = []
        while let first = underWay.first, first.number <= readyNumber {
            committed += first.entries
            underWay.removeFirst()
        }
        if let last = committed.last { commitIndex = last.index }
        return Persisted(messages: [], committed: committed)
    }

    /// Nothing to do: a committed entry is not held here.
    package mutating func compact(through index: UInt64) {}

    package mutating func changeMembership(_ changes: [MembershipChange]) throws(RaftError) {
        throw RaftError.unsupported
    }

    package mutating func readIndex(context: UInt64) throws(RaftError) { reads.append(context) }

    package mutating func transfer(to node: NodeID) throws(RaftError) {
        guard node == self.node else { throw RaftError.unsupported }
    }

    package mutating func reportUnreachable(_ node: NodeID) {}

    package mutating func reportImage(to node: NodeID, isTaken: Bool) {}

    package var status: RaftStatus {
        RaftStatus(
            term: term, leader: node, isLeader: true, firstIndex: 1, lastIndex: lastIndex,
            commitIndex: commitIndex,
            configuration: GroupConfiguration(index: 0, voters: [node]))
    }
}
