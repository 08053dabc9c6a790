package import Raft

/// What one round of the replicator brought: what to send, apply and tell.
package struct ReplicationOutput: Sendable {
    /// A committed entry.
    package struct Committed: Sendable {
        package let group: GroupID
        package let index: UInt64
        package let payload: [UInt8]
        /// What `propose` was given; 0 when replayed, or proposed elsewhere or before.
        package let tag: UInt64
    }

    /// A proposal that will not commit: it was not begun. Somebody else may take it.
    package struct Withdrawn: Hashable, Sendable {
        package let group: GroupID
        package let tag: UInt64
        /// Who leads the group, if that is known.
        package var leader: NodeID?
    }

    /// A fresh read index: the state machine must stand there before it is read.
    package struct Read: Hashable, Sendable {
        package let group: GroupID
        package let context: UInt64
        package let index: UInt64
    }

    /// Who leads a group from now on.
    package struct LeaderChange: Hashable, Sendable {
        package let group: GroupID
        package let term: UInt64
        package let leadership: Leadership
    }

    /// A replica that can go on with an image only; `adopt` is to follow.
    package struct ImageWanted: Hashable, Sendable {
        package let group: GroupID
        package let leader: NodeID
    }

    /// In order per group.
    package var committed: [Committed] = []
    /// Groups whose newest committed entry has nothing to apply: where they stand.
    package var progress: [(group: GroupID, index: UInt64)] = []
    package var messages: [GroupMessage] = []
    package var reads: [Read] = []
    package var refused: [Withdrawn] = []
    /// Proposals whose fate is unknown: the leader changed while they were under way. They may
    /// still commit; their tags are forgotten.
    package var lost: [Withdrawn] = []
    package var leaderChanges: [LeaderChange] = []
    package var imagesWanted: [ImageWanted] = []
    /// Groups that take no further part, and why.
    package var faults: [(group: GroupID, reason: String)] = []

    package init() {}
}
