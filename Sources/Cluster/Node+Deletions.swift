package import Model
internal import Storage

extension Node {
    /// Deletions of `tenant` whose space is not free yet, each once, by their times, with the share of
    /// the shards of this node that still hold some of it: above 0, at most 1.
    package func deletions(of tenant: Tenant) -> [(deletion: Deletion, share: Double)] {
        let hosted = shards.hosted
        var order: [Deletion] = []
        var counts: [Deletion: Int] = [:]
        for replica in hosted {
            for deletion in Set(replica.shard.deletions) where deletion.tenant == tenant {
                if counts[deletion] == nil { order.append(deletion) }
                counts[deletion, default: 0] += 1
            }
        }
        order.sort { ($0.start, $0.end) < ($1.start, $1.end) }
        return order.map { ($0, Double(counts[$0] ?? 0) / Double(max(hosted.count, 1))) }
    }
}
