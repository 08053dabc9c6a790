internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Storage

/// The last way out when a majority is lost for good: the survivors go on with what they have, as a
/// cluster of another id, so that nobody with an older log is ever let in again.
///
/// Works on the directory of a stopped node. Every group that goes on with this node's log is
/// replayed to the end, sealed, and founded anew behind the seal: whoever joins gets an image and
/// never an entry of before. What others go on with is forgotten here and comes back from them.
/// May be stopped at any point and begun again; until it has ended the node does not start.
package struct ClusterRecovery {
    /// Entries of a log's end that are looked through for the newest sample or line.
    private static let lookedThroughMax = 64

    /// What is here.
    package let survivor: Survivor
    /// What was begun here and has not ended: it is carried out, whatever else is wanted.
    package let begun: RecoveryPlan?

    private let world: Node.Surroundings
    private let meta: MetaReplica
    private let replicator: Replicator
    private let configuration: NodeConfiguration

    /// Looks; changes nothing that a start would not. Errors: no member's directory, or one that can
    /// not be read.
    package init(in world: Node.Surroundings) throws(NodeError) {
        guard let identity = try ClusterDirectory.read(world.disk) else {
            throw NodeError.notADataDirectory(
                reason: "it is no member's of a cluster: there is nothing to recover")
        }
        self.world = world
        begun = try RecoveryPlan.read(world.disk)
        do {
            let directory = try DataDirectory.open(world.disk, shardCount: 1)
            meta = try MetaReplica(disk: world.disk) {}
            replicator = try NodeOpening.openReplicator(
                NodeConfiguration(), identity.node, world)
            try NodeOpening.recover(
                ClusterState.metaGroup, stands: meta.durableIndex, replicator, world)
            for shard in 0..<directory.shardCount {
                guard let manifest = try ClusterRecovery.manifest(shard, world.disk) else {
                    continue
                }
                try NodeOpening.recover(
                    ShardGroup.group(of: shard), stands: manifest.durableIndex, replicator,
                    world)
            }
            configuration = meta.cluster.settings.decide(NodeConfiguration())
            survivor = try ClusterRecovery.describe(
                identity, directory.shardCount, meta.cluster,
                knownAddress: begun?.addresses[identity.node]
                    // The power went when all was done but the plan's end.
                    ?? FirstPeers.read(world.disk).addresses[identity.node],
                replicator, world.disk)
        } catch {
            throw NodeError.wrapping(error)
        }
    }

    /// Carries the plan out. Durable when it returns; the node may be started then. Errors: the
    /// plan is none for this node, or the disk's; it may be called again then.
    package func perform(_ plan: RecoveryPlan) throws(NodeError) {
        let identity = survivor.identity
        guard let address = plan.addresses[identity.node],
            [plan.formerID, plan.clusterID].contains(identity.clusterID),
            plan.holders.count == survivor.shardCount + 1
        else { throw NodeError.failed("the plan is not for this node") }
        do {
            try world.disk.replaceDurably(RecoveryPlan.path, with: Array(plan.text.utf8))
            for group in plan.groups {
                if plan.holder(of: group) != identity.node {
                    try forget(group, holder: plan.holder(of: group))
                } else if group == ClusterState.metaGroup {
                    try goOnWithMeta(plan)
                } else {
                    try goOn(withShard: ShardGroup.shard(of: group))
                }
            }
            if plan.holder(of: ClusterState.metaGroup) == identity.node {
                try world.disk.removeTree(FirstPeers.path)
            } else {
                try FirstPeers(addresses: plan.addresses).write(world.disk)
            }
            world.onNotice("\(identity.name) at \(address) is of \(hexadecimal(plan.clusterID))")
            try ClusterDirectory(
                clusterID: plan.clusterID, node: identity.node, name: identity.name,
                zone: identity.zone
            ).write(world.disk)
            try world.disk.remove(RecoveryPlan.path)
            try world.disk.syncDirectory(.root)
        } catch {
            throw NodeError.wrapping(error)
        }
    }

    // MARK: - Going on

    /// The meta group's state says from now on who survived and who holds what.
    private func goOnWithMeta(_ plan: RecoveryPlan) throws {
        let group = ClusterState.metaGroup
        replicator.overrule(group)
        try replicator.replay(group, after: meta.durableIndex) { entry in
            _ = try meta.apply(index: entry.index, payload: entry.payload)
        }
        let command = ClusterCommand.recover(
            clusterID: plan.clusterID, survivors: plan.survivors, holders: plan.holders)
        try write(group, command.encoded()) { index, payload in
            let outcome = try meta.apply(index: index, payload: payload)
            if case .refused(let refusal) = outcome { throw NodeError.failed("\(refusal)") }
        }
        try found(group, behind: try meta.persist())
    }

    private func goOn(withShard shard: Int) throws {
        let group = ShardGroup.group(of: shard)
        let replica = try ShardReplica.open(shard, configuration, world)
        replicator.overrule(group)
        try replica.replay(from: replicator)
        let seal = ShardCommand.seal(at: Timestamp(nanos: world.time.wallNanos()))
        // A group that is founded behind nothing begins where newcomers do, who would follow its
        // log without an image.
        repeat {
            try write(group, seal.encoded()) { index, payload in
                _ = try replica.apply(index: index, payload: payload)
            }
            _ = try replica.runJobs()
        } while replica.shard.durableIndex <= Replicator.firstImageIndex
        try found(group, behind: replica.shard.durableIndex)
    }

    private func write(
        _ group: GroupID, _ payload: [UInt8], _ apply: (UInt64, [UInt8]) throws -> Void
    ) throws {
        try replicator.propose(group, payload: payload, tag: 0, isUrgent: true)
        while replicator.hasWork {
            for entry in try replicator.commit().committed {
                try apply(entry.index, entry.payload)
            }
        }
    }

    private func found(_ group: GroupID, behind index: UInt64) throws {
        replicator.release(group, through: index)
        try replicator.rest()
        replicator.close(group)
        try replicator.standAlone(group)
    }

    // MARK: - Leaving it to others

    /// First the files: a log without them is only a log that is forgotten, too; files without a log
    /// are a directory that is not whole.
    private func forget(_ group: GroupID, holder: NodeID) throws {
        let disk = world.disk
        let content =
            group == ClusterState.metaGroup
            ? MetaReplica.path : ShardReplica.directory(of: ShardGroup.shard(of: group))
        try disk.removeTree(ImageReference.path(of: group))
        try disk.removeTree(content)
        if disk.exists(content.parent) { try disk.syncDirectory(content.parent) }
        try replicator.forget(group, voters: [holder])
    }

    // MARK: - Looking

    private static func describe(
        _ identity: ClusterDirectory, _ shardCount: Int, _ state: ClusterState,
        knownAddress: String?, _ replicator: Replicator, _ disk: any Disk
    ) throws -> Survivor {
        let own = state.members[identity.node]
        guard let address = own?.address ?? knownAddress else {
            throw NodeError.failed(
                "the cluster's state has never come to this node: it joins a cluster that goes on, "
                    + "with an empty directory")
        }
        var names = Dictionary(
            uniqueKeysWithValues: state.presentMembers.map { ($0.id, $0.name) })
        names[identity.node] = identity.name
        var logs: [Survivor.Log] = []
        let groups =
            (state.isFounded ? [ClusterState.metaGroup] : [])
            + (0..<shardCount).map { ShardGroup.group(of: $0) }
        for group in groups {
            guard let log = try log(group, replicator, disk) else { continue }
            logs.append(log)
        }
        return Survivor(
            identity: identity, address: address,
            isWitness: own?.isWitness ?? false, shardCount: shardCount, members: names,
            logs: logs)
    }

    private static func log(
        _ group: GroupID, _ replicator: Replicator, _ disk: any Disk
    ) throws -> Survivor.Log? {
        let journal = replicator.journal
        guard let configuration = journal.configuration(of: group), !replicator.isNew(group)
        else { return nil }
        let last = journal.lastIndex(of: group)
        var log = Survivor.Log(
            group: group, lastTerm: journal.term(of: group, at: last) ?? 0, lastIndex: last,
            voters: configuration.voters)
        log.outgoingVoters = configuration.outgoingVoters
        var index = last
        let first = journal.state(of: group).releasedIndex
        while index > first {
            let found = try journal.read(group, index: index)
            if found.entry.kind == .membership, index > configuration.index {
                log.isChanging = true
            }
            if group != ClusterState.metaGroup,
                last - index < UInt64(ClusterRecovery.lookedThroughMax)
            {
                log.newest = later(log.newest, ClusterRecovery.newest(found.payload))
            }
            index -= 1
        }
        if group != ClusterState.metaGroup {
            let manifest = try manifest(ShardGroup.shard(of: group), disk)
            for segment in manifest?.segments ?? [] { log.newest = later(log.newest, segment.end) }
        }
        return log
    }

    private static func manifest(_ shard: Int, _ disk: any Disk) throws -> Manifest? {
        let path = ShardReplica.directory(of: shard)
        guard disk.exists(path) else { return nil }
        return try Manifest.load(disk: disk, directory: path)
    }

    /// Nil for an entry without data, such as a change of members. One that can not be read does not
    /// keep the survey from being made: its replay says so.
    private static func newest(_ payload: [UInt8]) -> Timestamp? {
        guard !payload.isEmpty, case .write(let batch)? = try? ShardCommand(decoding: payload)
        else { return nil }
        let stamps = [
            batch.samples.timestamps.max(), batch.increments.timestamps.max(),
            batch.lines.timestamps.max(),
        ]
        return stamps.compactMap { $0 }.max().map { Timestamp(nanos: $0) }
    }

    private static func later(_ one: Timestamp?, _ two: Timestamp?) -> Timestamp? {
        guard let one, let two else { return one ?? two }
        return max(one, two)
    }
}

extension NodeError {
    /// One line for a person, whatever kept the node from it.
    static func wrapping(_ error: any Error) -> NodeError {
        error as? NodeError ?? .failed("\(error)")
    }
}
