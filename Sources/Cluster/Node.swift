package import Model
package import Platform
internal import Raft
internal import Replication
internal import Storage
internal import Synchronization

/// One node: its data directory, its journal, its shards, and the threads between them. It opens
/// both doors.
///
/// A node of one is a cluster of one: every shard is a group with a single voter, and nothing
/// above the consensus core knows.
package final class Node: Sendable {
    package var appender: any Appender { router }
    package let querier: any Querier

    private let router: Router
    private let replicas: [ShardReplica]
    private let queue: ProposalQueue
    private let loop: NodeLoop
    private let maintenance: Maintenance
    private let ready = Atomic<Bool>(false)
    private let ticker: any Cancellable

    /// What a node needs of the world.
    package struct Surroundings: Sendable {
        package var disk: any Disk
        package var time: any TimeSource
        package var timers: any Timers
        package var random: any RandomSource
        package var telemetry: Telemetry
        /// Called once, with one line for a person, when the process must not go on: a failed
        /// sync, or an entry that cannot be applied.
        package var onFatal: @Sendable (String) -> Void

        package init(
            disk: any Disk, time: any TimeSource, timers: any Timers,
            random: any RandomSource, telemetry: Telemetry,
            onFatal: @escaping @Sendable (String) -> Void
        ) {
            self.disk = disk
            self.time = time
            self.timers = timers
            self.random = random
            self.telemetry = telemetry
            self.onFatal = onFatal
        }
    }

    /// Opens the directory, replays the journal into the shards and starts the threads: after it
    /// returns, everything acknowledged before is there and both doors are open. Blocks for the
    /// replay.
    package static func start(
        _ configuration: NodeConfiguration, in world: Surroundings
    ) throws(NodeError) -> Node {
        do {
            let directory = try DataDirectory.open(
                world.disk, shardCount: configuration.shardCount)
            let replicas = try (0..<directory.shardCount).map { number in
                try ShardReplica.open(number, configuration, world)
            }
            var options = Replicator.Options()
            options.journal.segmentBytes = configuration.journalFileBytes
            // The queue in front bounds what is in flight, all parts of a batch or none.
            options.inFlightBytesMax = .max / 2
            let replicator = try Replicator(
                disk: world.disk, directory: DiskPath("journal"), node: NodeID(1),
                options: options, random: world.random, time: world.time, telemetry: world.telemetry
            )
            // With short journal files an entry has to be shorter too.
            var configuration = configuration
            configuration.entryBytesMax = min(
                configuration.entryBytesMax, replicator.payloadBytesMax)
            let now = Timestamp(nanos: world.time.wallNanos())
            for replica in replicas {
                try replica.replay(from: replicator)
                replica.shard.beginSealClock(now: now)
            }
            return Node(configuration, replicas, replicator, world)
        } catch let error as NodeError {
            throw error
        } catch let error as StorageError {
            throw NodeError.failed(error.description)
        } catch {
            throw NodeError.failed("\(error)")
        }
    }

    private init(
        _ configuration: NodeConfiguration, _ replicas: [ShardReplica],
        _ replicator: sending Replicator, _ world: Surroundings
    ) {
        self.replicas = replicas
        let queue = ProposalQueue(bytesMax: configuration.inFlightBytesMax)
        let hub = FollowHub()
        self.queue = queue
        let wake = JobSignal()
        let applier = ApplyLoop(
            replicas: replicas, queue: queue, onJob: { wake.raise() }, onFatal: world.onFatal)
        loop = NodeLoop(
            replicator: replicator, queue: queue, applier: applier, telemetry: world.telemetry,
            onFatal: world.onFatal)
        maintenance = Maintenance(
            replicas: replicas, queue: queue, loop: loop, signal: wake,
            configuration: configuration, time: world.time, disk: world.disk,
            telemetry: world.telemetry)
        router = Router(
            replicas: replicas, queue: queue, hub: hub, time: world.time,
            configuration: configuration, telemetry: world.telemetry)
        querier = LocalQuerier(replicas: replicas, hub: hub)
        applier.start()
        loop.start()
        maintenance.start()
        ticker = world.timers.every(1_000_000_000, aligned: false, name: "maintain") { _ in
            wake.raise()
        }
        NodeFigures.register(
            replicas: replicas, queue: queue, loop: loop, telemetry: world.telemetry)
        ready.store(true, ordering: .releasing)
    }

    /// Whether both doors are open.
    package var isReady: Bool { ready.load(ordering: .acquiring) }

    /// Whether the disk refuses writes for want of space.
    package var diskIsFull: Bool { loop.diskIsFull }

    /// Seals and compacts what is there; returns when it is done. Throws what kept it from that.
    package func flush() async throws(AppendError) { try await maintenance.flush() }

    /// Takes over retention, memory and the age of a seal; the rest is fixed while it runs.
    package func reload(_ configuration: NodeConfiguration) {
        router.setRetention(nanos: configuration.retentionNanos)
        maintenance.setBounds(configuration.bounds)
    }

    /// Takes nothing more in, makes durable and applies what was taken, and ends the threads.
    /// Reads go on until the node is released. Blocks.
    package func stop() {
        ready.store(false, ordering: .releasing)
        ticker.cancel()
        queue.close()
        maintenance.stop()
        loop.join()
    }
}
