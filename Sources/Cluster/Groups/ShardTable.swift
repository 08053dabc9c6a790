internal import Synchronization

/// The shards of the cluster, and this node's replicas of them, which come and go.
final class ShardTable: Sendable {
    let shardCount: Int
    private struct State: Sendable {
        var replicas: [Int: ShardReplica] = [:]
        /// The same, by number; nil after a change.
        var inOrder: [ShardReplica]?
    }

    private let state: Mutex<State>

    init(shardCount: Int, _ replicas: [ShardReplica] = []) {
        self.shardCount = shardCount
        state = Mutex(
            State(replicas: Dictionary(uniqueKeysWithValues: replicas.map { ($0.number, $0) })))
    }

    /// This node's replica, if it has one.
    subscript(shard: Int) -> ShardReplica? { state.withLock { $0.replicas[shard] } }

    /// This node's replicas, by number.
    var hosted: [ShardReplica] {
        state.withLock { state in
            if let inOrder = state.inOrder { return inOrder }
            let inOrder = state.replicas.values.sorted { $0.number < $1.number }
            state.inOrder = inOrder
            return inOrder
        }
    }

    func add(_ replica: ShardReplica) { set(replica.number, replica) }

    func remove(_ shard: Int) { set(shard, nil) }

    private func set(_ shard: Int, _ replica: ShardReplica?) {
        state.withLock { state in
            state.replicas[shard] = replica
            state.inOrder = nil
        }
    }
}
