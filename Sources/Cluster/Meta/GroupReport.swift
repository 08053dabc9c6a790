package import Raft

/// What the leader of a group, or whoever knows best, tells of it.
package struct GroupReport: Hashable, Sendable {
    package var leader: NodeID?
    package var term: UInt64
    package var commitIndex: UInt64
    /// Of the replica that tells.
    package var appliedIndex: UInt64
    package var voters: [NodeID]
    package var learners: [NodeID]
    /// Entries that a member lacks of what is committed; the leader's own is 0. Only a leader
    /// knows.
    package var lags: [NodeID: UInt64]
    package var isJoint: Bool
    /// What the group's steward waits for, in its words.
    package var waitsFor: String?
    /// Bytes that the leader's replica holds, about: what a newcomer copies.
    package var byteCount: UInt64 = 0
    /// What the leader's replica has sealed; nil before that, and of the meta group.
    package var seal: SealDigest?

    package init(
        leader: NodeID?, term: UInt64, commitIndex: UInt64, appliedIndex: UInt64,
        voters: [NodeID], learners: [NodeID] = [], lags: [NodeID: UInt64] = [:],
        isJoint: Bool = false, waitsFor: String? = nil
    ) {
        self.leader = leader
        self.term = term
        self.commitIndex = commitIndex
        self.appliedIndex = appliedIndex
        self.voters = voters
        self.learners = learners
        self.lags = lags
        self.isJoint = isJoint
        self.waitsFor = waitsFor
    }

    /// Of a replica's own core and what it has applied.
    package init(_ status: RaftStatus, appliedIndex: UInt64, waitsFor: String? = nil) {
        self.init(
            leader: status.leader, term: status.term, commitIndex: status.commitIndex,
            appliedIndex: appliedIndex, voters: status.configuration.voters,
            learners: status.configuration.learners,
            isJoint: status.configuration.isJoint, waitsFor: waitsFor)
        for member in status.members {
            let lag = status.commitIndex - min(status.commitIndex, member.matchIndex)
            // Who needs an image lacks more than its entries.
            lags[member.node] =
                status.logReaches(member) ? lag : max(lag, Steward.lagEntriesMax + 1)
        }
    }
}

/// What a replica has on disk, in short: two replicas with equal indexes must have equal hashes.
package struct SealDigest: Hashable, Sendable {
    /// As of the shard's manifest.
    package var durableIndex: UInt64
    package var completedIndex: UInt64
    /// Of the manifest's bytes, in which files are named by their content.
    package var hash: UInt64

    package init(durableIndex: UInt64, completedIndex: UInt64, hash: UInt64) {
        self.durableIndex = durableIndex
        self.completedIndex = completedIndex
        self.hash = hash
    }
}
