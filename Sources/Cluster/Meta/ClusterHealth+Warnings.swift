internal import Raft

/// What works today and would not survive what the owner may think it does.
extension ClusterHealth {
    static func warnings(
        _ state: ClusterState, _ members: [MemberLine], _ groups: [GroupLine],
        _ slow: Set<NodeID>
    ) -> [String] {
        let present = members.map(\.member)
        return fewMembers(present)
            + zoneWarnings(present, groups)
            + featureLevels(state, present)
            + slowDisks(members, slow)
    }

    /// Replicas of shards are made anew by themselves; a member's part in the meta group is not.
    static func outOfService(
        _ members: [MemberLine], _ faulty: [GroupID: Set<NodeID>]
    ) -> [String] {
        let names = members.map(\.member).filter {
            faulty[ClusterState.metaGroup]?.contains($0.id) == true
        }.map(\.name)
        return names.map {
            "\($0) takes no part in the meta group any more: stop it, remove its data directory and "
                + "let it join again"
        }
    }

    private static func slowDisks(_ members: [MemberLine], _ slow: Set<NodeID>) -> [String] {
        members.filter { slow.contains($0.member.id) }.map {
            $0.leaderCount == 0
                ? "\($0.member.name) leads nothing: its disk is slow"
                : "\($0.member.name) is to lead nothing: its disk is slow"
        }
    }

    private static func fewMembers(_ members: [Member]) -> [String] {
        let keepers = members.filter { !$0.isWitness }
        guard keepers.count == 2 else { return [] }
        let names = keepers.map(\.name).joined(separator: " or ")
        return ["two members keep data: the loss of \(names) stops writes until a third joins"]
    }

    private static func zoneWarnings(_ members: [Member], _ groups: [GroupLine]) -> [String] {
        var warnings: [String] = []
        let unzoned = members.filter { $0.zone == nil }
        if unzoned.count < members.count, !unzoned.isEmpty {
            let names = unzoned.map(\.name).joined(separator: ", ")
            warnings.append("no zone is known of \(names): restart with --zone")
        }
        let keepers = members.filter { !$0.isWitness }
        let domains = Set(keepers.map(\.failureDomain)).sorted { $0.description < $1.description }
        guard keepers.count > 2, domains.count > 1 else { return warnings }
        let placeOf = Dictionary(
            members.map { ($0.id, $0.failureDomain) }, uniquingKeysWith: { first, _ in first })
        for domain in domains {
            let stopped = groups.filter { line in
                let lost = line.voters.count { placeOf[$0] == domain }
                return lost >= line.voters.count - line.voters.count / 2
            }.map(\.group)
            guard !stopped.isEmpty else { continue }
            let names = GroupNames(stopped)
            warnings.append(
                domains.count == 2
                    ? "two zones: the loss of \(domain) stops writes of \(names)"
                    : "\(domain) has a majority of \(names): its loss stops their writes")
        }
        if domains.count == 2, !members.contains(where: \.isWitness) {
            warnings.append(
                "two zones: members in a third zone keep all writable when one is lost; a witness "
                    + "there keeps at least the meta group so")
        }
        return warnings
    }

    private static func featureLevels(_ state: ClusterState, _ members: [Member]) -> [String] {
        let levels = members.map(\.featureLevel)
        guard let lowest = levels.min(), let highest = levels.max() else { return [] }
        if lowest < highest {
            let late = members.filter { $0.featureLevel < highest }
                .map { "\($0.name) (\($0.featureLevel))" }.joined(separator: ", ")
            return [
                "the cluster stays at feature level \(state.featureLevel), of \(highest) possible, "
                    + "because of \(late)"
            ]
        }
        guard lowest > state.featureLevel else { return [] }
        return [
            "all members have feature level \(lowest): raise the cluster's from "
                + "\(state.featureLevel) when no way back is needed"
        ]
    }
}
