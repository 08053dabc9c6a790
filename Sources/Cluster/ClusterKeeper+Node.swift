internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Storage
internal import Synchronization

/// What the keeper does for this node: its copy of the cluster's state, its replicas, and what
/// the cluster knows of it.
extension ClusterKeeper {
    /// For how long a replica that is to be given up is silent before its leader is asked again: longer
    /// than its last words need.
    private static let silenceNanos: Int64 = 1_000_000_000
    /// Who still leads after so long was not deposed before: no majority hears who was for longer than
    /// the longest election timeout, 20 s.
    private static let certainNanos: Int64 = 30_000_000_000

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

    /// Opens replicas of shards that are assigned here, and gives up those that are not.
    func keepReplicas(_ cluster: ClusterState) {
        guard cluster.isFounded, let founder = cluster.founder else { return }
        for shard in state.withLock({ $0.unwiped }).sorted() { wipe(shard) }
        let faulty = faults.keys.filter { $0 != ClusterState.metaGroup }.map(ShardGroup.shard)
        guard !faulty.isEmpty || state.withLock({ $0.replicasBasis }) != cluster.appliedIndex
        else { return }
        // Its members have put it out: then it is to be had anew. It says nothing any more.
        let now = world.time.monotonicNanos()
        for shard in faulty {
            let isLeft = state.withLock { state in
                guard state.faults[ShardGroup.group(of: shard)] != nil,
                    !state.opening.contains(shard)
                else { return false }
                state.silent[shard] = state.silent[shard] ?? now
                return true
            }
            if isLeft { giveUpReplica(shard, askedSince: .min) }
        }
        let hosted = Set(world.shards.hosted.map(\.number))
        var isDone = true
        for shard in 0..<cluster.shardCount {
            let replicas = cluster.assignments[ShardGroup.group(of: shard)] ?? []
            let isWanted = replicas.contains(world.identity.node)
            guard isWanted != hosted.contains(shard) else {
                if !faulty.contains(shard) {
                    if isWanted { goOn(shard) }
                } else if !isWanted {
                    // Given up, and not to be had anew.
                    setFault(nil, of: ShardGroup.group(of: shard))
                }
                continue
            }
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

    /// Only when the group's leader says that this node is not in it, and says so again when the replica
    /// has been silent for a while. It may have asked this node into the group anew meanwhile: then an
    /// answer of the replica that was to go would count for the one that comes, and has nothing.
    private func closeReplica(_ shard: Int) {
        let group = ShardGroup.group(of: shard)
        guard let report = reports.all[group], isOut(report) else { return goOn(shard) }
        if Mutant.isOn(.givesUpUnasked) { return giveUpReplica(shard, askedSince: .min) }
        guard let silentNanos = state.withLock({ $0.silent[shard] }) else {
            // Not before the loop has done it.
            state.withLock { $0.silent[shard] = .max - Self.silenceNanos }
            return world.queue.perform { [self] replicator in
                let now = world.time.monotonicNanos()
                let isWanted = state.withLock { state in
                    guard state.silent[shard] != nil else { return false }
                    state.silent[shard] = now
                    return true
                }
                if isWanted { replicator.setSilent(group, true) }
            }
        }
        giveUpReplica(shard, askedSince: silentNanos + Self.silenceNanos)
    }

    private func isOut(_ report: GroupReport) -> Bool {
        let node = world.identity.node
        return report.leader != nil && report.leader != node && !report.isJoint
            && !report.voters.contains(node) && !report.learners.contains(node)
    }

    /// It is not to be given up any more.
    private func goOn(_ shard: Int) {
        guard state.withLock({ $0.silent.removeValue(forKey: shard) }) != nil else { return }
        world.queue.perform { $0.setSilent(ShardGroup.group(of: shard), false) }
    }

    private func giveUpReplica(_ shard: Int, askedSince nanos: Int64) {
        let group = ShardGroup.group(of: shard)
        guard let report = reports.report(of: group, askedSince: nanos), isOut(report),
            let replica = world.shards[shard], replica.holdJobs()
        else { return }
        let silentNanos = state.withLock { $0.silent[shard] } ?? .max
        let isCertain = world.time.monotonicNanos() - Self.certainNanos > silentNanos
        // Until all is gone no other replica of it is opened here.
        state.withLock { _ = $0.opening.insert(shard) }
        world.queue.perform { [self] replicator in
            var isGivenUp = false
            do throws(ReplicationError) {
                isGivenUp = try replicator.giveUp(
                    group, voters: report.voters, term: isCertain ? nil : report.term)
            } catch {
                world.note("\(group) cannot be given up: \(error)")
            }
            guard isGivenUp else {
                // In the next round.
                replica.endJobs()
                return state.withLock { _ = $0.opening.remove(shard) }
            }
            world.leaders.forget(group)
            state.withLock { _ = $0.silent.removeValue(forKey: shard) }
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
