package import Model
internal import Raft
internal import Replication

/// Why what an operator asked for was not done.
package enum ClusterAdminError: Error, Sendable, CustomStringConvertible {
    /// A parameter that makes no sense.
    case invalid(field: String, reason: String)
    /// The cluster's rules say no.
    case refused(String)
    /// It could not be decided.
    case failed(AppendError)

    package var description: String {
        switch self {
        case .invalid(let field, let reason): "\(field): \(reason)"
        case .refused(let reason): reason
        case .failed(let error): "\(error)"
        }
    }
}

/// What an operator asks of the cluster. Nodes are named by name or by id. Each returns when it is
/// decided, not when it is done.
extension ClusterMembership {
    /// Moves everything away from a node, or no longer.
    package func drain(
        _ node: String, isCancelled: Bool
    ) async throws(ClusterAdminError) {
        let id = try member(node, "node").id
        try await settle(.setMemberState(id, isCancelled ? .active : .draining))
    }

    /// Makes a node leave for good. `force`: also while it lives and has replicas, while others need
    /// it, and while it is not known for sure that it is neither.
    package func remove(_ node: String, force: Bool) async throws(ClusterAdminError) {
        let member = try member(node, "node")
        let obstacles = force ? [] : await currentHealth().removalCheck(member.id)
        guard obstacles.isEmpty else {
            throw ClusterAdminError.refused(
                "\(member.name) is not removed: \(obstacles.joined(separator: "; ")); force it to "
                    + "remove it nevertheless")
        }
        try await settle(.setMemberState(member.id, .gone))
    }

    /// Moves a shard's replica from one node to another. `shard`: its number, or `meta`.
    package func move(
        shard: String, from: String, to: String
    ) async throws(ClusterAdminError) {
        let state = state
        let group: GroupID
        if shard == "meta" {
            group = ClusterState.metaGroup
        } else {
            guard let number = Int(shard), (0..<state.shardCount).contains(number) else {
                throw ClusterAdminError.invalid(
                    field: "shard",
                    reason: "\"\(shard)\" is none: 0 to \(state.shardCount - 1) or meta")
            }
            group = ShardGroup.group(of: number)
        }
        let source = try member(from, "from")
        let target = try member(to, "to")
        let current = state.assignments[group] ?? []
        guard current.contains(source.id) else {
            throw ClusterAdminError.invalid(
                field: "from", reason: "\(source.name) has no replica of shard \(shard)")
        }
        guard !current.contains(target.id) else {
            throw ClusterAdminError.invalid(
                field: "to", reason: "\(target.name) has a replica of shard \(shard) already")
        }
        guard target.state == .active else {
            throw ClusterAdminError.invalid(field: "to", reason: "\(target.name) is draining")
        }
        try await settle(.assign(group, current.map { $0 == source.id ? target.id : $0 }))
    }

    /// Allows what a feature level brings; nil: what all members can.
    package func raiseFeatureLevel(_ level: Int?) async throws(ClusterAdminError) {
        let lowest = state.presentMembers.map(\.featureLevel).min() ?? 0
        guard let wanted = UInt32(exactly: level ?? Int(lowest)) else {
            throw ClusterAdminError.invalid(field: "level", reason: "it is out of range")
        }
        try await settle(.raiseFeatureLevel(wanted))
    }

    /// Changes a setting of the cluster. `value`: in nanoseconds or a number, nil: off.
    package func set(
        _ setting: ClusterSetting, _ value: Int64?
    ) async throws(ClusterAdminError) {
        guard setting.allows(value) else {
            throw ClusterAdminError.invalid(
                field: "value", reason: "\(setting.allowed) is allowed for \(setting.name)")
        }
        try await settle(.set(setting, value))
    }

    /// What would stop a restart of each zone, or of the one named; of nodes without a zone each
    /// by itself. In the order of names.
    package func upgradeCheck(
        zone: String?
    ) async -> [(place: String, obstacles: [String])] {
        let health = await currentHealth()
        if let zone { return [("zone \(zone)", health.upgradeCheck(zone: zone))] }
        let zones = Set(health.members.compactMap(\.member.zone)).sorted()
        return zones.map { ("zone \($0)", health.upgradeCheck(zone: $0)) }
            + health.members.filter { $0.member.zone == nil }.map {
                ($0.member.name, health.upgradeCheck(restarting: [$0.member.id]))
            }
    }

    private func member(_ text: String, _ field: String) throws(ClusterAdminError) -> Member {
        let present = state.presentMembers
        let found =
            present.first { $0.name == text } ?? present.first { "\($0.id.number)" == text }
        guard let found else {
            let names = present.map(\.name).joined(separator: ", ")
            throw ClusterAdminError.invalid(
                field: field,
                reason: text.isEmpty
                    ? "a member's name or id is needed"
                    : "\"\(text)\" is no member; there are \(names)")
        }
        return found
    }

    private func settle(_ command: ClusterCommand) async throws(ClusterAdminError) {
        let result = await outcome(of: command)
        switch result {
        case .failure(let error): throw ClusterAdminError.failed(error)
        case .success(.refused(let refusal)): throw ClusterAdminError.refused("\(refusal)")
        case .success: return
        }
    }
}
