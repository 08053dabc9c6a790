package import Raft

/// What speaks against stopping nodes, for a while or for good.
extension ClusterHealth {
    /// Sentences on why all nodes of `zone`, or the node of that name without one, must not be
    /// restarted now; empty when they may.
    package func upgradeCheck(zone: String) -> [String] {
        let nodes = members.map(\.member).filter { ($0.zone ?? $0.name) == zone }.map(\.id)
        guard !nodes.isEmpty else { return ["no member is in zone \(zone)"] }
        return upgradeCheck(restarting: Set(nodes))
    }

    /// Sentences on why these nodes must not be restarted at once now; empty when they may.
    package func upgradeCheck(restarting nodes: Set<NodeID>) -> [String] {
        let obstacles =
            unknowns + [
                sentence("with fewer replicas than needed") { $0.isUnderReplicated },
                sentence("still moving") { $0.movement != nil },
                sentence("would lose the majority") { !$0.hasMajority(without: nodes) },
            ]
        return obstacles.compactMap { $0 }
    }

    /// Sentences on why this member must not leave for good now; empty when it may. Who is not live
    /// may have replicas, as long as those of others are enough without them.
    package func removalCheck(_ node: NodeID) -> [String] {
        guard let line = members.first(where: { $0.member.id == node }) else {
            return ["it is no member"]
        }
        let count = line.replicaCount
        let replicas = count == 1 ? "a replica" : "\(count) replicas"
        let obstacles =
            unknowns + [
                line.isLive && count > 0 ? "it lives and has \(replicas): drain it and wait" : nil,
                sentence("would lose the majority") {
                    $0.voters.contains(node) && !$0.hasMajority(without: [node])
                },
            ]
        return obstacles.compactMap { $0 }
    }

    /// Sentences on what is not known for sure, so that what is known may be old.
    private var unknowns: [String?] {
        let silent = members.filter { $0.isLive && !$0.hasAnswered }.map(\.member.name)
        return [
            isStateCurrent ? nil : "the meta group does not say what it decided last",
            silent.isEmpty
                ? nil : "no answer on how their groups are: \(silent.joined(separator: ", "))",
            sentence("without a leader") { !$0.hasLeader },
        ]
    }

    private func sentence(_ text: String, _ isConcerned: (GroupLine) -> Bool) -> String? {
        let concerned = groups.filter(isConcerned).map(\.group)
        return concerned.isEmpty ? nil : "\(text): \(GroupNames(concerned))"
    }
}

extension ClusterHealth.GroupLine {
    /// Its good replicas on other nodes are more than half of its voters.
    fileprivate func hasMajority(without nodes: Set<NodeID>) -> Bool {
        let left = voters.count { !nodes.contains($0) && good.contains($0) }
        return left > voters.count / 2
    }
}
