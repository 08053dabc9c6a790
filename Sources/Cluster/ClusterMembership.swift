package import Model
package import Platform
internal import Raft
internal import Replication
internal import Storage
internal import Synchronization

/// A node's place in its cluster, for those outside of the room: its transport, its status, and what
/// an operator asks for.
package final class ClusterMembership: Sendable {
    struct Surroundings: Sendable {
        let node: Node.Surroundings
        let configuration: NodeConfiguration
        let shards: ShardTable
        let meta: MetaReplica
        let leaders: LeaderTable
        let queue: ProposalQueue
        let applier: ApplyLoop
        let proposer: GroupProposer
        let links: PeerLinks
        let calls: PeerCalls
        let barrier: ReadBarrier
        let maintenance: Maintenance
        let signal: JobSignal
        /// False: everything is done on the caller's thread.
        let hasThreads: Bool
        let hub: FollowHub
        /// What the node was started with.
        let given: NodeConfiguration
        /// Has the node work by this from now on.
        let take: @Sendable (NodeConfiguration) -> Void
    }

    /// How long a stop waits for others to take over what this node leads.
    private static let handOverNanosMax: Int64 = 3_000_000_000

    package let place: ClusterPlace
    let keeper: ClusterKeeper
    let fetcher: ImageFetcher
    let imageLeases: ImageLeases
    /// The replicas here as queries may use them, and what else a query's plan is made of.
    let readable: ReadableShards
    let readView: @Sendable () -> ReadPlan.View
    let tails: RemoteTails
    private let desk: PeerDesk
    let world: Surroundings
    private let workers: ThreadPool?
    private let settings: SettingsDesk

    init(_ place: ClusterPlace, _ world: Surroundings) {
        self.place = place
        self.world = world
        settings = SettingsDesk(
            world.given, take: world.take, note: world.node.onNotice)
        // One thread: a transfer's steps stay in order.
        let workers =
            world.hasThreads
            ? ThreadPool(name: "peers", threadCount: 1, queueCountMax: 65_536) : nil
        self.workers = workers
        let run: @Sendable (@escaping @Sendable () -> Void) -> Void = { job in
            if workers?.submit(job) != true { job() }
        }
        let reports = ReportBoard(random: world.node.random)
        let fetcher = ClusterMembership.makeFetcher(place, world, reports, run)
        self.fetcher = fetcher
        keeper = ClusterMembership.makeKeeper(place, world, fetcher, reports, settings)
        let readable = ClusterMembership.readable(world, keeper, fetcher)
        let readView = ClusterMembership.readView(place, world, readable)
        self.readable = readable
        self.readView = readView
        tails = RemoteTails(
            hub: world.hub, calls: world.calls, time: world.node.time, view: readView,
            note: world.node.onNotice, telemetry: world.node.telemetry)
        imageLeases = ImageLeases(time: world.node.time, work: run)
        let images = ImageSource(
            shards: world.shards, meta: world.meta, leaders: world.leaders, queue: world.queue,
            disk: world.node.disk, leases: imageLeases,
            sealSoon: { world.maintenance.sealSoon($0) })
        desk = PeerDesk(
            PeerDesk.Services(
                node: place.identity.node, queue: world.queue, leaders: world.leaders,
                links: world.links, calls: world.calls, images: images, keeper: keeper,
                remote: RemoteReading(
                    readable, hub: world.hub, time: world.node.time,
                    telemetry: world.node.telemetry, reducers: world.node.reducers), work: run,
                flush: { question in
                    Task {
                        do throws(AppendError) {
                            try await world.maintenance.flush()
                            question.answer([])
                        } catch {
                            question.refuse(code: 0, "\(error)")
                        }
                    }
                }, telemetry: world.node.telemetry))
    }

    private static func makeKeeper(
        _ place: ClusterPlace, _ world: Surroundings, _ fetcher: ImageFetcher,
        _ reports: ReportBoard, _ settings: SettingsDesk
    ) -> ClusterKeeper {
        let surroundings = world.node
        return ClusterKeeper(
            ClusterKeeper.Surroundings(
                identity: place.identity, profile: place.profile,
                firstPeers: place.firstPeers,
                whereabouts: place.search.map { search in
                    Whereabouts(
                        search,
                        Whereabouts.Surroundings(
                            identity: place.identity, profile: place.profile,
                            time: surroundings.time, onChange: { world.signal.raise() },
                            note: surroundings.onNotice))
                },
                shards: world.shards, meta: world.meta,
                leaders: world.leaders, queue: world.queue,
                proposer: world.proposer, links: world.links, calls: world.calls,
                time: surroundings.time, random: surroundings.random,
                settings: settings,
                open: { shard in
                    let replica = try ShardReplica.open(
                        shard, world.configuration, surroundings)
                    replica.shard.beginSealClock(
                        now: Timestamp(nanos: surroundings.time.wallNanos()))
                    return replica
                },
                writeFirstPeers: { (peers) throws(NodeError) in try peers.write(surroundings.disk)
                },
                wipe: { try ShardReplica.removeFiles(of: $0, from: surroundings.disk) },
                afterApplied: { body in world.applier.add([.task(body)]) },
                rebuild: { fetcher.rebuild($0, from: $1) }, note: surroundings.onNotice,
                fatal: surroundings.onFatal),
            signal: world.signal, reports: reports)
    }

    private static func makeFetcher(
        _ place: ClusterPlace, _ world: Surroundings, _ reports: ReportBoard,
        _ run: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
    ) -> ImageFetcher {
        ImageFetcher(
            ImageFetcher.Surroundings(
                shards: world.shards, meta: world.meta, leaders: world.leaders,
                queue: world.queue, applier: world.applier, calls: world.calls,
                disk: world.node.disk, time: world.node.time,
                budget: ImageBudget(
                    bytesPerSecond: world.configuration.imageBytesPerSecond,
                    nowNanos: world.node.time.monotonicNanos()),
                damagePatienceNanos: world.configuration.damagePatienceNanos,
                sources: { group in
                    let cluster = world.meta.cluster
                    let reachable = world.links.reachable
                    // Who votes has what it had before it is to leave; who is to vote may have come.
                    let voters =
                        Mutant.isOn(.asksWhoIsWanted) ? [] : reports.all[group]?.voters ?? []
                    let wanted = cluster.wanted(group).voters
                    let holders = (voters + wanted.filter { !voters.contains($0) })
                        .filter(reachable.contains)
                    let near = holders.filter {
                        cluster.members[$0]?.zone == place.identity.zone
                    }
                    return near + holders.filter { !near.contains($0) }
                },
                sealSoon: { group in
                    guard world.leaders.isOwn(group) else { return }
                    world.maintenance.sealSoon(ShardGroup.shard(of: group))
                }, work: run, replaced: { [hub = world.hub] in hub.replaced(shard: $0) },
                note: world.node.onNotice), telemetry: world.node.telemetry)
    }

    private static func readable(
        _ world: Surroundings, _ keeper: ClusterKeeper, _ fetcher: ImageFetcher
    ) -> ReadableShards {
        ReadableShards(shards: world.shards, barrier: world.barrier) {
            Set(keeper.faults.keys).union(keeper.leaving)
                .union(fetcher.progress.map(\.group))
        }
    }

    private static func readView(
        _ place: ClusterPlace, _ world: Surroundings, _ readable: ReadableShards
    ) -> @Sendable () -> ReadPlan.View {
        {
            ReadPlan.View(
                node: place.identity.node, shardCount: world.shards.shardCount,
                cluster: world.meta.cluster, taking: Set(readable.taking.map(\.number)),
                hosted: Set(world.shards.hosted.map(\.number)),
                reachable: world.links.reachable,
                leader: { world.leaders.leader(of: $0) })
        }
    }

    /// Who leads what, as this node last heard.
    var leaders: LeaderTable { world.leaders }

    /// How quick this node and its peers are.
    var paces: PaceBoard { world.links.paces }

    /// Who gets what peers send.
    package var receiver: any PeerReceiver { desk }

    /// Says of the node what the transport's handshake needs.
    package var hello: PeerHello {
        PeerHello(
            clusterID: place.identity.clusterID, node: PeerID(place.identity.node.number),
            name: place.identity.name, featureLevel: place.profile.featureLevel)
    }

    /// From now on the node has peers.
    package func attach(_ transport: any PeerTransport) {
        world.links.attach(transport)
        keeper.wake()
    }

    /// Takes over what is the node's own of these.
    func reload(_ configuration: NodeConfiguration) { settings.reload(configuration) }

    /// What the cluster agrees on.
    package var state: ClusterState { world.meta.cluster }

    /// What happens here besides: images on their way in, replicas out of service, and that
    /// elections wait longer than usual.
    package var activity: [String] {
        patience + fetcher.progress.map { "\(GroupNames([$0.group])): \($0.text)" }
            + keeper.faults.sorted { $0.key < $1.key }.map {
                "\(GroupNames([$0.key])): out of service here: \($0.value)"
            }
    }

    private var patience: [String] {
        guard let slowest = paces.slowest else { return [] }
        let node = slowest.node ?? place.identity.node
        return [
            "elections wait \(slowest.patience) s instead of 1 s: syncs or answers take \(node) long"
        ]
    }

    /// Takes a command to the meta group; what became of it when it is decided.
    package func outcome(
        of command: ClusterCommand
    ) async -> Result<ClusterOutcome, AppendError> {
        let result = await withCheckedContinuation { continuation in
            keeper.propose(command) { continuation.resume(returning: $0) }
        }
        return result.map { entry in
            keeper.wake()
            guard case .cluster(let outcome) = entry.outcome else { return .done }
            return outcome
        }
    }

    /// Hands what this node leads to others and waits a while for them to take it. Blocks.
    func handOver() {
        let others = world.links.reachable
        guard !others.isEmpty, !world.leaders.own.isEmpty else { return }
        let done = Monitor(false)
        let slow = keeper.slow
        world.queue.perform { [leaders = world.leaders] replicator in
            for group in leaders.own {
                let able = replicator.status(of: group)?.members.filter {
                    others.contains($0.node) && !$0.isLearner && $0.isActive && !$0.needsImage
                }
                let successor = able?.first { !slow.contains($0.node) } ?? able?.first
                if let successor { replicator.transfer(group, to: successor.node) }
            }
            done.update { $0 = true }
        }
        _ = done.wait(upToNanos: Self.handOverNanosMax) { $0 ? true : nil }
        let end = world.node.time.monotonicNanos() + Self.handOverNanosMax
        while !world.leaders.own.isEmpty, world.node.time.monotonicNanos() < end {
            world.queue.pause(nanos: 20_000_000)
        }
    }

    func stop() {
        tails.stop()
        world.links.transport?.stop()
        workers?.stop()
    }
}

/// For whoever watches a node from inside of the process.
extension ClusterMembership {
    /// The groups that this node leads, and in which terms.
    var claims: [LeaderTerm] { world.links.currentClaims }

    /// This node's replicas.
    var replicas: [ShardReplica] { world.shards.hosted }

    /// This node's replicas, to be read without asking whether they are fresh.
    var localQuerier: LocalQuerier { LocalQuerier(shards: world.shards, hub: FollowHub()) }

    /// Has the shards that this node leads sealed soon.
    func sealSoon() {
        for replica in replicas where world.leaders.isOwn(replica.group) {
            world.maintenance.sealSoon(replica.number)
        }
    }

    /// Calls `completion` with what of the replica may be read when that is fresh, or with nil.
    func whenFresh(
        _ replica: ShardReplica, _ completion: @escaping @Sendable (Shard?) -> Void
    ) {
        world.barrier.whenFresh(replica.group) { [readable] trouble in
            completion(trouble == nil ? readable.shard(of: replica) : nil)
        }
    }
}
