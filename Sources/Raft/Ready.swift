/// A message between replicas of a group; the body is the core's own encoding.
package struct RaftMessage: Hashable, Sendable {
    package let from: NodeID
    package let to: NodeID
    package let body: [UInt8]
    /// Of the first entry in it.
    package let firstIndex: UInt64
    /// Of the entries in it, whose payloads travel behind the message; `none` for those without.
    package let descriptors: [EntryDescriptor]
    /// Whether it tells the receiver to get an image; `reportImage` is due for it.
    package let needsImage: Bool

    package init(
        from: NodeID, to: NodeID, body: [UInt8], firstIndex: UInt64 = 0,
        descriptors: [EntryDescriptor] = [], needsImage: Bool = false
    ) {
        self.from = from
        self.to = to
        self.body = body
        self.firstIndex = firstIndex
        self.descriptors = descriptors
        self.needsImage = needsImage
    }
}

/// What the driver is to do now.
package struct Ready: Sendable {
    /// Counts up from 1 per core; for `persisted`.
    package let number: UInt64
    /// To be written with the entries, when it changed.
    package let hardState: HardState?
    /// To be installed in place of log and state machine.
    package let image: ImageReference?
    /// To be written. The first one's index may be one that the log has: the new entries replace
    /// it and all behind it.
    package let entries: [Entry]
    /// May leave at once.
    package let messages: [RaftMessage]
    /// Who leads, when that changed.
    package let leadership: Leadership?
    /// Fresh read indexes: serve the read once that index is applied.
    package let reads: [ReadState]

    package init(
        number: UInt64, hardState: HardState?, image: ImageReference? = nil, entries: [Entry],
        messages: [RaftMessage], leadership: Leadership? = nil, reads: [ReadState]
    ) {
        self.number = number
        self.hardState = hardState
        self.image = image
        self.entries = entries
        self.messages = messages
        self.leadership = leadership
        self.reads = reads
    }
}

/// Who leads a group, as one replica sees it.
package struct Leadership: Hashable, Sendable {
    package let leader: NodeID?
    package let isOwn: Bool

    package init(leader: NodeID?, isOwn: Bool) {
        self.leader = leader
        self.isOwn = isOwn
    }
}

/// What durability released.
package struct Persisted: Sendable {
    /// May leave now.
    package let messages: [RaftMessage]
    /// To be applied in this order.
    package let committed: [Entry]
    /// Who is in the group from now on, when entries of `committed` changed it: to be remembered.
    package let configuration: GroupConfiguration?

    package init(
        messages: [RaftMessage], committed: [Entry], configuration: GroupConfiguration? = nil
    ) {
        self.messages = messages
        self.committed = committed
        self.configuration = configuration
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

/// Why a core refused.
package enum RaftError: Error, Hashable, Sendable {
    /// Another replica leads, if it is known.
    case notLeader(NodeID?)
    case changePending
    /// This core can not do that.
    case unsupported
    /// The message makes no sense.
    case badMessage
    /// The core's state contradicts itself, in its words: the replica is faulty and takes no
    /// further calls.
    case badState(String)
}
