package import Model
package import Platform
internal import Raft
internal import Replication
internal import Storage
internal import Synchronization

/// One node: its data directory, its journal, its replicas of shards, and the threads between them.
/// It opens both doors.
///
/// A node of one is a cluster of one: every shard is a group with a single voter, and nothing
/// above the consensus core knows. A member of a cluster has peers besides.
package final class Node: Sendable {
    package var appender: any Appender { router }
    package let querier: any Querier
    /// The node's place in its cluster; nil for a node of one.
    package let cluster: ClusterMembership?

    private let router: Router
    let shards: ShardTable
    private let queue: ProposalQueue
    private let applier: ApplyLoop
    private let loop: NodeLoop
    private let maintenance: Maintenance
    private let clock: NodeClock
    private let hooks: ClusterHooks
    private let scrubber: Scrubber
    private let disk: any Disk
    private let telemetry: Telemetry
    private let ready = Atomic<Bool>(false)
    private let tickers = Mutex<[any Cancellable]>([])

    /// What a node needs of the world.
    package struct Surroundings: Sendable {
        package var disk: any Disk
        package var time: any TimeSource
        package var timers: any Timers
        package var random: any RandomSource
        package var telemetry: Telemetry
        /// What carries out the first aggregations of other nodes' queries; nil: they get
        /// everything as it is.
        package var reducers: (any ReducerSource)?
        /// One line for a person that is no error of the caller's.
        package var onNotice: @Sendable (String) -> Void
        /// Called once, with one line for a person, when the process must not go on: a failed
        /// sync, or an entry that cannot be applied.
        package var onFatal: @Sendable (String) -> Void

        package init(
            disk: any Disk, time: any TimeSource, timers: any Timers,
            random: any RandomSource, telemetry: Telemetry,
            reducers: (any ReducerSource)? = nil,
            onNotice: @escaping @Sendable (String) -> Void = { _ in },
            onFatal: @escaping @Sendable (String) -> Void
        ) {
            self.disk = disk
            self.time = time
            self.timers = timers
            self.random = random
            self.telemetry = telemetry
            self.reducers = reducers
            self.onNotice = onNotice
            self.onFatal = onFatal
        }
    }

    /// Opens the directory, replays the journal into the shards and starts the threads: after it
    /// returns, everything acknowledged before is there and both doors are open. Blocks for the
    /// replay. `place`: of a member of a cluster, which then needs `attach`. `hasThreads`: false
    /// for a node that the caller drives with `step`.
    package static func start(
        _ configuration: NodeConfiguration, as place: ClusterPlace? = nil,
        in world: Surroundings, hasThreads: Bool = true
    ) throws(NodeError) -> Node {
        do {
            let replicator = try NodeOpening.openReplicator(
                configuration, place?.identity.node ?? ClusterPlace.founder, world)
            let opening = try NodeOpening(configuration, place, replicator, world)
            return Node(opening, replicator, world, hasThreads: hasThreads)
        } catch let error as NodeError {
            throw error
        } catch let error as StorageError {
            throw NodeError.failed(error.description)
        } catch {
            throw NodeError.failed("\(error)")
        }
    }

    private init(
        _ opening: NodeOpening, _ replicator: sending Replicator, _ world: Surroundings,
        hasThreads: Bool
    ) {
        let parts = NodeParts(opening, replicator, world, hasThreads: hasThreads)
        shards = parts.shards
        queue = parts.queue
        applier = parts.applier
        loop = parts.loop
        maintenance = parts.maintenance
        router = parts.router
        querier = parts.querier
        cluster = parts.membership
        clock = parts.clock
        hooks = parts.hooks
        scrubber = parts.scrubber
        disk = world.disk
        telemetry = world.telemetry
        NodeFigures.register(
            shards: parts.shards, queue: parts.queue, loop: parts.loop,
            paces: parts.membership?.paces, telemetry: world.telemetry)
        ready.store(true, ordering: .releasing)
        guard hasThreads else { return }
        applier.start()
        loop.start(hasPeers: cluster != nil)
        maintenance.start()
        let clock = clock
        let maintain = world.timers.every(1_000_000_000, aligned: false, name: "maintain") { _ in
            clock.second()
        }
        tickers.withLock { $0 = [maintain] }
        clock.start()
        guard cluster != nil else { return }
        let tick = world.timers.every(
            NodeClock.tickNanos, aligned: false, name: "tick"
        ) { _ in clock.tick() }
        tickers.withLock { $0.append(tick) }
    }

    /// The parts hold each other through the hooks, and the figures hold the parts.
    deinit {
        hooks.set(nil)
        telemetry.removeComputed()
    }

    /// Whether both doors are open.
    package var isReady: Bool { ready.load(ordering: .acquiring) }

    /// Shards of the data directory.
    package var shardCount: Int { shards.shardCount }

    /// Whether the disk refuses writes for want of space.
    package var diskIsFull: Bool { loop.diskIsFull }

    /// Seals and compacts what this node leads; returns when it is done. Throws what kept it from
    /// that.
    package func flush() async throws(AppendError) { try await maintenance.flush() }

    /// What a search for lines would read of the shards that are here, and the words that indexes are
    /// asked for. Throws what the budget throws.
    package func plan(_ request: LineRequest) throws -> (words: String, shards: [LogShardPlan]) {
        let plans = try shards.hosted.map {
            try $0.shard.planLines(request, shard: $0.number)
        }
        return (Shard.requiredWords(request.filters), plans)
    }

    /// Makes a snapshot in the data directory: what is sealed, and, with `sealsFirst`, what the shards
    /// that this node leads have in memory. `name`: one word of digits, letters and dashes. Errors: what kept it from that; nothing is left then.
    package func snapshot(
        named name: String, sealsFirst: Bool
    ) async throws(AppendError) -> Snapshot {
        try await maintenance.snapshot(
            SnapshotWriter(disk: disk, name: name), sealsFirst: sealsFirst)
    }

    /// Has all shards forget what the deletion says: when it returns, no query finds it, and its
    /// space is freed in time. Throws what kept a shard from that: others may have forgotten, and
    /// asking again does no harm.
    package func delete(_ deletion: Deletion) async throws(AppendError) {
        let result = await withCheckedContinuation { continuation in
            delete(deletion) { continuation.resume(returning: $0) }
        }
        try result.get()
    }

    /// The same with a completion, which is called once, on any thread.
    func delete(
        _ deletion: Deletion,
        _ completion: @escaping @Sendable (Result<Void, AppendError>) -> Void
    ) {
        if let level = cluster?.state.featureLevel, level < ClusterFeatures.deletion {
            let detail =
                "the cluster works at feature level \(level), deleting needs "
                + "\(ClusterFeatures.deletion): see varve cluster feature-level"
            return completion(.failure(.unavailable(detail: detail)))
        }
        let waiting = shards.hosted.map(\.shard.deletionCount).max() ?? 0
        guard waiting < Node.deletionsMax else {
            let detail = "\(waiting) deletions wait for their space to be freed: ask again later"
            return completion(.failure(.unavailable(detail: detail)))
        }
        router.delete(deletion, completion)
    }

    /// Deletions of a shard whose space is not free yet: every query looks at them.
    private static let deletionsMax = 1_024

    /// Reads every sealed segment and has repaired what is damaged. Blocks.
    package func scrub() { scrubber.readAll() }

    /// Takes over retention, memory and the age of a seal; the rest is fixed while it runs, and
    /// what a cluster has decided stays as it is.
    package func reload(_ configuration: NodeConfiguration) {
        if let cluster {
            cluster.reload(configuration)
        } else {
            router.setTimes(configuration)
            maintenance.setBounds(configuration.bounds)
        }
    }

    /// Takes nothing more in, makes durable and applies what was taken, and ends the threads.
    /// Reads go on until the node is released. Blocks.
    package func stop() {
        cluster?.handOver()
        ready.store(false, ordering: .releasing)
        for ticker in tickers.withLock({ $0 }) { ticker.cancel() }
        clock.stop()
        cluster?.stop()
        queue.close()
        maintenance.stop()
        loop.join()
    }

    // MARK: - Without threads

    /// Does everything that is to be done now, on the caller's thread; false when the node must
    /// not go on.
    package func step() -> Bool {
        guard loop.step() else { return false }
        applier.applyWaiting()
        return true
    }

    /// Whether `step` would do something.
    package var hasWork: Bool { loop.hasWork || applier.hasWork }

    /// Takes a batch as the appender does; `completion` is called once, from a later `step`.
    package func submit(
        _ batch: WriteBatch,
        _ completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void
    ) {
        router.submit(batch, completion)
    }

    /// Looks at the groups between two steps.
    func look(_ body: (Replicator) -> Void) { loop.look(body) }

    /// A tick of the clock, for the same.
    package func tick() { clock.tick() }

    /// A second has gone by, for the same.
    package func second() {
        clock.second()
        clock.round()
        maintainIfWoken()
    }

    /// What the maintenance thread would do now, for the same.
    package func maintainIfWoken() { maintenance.roundIfWoken() }
}
