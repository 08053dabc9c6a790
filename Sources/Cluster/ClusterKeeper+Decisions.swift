internal import Platform
internal import Raft
internal import Replication
internal import Synchronization

/// What the keeper does where this node leads the meta group: it founds the cluster, assigns groups
/// to members and takes newcomers in.
extension ClusterKeeper {
    private static let proposeNanosMax: Int64 = 10_000_000_000

    func decide(_ cluster: ClusterState) {
        guard cluster.isFounded else {
            let profile = world.profile
            return propose(
                .found(
                    clusterID: world.identity.clusterID, shardCount: world.shards.shardCount,
                    founder: world.identity.node,
                    profile.newcomer(token: world.random.next()), world.settings.founding))
        }
        let now = world.time.monotonicNanos()
        let live = live
        let slow = slow
        let writtenOff = state.withLock { state -> Set<NodeID> in
            for member in cluster.presentMembers {
                state.silentSince[member.id] =
                    live.contains(member.id) ? nil : state.silentSince[member.id] ?? now
            }
            return Set(
                state.silentSince.filter { now - $0.value > world.profile.graceNanos }.keys)
        }
        let inputs = Decided(
            basis: Basis(clusterIndex: cluster.appliedIndex, live: live, slow: slow),
            writtenOff: writtenOff, reportChanges: reports.changeCount)
        guard state.withLock({ $0.decided }) != inputs else { return }
        let known = reports.all
        let all = [ClusterState.metaGroup] + cluster.shardGroups
        let moving = all.filter { group in
            guard let report = known[group] else { return true }
            let configuration = GroupConfiguration(
                index: 0, voters: report.voters, learners: report.learners)
            return report.isJoint || !cluster.wanted(group).isReached(by: configuration)
        }
        let view = Placement.View(
            live: live, writtenOff: writtenOff, moving: Set(moving),
            sizes: known.mapValues(\.byteCount), slow: slow)
        let commands = Placement.commands(cluster, view)
        // A command that is lost is asked for again, so only having none is a decision.
        state.withLock { $0.decided = commands.isEmpty ? inputs : nil }
        for command in commands { propose(command) }
    }

    /// Takes a command to the meta group's leader.
    func join(_ body: [UInt8], _ answer: @escaping @Sendable ([UInt8]) -> Void) {
        if case .updateMember(let node, let address, _, _, _)? = ClusterKeeper.read(body) {
            return meet(node, address, answer)
        }
        guard world.leaders.isOwn(ClusterState.metaGroup) else { return passOn(body, answer) }
        guard case .join(let newcomer, _)? = ClusterKeeper.read(body) else {
            return answer(JoinAnswer.refusal("a question that is not understood"))
        }
        let cluster = world.meta.cluster
        guard cluster.isFounded, let founder = cluster.founder else {
            return answer(JoinAnswer.refusal("the cluster is still being founded: try again"))
        }
        let holder = cluster.presentMembers.first { $0.name == newcomer.name }
        let dead = holder.flatMap { live.contains($0.id) ? nil : $0.id }
        propose(.join(newcomer, replaces: dead)) { [self] result in
            switch result {
            case .success(let entry):
                switch entry.outcome {
                case .cluster(.joined(let node)):
                    wake()
                    answer(
                        JoinAnswer(
                            clusterID: cluster.clusterID, node: node, founder: founder,
                            shardCount: cluster.shardCount,
                            addresses: world.meta.cluster.presentMembers.reduce(into: [:]) {
                                $0[$1.id] = $1.address
                            }
                        ).encoded())
                case .cluster(.refused(let refusal)):
                    answer(JoinAnswer.refusal(refusal.description))
                default: answer(JoinAnswer.refusal("the cluster did not answer: try again"))
                }
            case .failure(let error): answer(JoinAnswer.refusal("\(error)"))
            }
        }
    }

    /// A member that can not reach all others says where it is, and is told the same.
    private func meet(
        _ node: NodeID, _ address: String, _ answer: @escaping @Sendable ([UInt8]) -> Void
    ) {
        world.whereabouts?.met(node, at: address)
        answer(
            JoinAnswer(
                clusterID: world.identity.clusterID, node: world.identity.node,
                founder: ClusterPlace.founder, shardCount: world.shards.shardCount,
                addresses: [world.identity.node: world.profile.address]
            ).encoded())
    }

    private func passOn(_ body: [UInt8], _ answer: @escaping @Sendable ([UInt8]) -> Void) {
        guard let leader = world.leaders.leader(of: ClusterState.metaGroup),
            leader != world.identity.node
        else {
            return answer(JoinAnswer.refusal("the cluster has no leader now: try again"))
        }
        world.calls.ask(leader, .join, [body], timeoutNanos: Self.proposeNanosMax) { result in
            switch result {
            case .success(let parts): answer(parts.first ?? [])
            case .failure(let error):
                answer(JoinAnswer.refusal("\(leader): \(error.sentence): try again"))
            }
        }
    }

    private static func read(_ body: [UInt8]) -> ClusterCommand? {
        do {
            return try ClusterCommand(decoding: body)
        } catch {
            return nil
        }
    }
}
