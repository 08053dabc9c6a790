internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Storage
internal import Synchronization

/// What the keeper does for this node: its copy of the cluster's state, its peers, its replicas, and
/// what the cluster knows of it.
extension ClusterKeeper {
    /// Entries of the meta group that may wait to be released.
    private static let metaEntriesMax: UInt64 = 64

    func keepMeta() {
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

    func keepPeers(_ cluster: ClusterState) {
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
    func keepReplicas(_ cluster: ClusterState) {
        guard cluster.isFounded, let founder = cluster.founder else { return }
        for shard in state.withLock({ $0.unwiped }).sorted() { wipe(shard) }
        let faulty = faults.keys.filter { $0 != ClusterState.metaGroup }.map(ShardGroup.shard)
        guard !faulty.isEmpty || state.withLock({ $0.replicasBasis }) != cluster.appliedIndex
        else { return }
        // Its members have put it out: then it is to be had anew.
        for shard in faulty { closeReplica(shard) }
        let hosted = Set(world.shards.hosted.map(\.number))
        var isDone = true
        for shard in 0..<cluster.shardCount {
            let replicas = cluster.assignments[ShardGroup.group(of: shard)] ?? []
            let isWanted = replicas.contains(world.identity.node)
            guard isWanted != hosted.contains(shard) else { continue }
            isDone = false
            if isWanted { openReplica(shard, founder) } else { closeReplica(shard) }
        }
        if isDone, faulty.isEmpty { state.withLock { $0.replicasBasis = cluster.appliedIndex } }
    }

    private func openReplica(_ shard: Int, _ founder: NodeID) {
        guard state.withLock({ $0.opening.insert(shard).inserted }) else { return }
        // It may have been opened since this round looked, and is then here before it is out of
        // `opening`.
        guard world.shards[shard] == nil else {
            return state.withLock { _ = $0.opening.remove(shard) }
        }
        do {
            let replica = try world.open(shard)
            world.queue.perform { [self] replicator in
                defer { state.withLock { _ = $0.opening.remove(shard) } }
                do throws(ReplicationError) {
                    try replicator.open(
                        replica.group, as: .newcomer(founder: founder),
                        applied: replica.shard.durableIndex)
                    world.shards.add(replica)
                    setFault(nil, of: replica.group)
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
            var isGivenUp = false
            do throws(ReplicationError) {
                isGivenUp = try replicator.giveUp(group, voters: report.voters)
            } catch {
                world.note("\(group) cannot be given up: \(error)")
            }
            guard isGivenUp else {
                // In the next round.
                replica.endJobs()
                return state.withLock { _ = $0.opening.remove(shard) }
            }
            world.leaders.forget(group)
            // Behind what the log had committed before: that still finds its replica.
            world.afterApplied { [self] in
                world.shards.remove(shard)
                wipe(shard)
            }
        }
    }

    /// Removes what a replica leaves that was given up. What could not be removed is tried again in
    /// the next rounds: no other replica is opened upon it.
    private func wipe(_ shard: Int) {
        do {
            try world.wipe(shard)
            state.withLock { state in
                state.opening.remove(shard)
                state.unwiped.remove(shard)
            }
        } catch {
            let isNew = state.withLock { $0.unwiped.insert(shard).inserted }
            if isNew { world.note("shard \(shard) cannot be removed: \(error)") }
        }
    }

    /// Compares the disk with those of the nodes that could lead instead of this one.
    func judgeDisk(_ cluster: ClusterState) {
        let node = world.identity.node
        var companions: Set<NodeID> = []
        for replicas in cluster.assignments.values where replicas.contains(node) {
            companions.formUnion(replicas)
        }
        companions.remove(node)
        let paces = world.links.paces
        let wasSlow = paces.isSlow
        paces.judge(
            beside: companions.filter { cluster.members[$0]?.isWitness == false })
        guard paces.isSlow != wasSlow else { return }
        world.note(
            paces.isSlow
                ? "the disk is slow beside those of other nodes: they lead what is led here"
                : "the disk is no longer slow beside those of other nodes")
    }

    func keepProfile(_ cluster: ClusterState) {
        let profile = world.profile
        guard let member = cluster.members[world.identity.node], member.state != .gone,
            member.address != profile.address || member.httpAddress != profile.httpAddress
                || member.featureLevel != profile.featureLevel
                || member.zone != profile.zone ?? member.zone
        else { return }
        propose(
            .updateMember(
                world.identity.node, address: profile.address,
                httpAddress: profile.httpAddress, zone: profile.zone ?? member.zone,
                featureLevel: profile.featureLevel))
    }
}
