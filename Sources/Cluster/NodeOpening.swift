internal import Model
internal import Platform
package import Raft
internal import Replication
internal import Storage

/// A node's place in a cluster: who it is by its data directory, and what it says of itself.
package struct ClusterPlace: Sendable {
    package var identity: ClusterDirectory
    package var profile: ClusterProfile
    /// Where the others were when it joined.
    package var firstPeers: FirstPeers
    /// Nil: members that are missing are not looked for.
    package var search: ClusterSearch?

    package init(
        identity: ClusterDirectory, profile: ClusterProfile,
        firstPeers: FirstPeers = FirstPeers(), search: ClusterSearch? = nil
    ) {
        self.search = search
        self.identity = identity
        self.profile = profile
        self.firstPeers = firstPeers
    }

    /// Every cluster's first node.
    package static let founder = NodeID(1)

    /// Whether the cluster begins with this node's directory. A founder that was told of others, by
    /// a recovery, gets its state from them.
    var isFounder: Bool {
        identity.node == ClusterPlace.founder && firstPeers.addresses.isEmpty
    }
}

/// What a node finds in its directory: journal, meta group and replicas, replayed and consistent
/// with each other.
struct NodeOpening {
    var configuration: NodeConfiguration
    /// The same before a cluster decided on some of it.
    let given: NodeConfiguration
    let place: ClusterPlace?
    let shardCount: Int
    let meta: MetaReplica
    let replicas: [ShardReplica]
    /// Called by the meta replica after changes; set when there is somebody to tell.
    let metaChanged: ChangeRelay

    /// Opens the journal, in a directory that is one, or becomes one.
    static func openReplicator(
        _ configuration: NodeConfiguration, _ node: NodeID, _ world: Node.Surroundings
    ) throws -> Replicator {
        _ = try DataDirectory.open(world.disk, shardCount: configuration.shardCount)
        var options = Replicator.Options()
        options.journal.segmentBytes = configuration.journalFileBytes
        // The queue in front bounds what is in flight, all parts of a batch or none.
        options.inFlightBytesMax = .max / 2
        return try Replicator(
            disk: world.disk, directory: DiskPath("journal"),
            node: node, options: options,
            random: world.random, time: world.time, telemetry: world.telemetry)
    }

    init(
        _ configuration: NodeConfiguration, _ place: ClusterPlace?, _ replicator: Replicator,
        _ world: Node.Surroundings
    ) throws {
        let directory = try DataDirectory.open(world.disk, shardCount: configuration.shardCount)
        shardCount = directory.shardCount
        do {
            try SnapshotWriter.removeUnfinished(world.disk)
        } catch {
            // No reason not to start.
            world.onNotice("what is left of unfinished snapshots could not be removed: \(error)")
        }
        self.place = place
        given = configuration
        metaChanged = ChangeRelay()
        let relay = metaChanged
        meta = try MetaReplica(disk: world.disk) { relay.raise() }
        if meta.cluster.isFounded {
            self.configuration = meta.cluster.settings.decide(configuration)
        } else if place != nil {
            self.configuration = ClusterSettings(configuration).decide(configuration)
        } else {
            self.configuration = configuration
        }
        // With short journal files an entry has to be shorter too.
        self.configuration.entryBytesMax = min(
            configuration.entryBytesMax, replicator.payloadBytesMax)
        // Other replicas can repair what is damaged here: for ten minutes a compaction waits.
        if place != nil { self.configuration.shard.damageAttemptsMax = 600 }
        if let place {
            replicas = try NodeOpening.openMember(
                place, shardCount, self.configuration, replicator, meta, world)
        } else {
            replicas = try NodeOpening.openAlone(
                shardCount, self.configuration, replicator, world)
        }
        let now = Timestamp(nanos: world.time.wallNanos())
        for replica in replicas { replica.shard.beginSealClock(now: now) }
    }

    private static func openAlone(
        _ shardCount: Int, _ configuration: NodeConfiguration, _ replicator: Replicator,
        _ world: Node.Surroundings
    ) throws -> [ShardReplica] {
        guard replicator.journal.configuration(of: ClusterState.metaGroup) == nil else {
            throw NodeError.notADataDirectory(
                reason: "it belongs to a member of a cluster, and varve.member is missing")
        }
        return try (0..<shardCount).map { number in
            let replica = try ShardReplica.open(number, configuration, world)
            // Behind what is sealed: in a snapshot there is nothing else.
            try recover(replica.group, stands: replica.shard.durableIndex, replicator, world)
            try replicator.open(
                replica.group, as: .soleVoter, applied: replica.shard.durableIndex)
            try replica.replay(from: replicator)
            return replica
        }
    }

    private static func openMember(
        _ place: ClusterPlace, _ shardCount: Int, _ configuration: NodeConfiguration,
        _ replicator: Replicator, _ meta: MetaReplica, _ world: Node.Surroundings
    ) throws -> [ShardReplica] {
        let node = place.identity.node
        let isFounder = place.isFounder
        // Before any group is opened that works: what that one commits would be lost.
        let sealed =
            isFounder
            ? try sealForFounding(shardCount, configuration, replicator, world) : [:]
        let beginning: Replicator.Beginning =
            isFounder || Mutant.isOn(.newcomerFounds)
            ? .founder : .newcomer(founder: ClusterPlace.founder)
        try recover(ClusterState.metaGroup, stands: meta.durableIndex, replicator, world)
        try replicator.open(ClusterState.metaGroup, as: beginning, applied: meta.durableIndex)
        try replicator.replay(ClusterState.metaGroup, after: meta.durableIndex) { entry in
            _ = try meta.apply(index: entry.index, payload: entry.payload)
        }
        meta.note(progress: replicator.commitIndex(of: ClusterState.metaGroup))
        let cluster = meta.cluster
        if let reason = place.profile.misfit(cluster) { throw NodeError.failed(reason) }
        let isFirstStart = isFounder && !cluster.isFounded
        var replicas: [ShardReplica] = []
        for number in 0..<shardCount {
            let group = ShardGroup.group(of: number)
            let isHere =
                isFirstStart
                || replicator.journal.configuration(of: group) != nil
                    && !replicator.isNew(group)
                || cluster.wanted(group).voters.contains(node)
            if replicator.isNew(group) {
                try wipeGivenUp(number, replicator, world, isWanted: isHere)
            }
            guard isHere else { continue }
            let replica =
                try sealed[number] ?? ShardReplica.open(number, configuration, world)
            try recover(group, stands: replica.shard.durableIndex, replicator, world)
            // A founder has its groups already; what else it opens, others hold.
            try replicator.open(
                group, as: isFirstStart ? .founder : .newcomer(founder: ClusterPlace.founder),
                applied: replica.shard.durableIndex)
            try replica.replay(from: replicator)
            replicas.append(replica)
        }
        replicator.prefer(
            ([ClusterState.metaGroup] + cluster.shardGroups).filter {
                cluster.assignments[$0]?.first == node
            })
        return replicas
    }

    /// An image was installed and the node stopped before the journal knew.
    static func recover(
        _ group: GroupID, stands index: UInt64, _ replicator: Replicator,
        _ world: Node.Surroundings
    ) throws {
        guard index > replicator.journal.lastIndex(of: group),
            !Mutant.isOn(.installForgotten)
        else { return }
        guard let image = try ImageReference.read(world.disk, group), image.index == index else {
            throw NodeError.failed(
                "\(group): the journal ends before entry \(index), which is sealed: the journal "
                    + "is not the one that belongs to this directory")
        }
        try replicator.recover(group, image: image)
    }

    /// A replica was given up and the node stopped before its files were gone. One that is to come
    /// by an image may have installed it already: that stays where it is wanted. Until the journal
    /// knows of an image nobody counts on it.
    private static func wipeGivenUp(
        _ number: Int, _ replicator: Replicator, _ world: Node.Surroundings, isWanted: Bool
    ) throws {
        let group = ShardGroup.group(of: number)
        guard replicator.journal.configuration(of: group) != nil,
            world.disk.exists(ShardReplica.directory(of: number))
        else { return }
        let reference = try ImageReference.read(world.disk, group)
        let isGivenUp = replicator.isGivenUp(group) && !Mutant.isOn(.givenUpFilesStay)
        guard !isWanted || isGivenUp || reference == nil else { return }
        try ShardReplica.removeFiles(of: number, from: world.disk)
    }

    /// A log that was a sole voter's goes on as a group's behind what is sealed: where nothing is,
    /// that comes first.
    private static func sealForFounding(
        _ shardCount: Int, _ configuration: NodeConfiguration, _ replicator: Replicator,
        _ world: Node.Surroundings
    ) throws -> [Int: ShardReplica] {
        let journal = replicator.journal
        var sealed: [Int: ShardReplica] = [:]
        for number in 0..<shardCount {
            let group = ShardGroup.group(of: number)
            guard journal.configuration(of: group) == nil, journal.lastIndex(of: group) > 0,
                journal.state(of: group).releasedIndex == 0
            else { continue }
            let replica = try ShardReplica.open(number, configuration, world)
            sealed[number] = replica
            try replicator.open(group, as: .soleVoter, applied: replica.shard.durableIndex)
            try replica.replay(from: replicator)
            let seal = ShardCommand.seal(at: Timestamp(nanos: world.time.wallNanos()))
            try replicator.propose(group, payload: seal.encoded(), tag: 0, isUrgent: true)
            while replicator.hasWork {
                for entry in try replicator.commit().committed {
                    _ = try replica.apply(index: entry.index, payload: entry.payload)
                }
            }
            _ = try replica.runJobs()
            replicator.release(group, through: replica.shard.durableIndex)
            try replicator.rest()
            replicator.close(group)
        }
        return sealed
    }
}
