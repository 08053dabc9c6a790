internal import Model
internal import Platform
internal import Replication
internal import Storage

/// This node's copy of one shard: the state machine, and what the node does around it.
final class ShardReplica: Sendable {
    let number: Int
    let shard: Shard

    private init(number: Int, shard: Shard) {
        self.number = number
        self.shard = shard
    }

    static func open(
        _ number: Int, _ configuration: NodeConfiguration, _ world: Node.Surroundings
    ) throws(StorageError) -> ShardReplica {
        let shard = try Shard.open(
            disk: world.disk, directory: directory(of: number), number: number,
            configuration: configuration.shard, telemetry: world.telemetry)
        return ShardReplica(number: number, shard: shard)
    }

    /// `shards/0007`
    static func directory(of number: Int) -> DiskPath {
        let digits = String(number)
        let name = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return DiskPath("shards") / name
    }

    /// Applies what the journal holds beyond the shard's files; jobs that it orders are run at
    /// once, so that memory stays bounded however long the journal is. From one that fails on they
    /// stay queued for the maintenance, which counts and tries again: with a full disk a node comes
    /// up all the same, to be read.
    func replay(from replicator: Replicator) throws {
        let group = ShardGroup.group(of: number)
        var jobFailure: StorageError?
        try replicator.replay(group, after: shard.durableIndex) { entry in
            _ = try shard.apply(index: entry.index, payload: entry.payload)
            guard jobFailure == nil else { return }
            do throws(StorageError) { try shard.runJobs() } catch { jobFailure = error }
        }
        replicator.release(group, through: shard.durableIndex)
    }

    func apply(index: UInt64, payload: [UInt8]) throws(StorageError) -> ApplyOutcome {
        try shard.apply(index: index, payload: payload)
    }

    /// Whether an entry ordered work for the maintenance thread.
    var hasJob: Bool { shard.hasPendingJob }
}
