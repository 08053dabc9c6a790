package import Raft

/// What the meta group agrees on: who is a member and who is to hold what. A pure state machine:
/// the same commands in the same order give the same state, and its image the same bytes.
package struct ClusterState: Hashable, Sendable {
    /// Members that a state remembers, those gone included.
    package static let membersMax = 4_096
    /// Replicas that one group may be assigned.
    package static let replicasMax = 7

    /// Random, given at the founding; 0 before.
    package internal(set) var clusterID: UInt64 = 0
    package internal(set) var shardCount = 0
    package internal(set) var founder: NodeID?
    package internal(set) var members: [NodeID: Member] = [:]
    /// The wanted replicas of each group, preferred leader first. Of the meta group: who votes; all
    /// other members learn.
    package internal(set) var assignments: [GroupID: [NodeID]] = [:]
    /// What all members understand and may therefore be written.
    package internal(set) var featureLevel: UInt32 = 0
    package internal(set) var nextNodeNumber: UInt64 = 1
    package internal(set) var settings = ClusterSettings()
    /// Of the last entry that was applied.
    package internal(set) var appliedIndex: UInt64 = 0

    /// Before the founding.
    package init() {}

    package static let metaGroup = GroupID(0)

    package var isFounded: Bool { clusterID != 0 }

    /// All members, those gone included, by id.
    package var membersByID: [Member] { members.values.sorted { $0.id < $1.id } }

    /// Members that are there or on their way out, by id.
    package var presentMembers: [Member] { membersByID.filter { $0.state != .gone } }

    /// The groups of the shards, ascending.
    package var shardGroups: [GroupID] { (0..<shardCount).map { ShardGroup.group(of: $0) } }

    /// Who is to be in a group.
    package func wanted(_ group: GroupID) -> WantedGroup {
        let voters = assignments[group] ?? []
        guard group == ClusterState.metaGroup else { return WantedGroup(voters: voters) }
        return WantedGroup(
            voters: voters,
            learners: presentMembers.map(\.id).filter { !voters.contains($0) })
    }

    /// Applies the entry at `index`. Total: every command has an outcome in every state.
    package mutating func apply(
        index: UInt64, _ command: ClusterCommand
    ) -> ClusterOutcome {
        guard index > appliedIndex else { return .duplicate }
        appliedIndex = index
        do {
            return try perform(command)
        } catch {
            return .refused(error)
        }
    }
}

/// Who is to be in a group.
package struct WantedGroup: Hashable, Sendable {
    /// Preferred leader first.
    package var voters: [NodeID]
    /// Receive the log and stay without a vote.
    package var learners: [NodeID]

    package init(voters: [NodeID], learners: [NodeID] = []) {
        self.voters = voters
        self.learners = learners
    }

    /// Whether a group with this configuration has the wanted voters and nothing under way. That
    /// a learner is still to be added does not count: it holds up nobody.
    package func isReached(by configuration: GroupConfiguration) -> Bool {
        !configuration.isJoint && Set(configuration.voters) == Set(voters)
            && configuration.learners.allSatisfy(learners.contains)
    }
}
