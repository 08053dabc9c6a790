package import Raft

/// What a person decides over groups of which the majority is gone for good. No consensus is asked,
/// so that whoever calls this must see to it that no other member of the group goes on.
extension Replicator {
    /// Opens the group as if this node had always been its only voter: all that its log holds counts
    /// as committed, its changes of members are not followed. Propose, `commit`, `release` and
    /// `close`, then `standAlone`. The group must not be open.
    package func overrule(_ group: GroupID) {
        precondition(replicas[group] == nil, "BUG: \(group) is open")
        _ = addSoleVoter(group)
    }

    /// The group goes on behind what it has released, which must be all that it has, with this node
    /// as its only voter: whoever joins it gets an image. Durable. The group must not be open.
    /// Errors: `journal`.
    package func standAlone(_ group: GroupID) throws(ReplicationError) {
        let state = journal.state(of: group)
        precondition(
            replicas[group] == nil && state.releasedIndex > Replicator.firstImageIndex
                && state.releasedIndex == journal.lastIndex(of: group),
            "BUG: \(group) is open, or has a log yet")
        try begin(
            group,
            behind: ImageReference(
                index: state.releasedIndex, term: state.releasedTerm,
                configuration: GroupConfiguration(index: state.releasedIndex, voters: [node])))
    }

    /// Forgets the group's log, durably: the node is a newcomer in it, whose voters are others. The
    /// group must not be open. Errors: `journal`.
    package func forget(_ group: GroupID, voters: [NodeID]) throws(ReplicationError) {
        precondition(
            replicas[group] == nil && !voters.contains(node), "BUG: a voter forgets \(group)")
        let state = journal.state(of: group)
        try forget(
            group, voters: voters,
            HardState(term: state.term, vote: NodeID(nonzero: state.vote)))
    }
}
