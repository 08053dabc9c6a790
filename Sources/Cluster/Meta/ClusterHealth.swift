package import Raft

/// How the cluster is, for people: who is there, how each group is, what is under way and what to
/// worry about. A pure function of the state, of who is live and of what is known of the groups.
package struct ClusterHealth: Sendable {
    /// A member that has not left.
    package struct MemberLine: Hashable, Sendable {
        package var member: Member
        package var isLive: Bool
        /// It said how the groups are that it leads when it was asked.
        package var hasAnswered: Bool
        /// Shards that it votes in.
        package var replicaCount: Int
        /// Shards that it leads.
        package var leaderCount: Int
    }

    /// A group as it is.
    package struct GroupLine: Hashable, Sendable {
        package var group: GroupID
        /// Nil when nobody told.
        package var report: GroupReport?
        package var wanted: WantedGroup
        /// Voters that are live, keep up and take part.
        package var good: Set<NodeID>
        /// Voters that there should be.
        package var wantedCount: Int
        /// A live node leads it.
        package var hasLeader: Bool
        /// More than half of its voters are live.
        package var hasMajority: Bool
        /// What it waits for on its way to its assignment; nil when it is there.
        package var movement: String?

        package var isUnderReplicated: Bool { good.count < wantedCount }
    }

    /// By id.
    package let members: [MemberLine]
    /// The meta group first, then by shard.
    package let groups: [GroupLine]
    /// Sentences on what is risky though it works.
    package let warnings: [String]
    /// The meta group has confirmed that the state is its latest.
    package let isStateCurrent: Bool

    /// `slow`: members whose disks are slow beside those of others. `faulty`: whose replicas take no
    /// further part. `unheard`: who is live and was asked in vain.
    package init(
        _ state: ClusterState, live: Set<NodeID>, reports: [GroupID: GroupReport],
        slow: Set<NodeID> = [], faulty: [GroupID: Set<NodeID>] = [:],
        unheard: Set<NodeID> = [], isStateCurrent: Bool = true
    ) {
        self.isStateCurrent = isStateCurrent
        let all = [ClusterState.metaGroup] + state.shardGroups
        let lines = all.map { GroupLine($0, reports[$0], state, live, faulty[$0] ?? []) }
        groups = lines
        var replicas: [NodeID: Int] = [:]
        var leaders: [NodeID: Int] = [:]
        for line in lines where line.group != ClusterState.metaGroup {
            for voter in line.voters { replicas[voter, default: 0] += 1 }
            if line.hasLeader, let leader = line.report?.leader {
                leaders[leader, default: 0] += 1
            }
        }
        members = state.presentMembers.map {
            MemberLine(
                member: $0, isLive: live.contains($0.id),
                hasAnswered: live.contains($0.id) && !unheard.contains($0.id),
                replicaCount: replicas[$0.id] ?? 0, leaderCount: leaders[$0.id] ?? 0)
        }
        warnings =
            ClusterHealth.warnings(state, members, lines, slow)
            + ClusterHealth.outOfService(members, faulty)
    }

    package var underReplicated: [GroupID] { groups.filter(\.isUnderReplicated).map(\.group) }

    package var leaderless: [GroupID] { groups.filter { !$0.hasLeader }.map(\.group) }

    package var moving: [GroupLine] { groups.filter { $0.movement != nil } }

    /// All that is wanted is there, and everybody says so. What moves while enough replicas are up,
    /// is healthy.
    package var isHealthy: Bool {
        isStateCurrent && members.allSatisfy(\.hasAnswered)
            && groups.allSatisfy { $0.hasLeader && $0.hasMajority && !$0.isUnderReplicated }
    }
}

extension ClusterHealth.GroupLine {
    /// Who votes, or is to, when nobody told.
    package var voters: [NodeID] { report?.voters ?? wanted.voters }

    init(
        _ group: GroupID, _ report: GroupReport?, _ state: ClusterState, _ live: Set<NodeID>,
        _ faulty: Set<NodeID>
    ) {
        self.group = group
        self.report = report
        let wanted = state.wanted(group)
        self.wanted = wanted
        let voters = report?.voters ?? wanted.voters
        let lags = report?.lags ?? [:]
        good = Set(
            voters.filter {
                live.contains($0) && (lags[$0] ?? 0) <= Steward.lagEntriesMax
                    && !faulty.contains($0)
            })
        wantedCount = max(wanted.voters.count, Placement.wantedCount(group, state))
        hasLeader = report?.leader.map(live.contains) ?? false
        hasMajority = voters.count(where: live.contains) > voters.count / 2
        movement = nil
        if let report { movement = ClusterHealth.movement(report, wanted, live) }
    }
}

extension ClusterHealth {
    static func movement(
        _ report: GroupReport, _ wanted: WantedGroup, _ live: Set<NodeID>
    ) -> String? {
        if report.isJoint { return "a change of members is under way" }
        let configuration = GroupConfiguration(
            index: 0, voters: report.voters, learners: report.learners)
        guard !wanted.isReached(by: configuration) else { return nil }
        if let reason = report.waitsFor { return reason }
        for voter in wanted.voters where !report.voters.contains(voter) {
            guard live.contains(voter) else { return "\(voter) is not live" }
            guard report.learners.contains(voter) else { return "\(voter) is to be added" }
            return "\(voter) catches up, \(report.lags[voter] ?? 0) entries behind"
        }
        let leaving = (report.voters + report.learners).filter {
            !wanted.voters.contains($0) && !wanted.learners.contains($0)
        }
        return leaving.first.map { "\($0) is to leave" } ?? "votes are to change"
    }
}

/// Groups as people know them: the meta group and shards, a few by name and the rest by number.
struct GroupNames: CustomStringConvertible {
    private static let namedMax = 8
    let groups: [GroupID]

    init(_ groups: [GroupID]) { self.groups = groups }

    var description: String {
        let shards = groups.filter { $0 != ClusterState.metaGroup }
            .map { String(ShardGroup.shard(of: $0)) }
        var parts: [String] = []
        if shards.count < groups.count { parts.append("the meta group") }
        if !shards.isEmpty {
            let named = shards.prefix(GroupNames.namedMax).joined(separator: ", ")
            let rest = shards.count - GroupNames.namedMax
            parts.append(
                (shards.count == 1 ? "shard " : "shards ") + named
                    + (rest > 0 ? " and \(rest) more" : ""))
        }
        return parts.joined(separator: ", ")
    }
}
