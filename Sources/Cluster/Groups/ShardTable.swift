internal import Platform

/// The shards of the cluster, and this node's replicas of them, which come and go.
final class ShardTable: Sendable {
    let shardCount: Int
    private let replicas: Monitor<[Int: ShardReplica]>

    init(shardCount: Int, _ replicas: [ShardReplica] = []) {
        self.shardCount = shardCount
        self.replicas = Monitor(
            Dictionary(uniqueKeysWithValues: replicas.map { ($0.number, $0) }))
    }

    /// This node's replica, if it has one.
    subscript(shard: Int) -> ShardReplica? { replicas.withLock { $0[shard] } }

    /// This node's replicas, by number.
    var hosted: [ShardReplica] {
        replicas.withLock { $0.values.sorted { $0.number < $1.number } }
    }

    func add(_ replica: ShardReplica) { replicas.update { $0[replica.number] = replica } }

    func remove(_ shard: Int) { replicas.update { $0[shard] = nil } }
}
