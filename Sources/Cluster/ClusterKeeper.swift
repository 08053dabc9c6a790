internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Storage
internal import Synchronization

/// Keeps the node's place in the cluster: who its peers are, which groups it has replicas of, what
/// the groups that it leads do next to be as assigned; and where it leads the meta group, who is
/// assigned to what. One round a second, and when something changed.
final class ClusterKeeper: Sendable {
    /// What it needs of the node.
    struct Surroundings: Sendable {
        let identity: ClusterDirectory
        let profile: ClusterProfile
        let firstPeers: FirstPeers
        /// Nil: who is missing is not looked for.
        let whereabouts: Whereabouts?
        let shards: ShardTable
        let meta: MetaReplica
        let leaders: LeaderTable
        let queue: ProposalQueue
        let proposer: GroupProposer
        let links: PeerLinks
        let calls: PeerCalls
        let time: any TimeSource
        let random: any RandomSource
        let settings: ClusterSettings
        /// Opens an empty replica of a shard here.
        let open: @Sendable (Int) throws -> ShardReplica
        /// Removes all there is of a shard.
        let wipe: @Sendable (Int) -> Void
        /// Does it when all that is committed by now is applied.
        let afterApplied: @Sendable (@escaping @Sendable () -> Void) -> Void
        /// Puts the leader's image in place of the replica here.
        let rebuild: @Sendable (GroupID, NodeID) -> Void
        let note: @Sendable (String) -> Void
    }

    private static let reportNanosMax: Int64 = 3_000_000_000
    private static let proposeNanosMax: Int64 = 10_000_000_000
    /// Entries of the meta group that may wait to be released.
    private static let metaEntriesMax: UInt64 = 64

    private struct State {
        var stewards: [GroupID: Steward] = [:]
        var waits: [GroupID: String] = [:]
        /// Groups led here that are as they should be and quiet, by how often they had woken when
        /// that was found, and on what the finding rests besides.
        var resting: [GroupID: UInt64] = [:]
        var restBasis: Basis?
        /// On what it was found that nothing is to be decided, and that replicas are as they should
        /// be: not looked at again before that changes.
        var decided: Decided?
        var replicasBasis: UInt64?
        var peers: [PeerID: Endpoint] = [:]
        /// Since when a member is not heard of; monotonic, ns.
        var silentSince: [NodeID: Int64] = [:]
        var releasedMeta: UInt64 = 0
        var opening: Set<Int> = []
        /// A group led here is on its way to where it should be.
        var isMoving = false
        var faults: [GroupID: String] = [:]
    }

    /// What the next steps of the groups follow from, besides their own state.
    private struct Basis: Equatable {
        var clusterIndex: UInt64
        var live: Set<NodeID>
    }

    /// What placement follows from.
    private struct Decided: Equatable {
        var basis: Basis
        var writtenOff: Set<NodeID>
        var reportChanges: UInt64
    }

    private let world: Surroundings
    private let state = Mutex(State())
    private let signal: JobSignal
    let reports: ReportBoard

    init(_ world: Surroundings, signal: JobSignal) {
        self.world = world
        self.signal = signal
        reports = ReportBoard(random: world.random)
    }

    /// Something changed: a round is due.
    func wake() { signal.raise() }

    /// Whether the next step of a group may be due before the next second.
    var isMoving: Bool { state.withLock { $0.isMoving } }

    /// Replicas here that take no further part, and why.
    var faults: [GroupID: String] { state.withLock { $0.faults } }

    func note(fault reason: String, of group: GroupID) {
        state.withLock { $0.faults[group] = reason }
        world.note("\(group) takes no further part here: \(reason)")
    }

    /// Members that are there, this one included.
    var live: Set<NodeID> { world.links.reachable.union([world.identity.node]) }

    func round() {
        let cluster = world.meta.cluster
        keepMeta()
        keepPeers(cluster)
        keepReplicas(cluster)
        askReports(cluster)
        guideGroups(cluster)
        compareReplicas()
        if world.leaders.isOwn(ClusterState.metaGroup) { decide(cluster) }
        keepProfile(cluster)
    }

    // MARK: - This node

    private func keepMeta() {
        do {
            let durable = try world.meta.persist()
            let isDue = state.withLock { state in
                guard durable >= state.releasedMeta + Self.metaEntriesMax else { return false }
                state.releasedMeta = durable
                return true
            }
            if isDue { world.queue.release(ClusterState.metaGroup, through: durable) }
        } catch {
            world.note("the cluster's state cannot be written: \(error)")
        }
    }

    private func keepPeers(_ cluster: ClusterState) {
        guard let transport = world.links.transport else { return }
        var peers: [PeerID: Endpoint] = [:]
        // A newcomer has no state yet, and gets it from those that it was told of.
        let addresses =
            cluster.isFounded
            ? cluster.presentMembers.map { ($0.id, $0.address) }
            : world.firstPeers.addresses.map { ($0.key, $0.value) }
        let reachable = world.links.reachable
        var missing: [String] = []
        for (node, recorded) in addresses {
            let address = world.whereabouts?.address(of: node, recorded: recorded) ?? recorded
            if let endpoint = Endpoint(address) { peers[PeerID(node.number)] = endpoint }
            if node != world.identity.node, !reachable.contains(node) { missing.append(address) }
        }
        if !missing.isEmpty { world.whereabouts?.seek(missing) }
        let isNew = state.withLock { state in
            defer { state.peers = peers }
            return state.peers != peers
        }
        if isNew { transport.setPeers(peers) }
    }

    /// Opens replicas of shards that are assigned here, and gives up those that are not.
    private func keepReplicas(_ cluster: ClusterState) {
        guard cluster.isFounded, let founder = cluster.founder,
            state.withLock({ $0.replicasBasis }) != cluster.appliedIndex
        else { return }
        let hosted = Set(world.shards.hosted.map(\.number))
        var isDone = true
        for shard in 0..<cluster.shardCount {
            let replicas = cluster.assignments[ShardGroup.group(of: shard)] ?? []
            let isWanted = replicas.contains(world.identity.node)
            guard isWanted != hosted.contains(shard) else { continue }
            isDone = false
            if isWanted { openReplica(shard, founder) } else { closeReplica(shard) }
        }
        if isDone { state.withLock { $0.replicasBasis = cluster.appliedIndex } }
    }

    private func openReplica(_ shard: Int, _ founder: NodeID) {
        guard state.withLock({ $0.opening.insert(shard).inserted }) else { return }
        do {
            let replica = try world.open(shard)
            world.queue.perform { [self] replicator in
                defer { state.withLock { _ = $0.opening.remove(shard) } }
                do throws(ReplicationError) {
                    try replicator.open(
                        replica.group, as: .newcomer(founder: founder),
                        applied: replica.shard.durableIndex)
                    world.shards.add(replica)
                } catch {
                    world.note("\(replica.group) cannot be opened: \(error)")
                }
            }
        } catch {
            state.withLock { _ = $0.opening.remove(shard) }
            world.note("shard \(shard) cannot be opened: \(error)")
        }
    }

    /// Only when the group's leader says that this node is not in it any more.
    private func closeReplica(_ shard: Int) {
        let group = ShardGroup.group(of: shard)
        let node = world.identity.node
        guard let report = reports.all[group], report.leader != nil, report.leader != node,
            !report.isJoint, !report.voters.contains(node), !report.learners.contains(node),
            let replica = world.shards[shard], replica.holdJobs()
        else { return }
        // Until all is gone no other replica of it is opened here.
        state.withLock { _ = $0.opening.insert(shard) }
        world.queue.perform { [self] replicator in
            do throws(ReplicationError) {
                guard try replicator.giveUp(group, voters: report.voters) else {
                    replica.endJobs()
                    return state.withLock { _ = $0.opening.remove(shard) }
                }
            } catch {
                return world.note("\(group) cannot be given up: \(error)")
            }
            world.leaders.forget(group)
            // Behind what the log had committed before: that still finds its replica.
            world.afterApplied { [self] in
                world.shards.remove(shard)
                world.wipe(shard)
                state.withLock { _ = $0.opening.remove(shard) }
            }
        }
    }

    private func keepProfile(_ cluster: ClusterState) {
        let profile = world.profile
        guard let member = cluster.members[world.identity.node], member.state != .gone,
            member.address != profile.address || member.httpAddress != profile.httpAddress
                || member.featureLevel != ClusterFeatures.level
                || member.zone != profile.zone ?? member.zone
        else { return }
        propose(
            .updateMember(
                world.identity.node, address: profile.address,
                httpAddress: profile.httpAddress, zone: profile.zone ?? member.zone,
                featureLevel: ClusterFeatures.level))
    }

    // MARK: - Groups

    private func askReports(_ cluster: ClusterState) {
        let reachable = world.links.reachable
        reports.keep(reachable)
        for node in reachable.sorted() {
            world.calls.ask(
                node, .report, reports.question(to: node), timeoutNanos: Self.reportNanosMax
            ) { [reports] result in
                if case .success(let parts) = result { reports.take(parts, from: node) }
            }
        }
    }

    private func guideGroups(_ cluster: ClusterState) {
        let basis = Basis(clusterIndex: cluster.appliedIndex, live: live)
        world.queue.perform { [self] replicator in
            let before = reports.own
            let rested = state.withLock { state in
                if state.restBasis != basis {
                    state.restBasis = basis
                    state.resting = [:]
                }
                return state.resting
            }
            var resting: [GroupID: UInt64] = [:]
            var told: [GroupID: GroupReport] = [:]
            for group in world.leaders.own {
                let wakeCount = replicator.wakeCountWhenQuiet(group)
                if let wakeCount, rested[group] == wakeCount, var report = before[group] {
                    resting[group] = wakeCount
                    fill(&report, group)
                    told[group] = report
                    continue
                }
                guard let (report, isAtRest) = guide(group, cluster, basis.live, replicator)
                else { continue }
                told[group] = report
                if isAtRest { resting[group] = wakeCount }
            }
            reports.setOwn(told)
            state.withLock { state in
                state.resting = resting
                state.isMoving = told.values.contains { $0.waitsFor != nil }
            }
        }
    }

    /// The group's next step, done; its report, and whether nothing is to be done. Nil when it is
    /// not led here after all.
    private func guide(
        _ group: GroupID, _ cluster: ClusterState, _ live: Set<NodeID>, _ replicator: Replicator
    ) -> (report: GroupReport, isAtRest: Bool)? {
        guard let status = replicator.status(of: group), status.isLeader else { return nil }
        let (action, isPausing) = state.withLock { state -> (Steward.Action?, Bool) in
            var steward =
                state.stewards[group] ?? Steward(group: group, node: world.identity.node)
            defer { state.stewards[group] = steward }
            return (
                steward.next(status, wanted: cluster.wanted(group), live: live),
                steward.isPausing
            )
        }
        let reason = perform(action, group, replicator)
        var report = GroupReport(status, appliedIndex: 0, waitsFor: reason)
        fill(&report, group)
        return (report, action == nil && !isPausing)
    }

    /// What a report says of the state machine here.
    private func fill(_ report: inout GroupReport, _ group: GroupID) {
        report.appliedIndex = applied(group)
        guard group != ClusterState.metaGroup,
            let replica = world.shards[ShardGroup.shard(of: group)]
        else { return }
        report.seal = replica.sealDigest
        report.byteCount = UInt64(replica.shard.storedBytes)
    }

    /// A replica that has done the same as its leader's and holds other files is not mended or
    /// averaged but rebuilt.
    private func compareReplicas() {
        let reports = reports.all
        for replica in world.shards.hosted where !world.leaders.isOwn(replica.group) {
            guard let report = reports[replica.group], let leader = report.leader,
                let theirs = report.seal, let own = replica.sealDigest,
                own.durableIndex == theirs.durableIndex,
                own.completedIndex == theirs.completedIndex, own.hash != theirs.hash
            else { continue }
            world.note(
                "shard \(replica.number) differs from \(leader)'s at entry \(own.durableIndex): "
                    + "it is rebuilt")
            world.rebuild(replica.group, leader)
        }
    }

    private func applied(_ group: GroupID) -> UInt64 {
        group == ClusterState.metaGroup
            ? world.meta.appliedIndex
            : world.shards[ShardGroup.shard(of: group)]?.appliedIndex ?? 0
    }

    /// Does the next step; the reason when there is one to wait for.
    private func perform(
        _ action: Steward.Action?, _ group: GroupID, _ replicator: Replicator
    ) -> String? {
        switch action {
        case nil: return nil
        case .wait(let reason): return reason
        case .transfer(let node):
            replicator.transfer(group, to: node)
            return "leadership goes to \(node)"
        case .change(let changes):
            _ = replicator.changeMembership(group, changes)
            return "a change of members is proposed"
        }
    }

    // MARK: - The cluster, where this node leads the meta group

    private func decide(_ cluster: ClusterState) {
        guard cluster.isFounded else {
            let profile = world.profile
            return propose(
                .found(
                    clusterID: world.identity.clusterID, shardCount: world.shards.shardCount,
                    founder: world.identity.node,
                    profile.newcomer(token: world.random.next()), world.settings))
        }
        let now = world.time.monotonicNanos()
        let live = live
        let writtenOff = state.withLock { state -> Set<NodeID> in
            for member in cluster.presentMembers {
                state.silentSince[member.id] =
                    live.contains(member.id) ? nil : state.silentSince[member.id] ?? now
            }
            return Set(
                state.silentSince.filter { now - $0.value > world.profile.graceNanos }.keys)
        }
        let inputs = Decided(
            basis: Basis(clusterIndex: cluster.appliedIndex, live: live),
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
            sizes: known.mapValues(\.byteCount))
        let commands = Placement.commands(cluster, view)
        // A command that is lost is asked for again, so only having none is a decision.
        state.withLock { $0.decided = commands.isEmpty ? inputs : nil }
        for command in commands { propose(command) }
    }

    /// Takes a command to the meta group's leader.
    func propose(
        _ command: ClusterCommand,
        _ completion: @escaping @Sendable (Result<AppliedEntry, AppendError>) -> Void = { _ in }
    ) {
        let request = GroupProposer.Request(
            group: ClusterState.metaGroup, payload: command.encoded(), completion: completion)
        do throws(AppendError) {
            try world.proposer.submit([request])
        } catch {
            completion(.failure(error))
        }
    }

    /// Makes a newcomer a member: `body` is a join command. Decided where the meta group is led,
    /// since only there it is known who of the members is dead. Answers as `JoinAnswer` is read.
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
