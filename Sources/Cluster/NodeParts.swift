internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Storage

/// A node's parts, tied to each other.
struct NodeParts {
    let shards: ShardTable
    let queue: ProposalQueue
    let applier: ApplyLoop
    let loop: NodeLoop
    let maintenance: Maintenance
    let router: Router
    let querier: any Querier
    let membership: ClusterMembership?
    let clock: NodeClock
    let hooks: ClusterHooks
    let scrubber: Scrubber

    init(
        _ opening: NodeOpening, _ replicator: sending Replicator, _ world: Node.Surroundings,
        hasThreads: Bool
    ) {
        let configuration = opening.configuration
        let place = opening.place
        let meta = opening.meta
        let relay = opening.metaChanged
        let shards = ShardTable(shardCount: opening.shardCount, opening.replicas)
        let queue = ProposalQueue(bytesMax: configuration.inFlightBytesMax)
        let leaders = LeaderTable(node: place?.identity.node ?? ClusterPlace.founder)
        if place == nil {
            for shard in 0..<shards.shardCount { leaders.noteSole(ShardGroup.group(of: shard)) }
        }
        let paces = PaceBoard(syncTimes: replicator.journal.syncTimes, time: world.time)
        let links = PeerLinks(time: world.time, paces: paces)
        let calls = PeerCalls(
            time: world.time, random: world.random,
            onRoundTrip: { paces.noteRoundTrip($0, nanos: $1) }
        ) { links.send($0, to: $1) }
        let barrier = ReadBarrier(
            time: world.time,
            firstContext: world.random.next(),
            ask: { group, context in
                queue.perform { $0.readIndex(group, context: context) }
            },
            applied: { group in
                group == ClusterState.metaGroup
                    ? meta.appliedIndex : shards[ShardGroup.shard(of: group)]?.appliedIndex ?? 0
            })
        let wake = JobSignal()
        let keeperSignal = JobSignal()
        let hub = FollowHub(time: world.time)
        let applier = ApplyLoop(
            shards: shards, meta: meta, queue: queue, barrier: barrier,
            hub: place == nil ? nil : hub,
            onJob: { wake.raise() }, onFatal: world.onFatal)
        let hooks = ClusterHooks()
        self.hooks = hooks
        loop = NodeLoop(
            replicator: replicator, queue: queue, applier: applier, leaders: leaders,
            barrier: barrier, links: links, telemetry: world.telemetry,
            hooks: NodeLoop.Hooks(
                imageWanted: { hooks.imageWanted($0) }, fault: { hooks.fault($0, $1) },
                fatal: world.onFatal))
        let maintenance = Maintenance(
            shards: shards, leaders: leaders, queue: queue, loop: loop,
            seals: SealRequests(
                leaders: leaders, calls: place == nil ? nil : calls, time: world.time),
            signal: wake,
            configuration: configuration, time: world.time, disk: world.disk,
            telemetry: world.telemetry)
        let proposer = GroupProposer(
            queue: queue, leaders: leaders, calls: place == nil ? nil : calls, time: world.time)
        router = Router(
            shards: shards, proposer: proposer,
            lanes: place == nil ? nil : StampLanes(random: world.random),
            hub: place == nil ? hub : nil,
            time: world.time, configuration: configuration, telemetry: world.telemetry)
        if let place {
            let membership = ClusterMembership(
                place,
                ClusterMembership.Surroundings(
                    node: world, configuration: configuration, shards: shards, meta: meta,
                    leaders: leaders, queue: queue, applier: applier, proposer: proposer,
                    links: links, calls: calls, barrier: barrier, maintenance: maintenance,
                    signal: keeperSignal, hasThreads: hasThreads, hub: hub,
                    given: opening.given,
                    take: { [router] configuration in
                        router.setTimes(configuration)
                        maintenance.setBounds(configuration.bounds)
                    }))
            hooks.set(membership)
            relay.listen { keeperSignal.raise() }
            querier = ClusterQuerier(
                readable: membership.readable, view: membership.readView, calls: calls, hub: hub)
            self.membership = membership
        } else {
            querier = LocalQuerier(shards: shards, hub: hub)
            membership = nil
        }
        var rebuild: (@Sendable (GroupID, Int) -> Void)?
        if let fetcher = membership?.fetcher {
            rebuild = { fetcher.rebuild($0, attempt: $1) }
        }
        scrubber = Scrubber(
            shards: shards, repair: membership?.fetcher.repair, rebuild: rebuild,
            sealSoon: { maintenance.sealSoon($0) }, world: world)
        clock = NodeClock(
            queue: queue, barrier: barrier, links: links, calls: calls, proposer: proposer,
            membership: membership, maintain: wake, keep: keeperSignal,
            scrubber: scrubber)
        self.shards = shards
        self.queue = queue
        self.applier = applier
        self.maintenance = maintenance
    }
}

/// What the loop tells the node's place in the cluster, which is made after it.
final class ClusterHooks: Sendable {
    private let membership = Monitor<ClusterMembership?>(nil)

    func set(_ membership: ClusterMembership?) { self.membership.update { $0 = membership } }

    func imageWanted(_ wanted: ReplicationOutput.ImageWanted) {
        membership.withLock { $0 }?.fetcher.want(wanted)
    }

    func fault(_ group: GroupID, _ reason: String) {
        membership.withLock { $0 }?.keeper.note(fault: reason, of: group)
    }
}
