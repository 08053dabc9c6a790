internal import Raft

/// Who does what exactly one node of a cluster is to do: the leader of the meta group. For a moment
/// after a partition two nodes may hold it to be theirs; one of them can not write then.
package enum ClusterDuty: Sendable, Hashable {
    case here
    /// `httpAddress`: HOST:PORT, where clients reach that node.
    case elsewhere(httpAddress: String)
    /// Nobody leads, as far as this node knows.
    case nobody
}

extension Node {
    /// Who does what exactly one node is to do; of a node of one it is this one.
    package var duty: ClusterDuty { cluster?.duty ?? .here }
}

extension ClusterMembership {
    /// Who leads the cluster.
    package var duty: ClusterDuty {
        if leaders.isOwn(ClusterState.metaGroup) { return .here }
        guard let leader = leaders.leader(of: ClusterState.metaGroup),
            let member = state.members[leader]
        else { return .nobody }
        return .elsewhere(httpAddress: member.httpAddress)
    }
}
