/// A Raft group: one per shard, and 0 for the meta group.
package struct GroupID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let number: UInt32

    package init(_ number: UInt32) { self.number = number }

    package static func < (a: GroupID, b: GroupID) -> Bool { a.number < b.number }
    package var description: String { "group \(number)" }
}

/// A replica's identity for good: a node that lost its disk comes back with a new one. Never 0.
package struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let number: UInt64

    package init(_ number: UInt64) {
        precondition(number != 0, "node 0 is nobody")
        self.number = number
    }

    /// Nil for 0.
    package init?(nonzero number: UInt64) {
        if number == 0 { return nil }
        self.number = number
    }

    package static func < (a: NodeID, b: NodeID) -> Bool { a.number < b.number }
    package var description: String { "node \(number)" }
}

/// What consensus knows of an entry's payload: 32 bytes, whatever the payload's size. The payload
/// itself stays in the journal and travels behind the message.
package struct EntryDescriptor: Hashable, Sendable {
    /// The node that proposed it; 0 for an entry without a payload.
    package let origin: UInt64
    /// Counts the payloads of `origin`; with it, names the payload.
    package let sequence: UInt64
    /// Bytes of the payload.
    package let byteCount: UInt32
    /// CRC-32C of the payload.
    package let checksum: UInt32
    /// On the wire.
    package static let byteCount = 32

    /// Of an entry without a payload.
    package static let none = EntryDescriptor(origin: 0, sequence: 0, byteCount: 0, checksum: 0)

    /// Reserved, 0: the descriptor has 32 bytes on the wire.
    package var reserved: UInt64 { 0 }

    package init(origin: UInt64, sequence: UInt64, byteCount: UInt32, checksum: UInt32) {
        self.origin = origin
        self.sequence = sequence
        self.byteCount = byteCount
        self.checksum = checksum
    }
}

/// One entry of a group's log.
package struct Entry: Hashable, Sendable {
    /// What the entry is for.
    package enum Kind: UInt8, Hashable, Sendable {
        /// A payload for the state machine.
        case normal = 1
        /// The first entry of a leader's term: nothing to apply.
        case noOperation = 2
        /// A change of who is in the group.
        case membership = 3
    }

    /// Whether it is a change that leaves a joint configuration: etcd's `ConfChangeV2` without
    /// changes, of which only the transition, 0, is encoded.
    package var leavesJoint: Bool {
        kind == .membership && (change.isEmpty || change == [0x08, 0])
    }

    /// From 1, without gaps.
    package let index: UInt64
    package let term: UInt64
    package let kind: Kind
    /// Of a normal entry; zeroes in others.
    package let descriptor: EntryDescriptor
    /// Of a membership entry, in the core's own encoding: it travels and is written in place of a
    /// payload.
    package let change: [UInt8]

    package init(index: UInt64, term: UInt64, kind: Kind, descriptor: EntryDescriptor) {
        self.index = index
        self.term = term
        self.kind = kind
        self.descriptor = descriptor
        change = []
    }

    package init(noOperationAt index: UInt64, term: UInt64) {
        self.init(index: index, term: term, kind: .noOperation, descriptor: .none)
    }

    package init(index: UInt64, term: UInt64, change: [UInt8]) {
        self.index = index
        self.term = term
        kind = .membership
        descriptor = .none
        self.change = change
    }
}

/// What a voter must never forget.
package struct HardState: Hashable, Sendable {
    package var term: UInt64
    /// The candidate voted for in `term`, or nil.
    package var vote: NodeID?

    package init(term: UInt64, vote: NodeID?) {
        self.term = term
        self.vote = vote
    }
}
