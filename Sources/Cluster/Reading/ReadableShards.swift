internal import Model
internal import Platform
internal import Raft

/// The replicas here as far as queries may use them.
struct ReadableShards: Sendable {
    let shards: ShardTable
    let barrier: ReadBarrier
    /// Groups whose replica here takes no part: it is damaged, or waits for an image.
    let outOfService: @Sendable () -> Set<GroupID>

    /// Replicas that take part, by number.
    var taking: [ShardReplica] {
        let out = outOfService()
        return shards.hosted.filter { !out.contains($0.group) }
    }

    /// Waits until the replicas have what was acknowledged `stalenessNanos` ago; what is not so is
    /// named.
    func freshen(_ replicas: [ShardReplica], stalenessNanos: Int64) async -> Completeness {
        await withTaskGroup(of: (Int, String?).self) { group in
            for replica in replicas {
                group.addTask {
                    let trouble = await withCheckedContinuation { continuation in
                        barrier.whenFresh(replica.group, within: stalenessNanos) {
                            continuation.resume(returning: $0)
                        }
                    }
                    return (replica.number, trouble)
                }
            }
            var troubles: [Int: String] = [:]
            for await (shard, trouble) in group { troubles[shard] = trouble }
            return ReadableShards.name(troubles)
        }
    }

    /// The same for a thread that may wait.
    func freshenWaiting(_ replicas: [ShardReplica], stalenessNanos: Int64) -> Completeness {
        let found = Monitor<(left: Int, troubles: [Int: String])>((replicas.count, [:]))
        for replica in replicas {
            barrier.whenFresh(replica.group, within: stalenessNanos) { trouble in
                found.update { found in
                    found.left -= 1
                    found.troubles[replica.number] = trouble
                }
            }
        }
        let troubles = found.wait(upToNanos: ReadLimits.freshNanosMax) {
            $0.left == 0 ? $0.troubles : nil
        }
        guard let troubles else {
            return Completeness(missing: ["no leader confirmed in time that all is here"])
        }
        return ReadableShards.name(troubles)
    }

    private static func name(_ troubles: [Int: String]) -> Completeness {
        Completeness(
            missing: troubles.sorted { $0.key < $1.key }.map { "shard \($0.key): \($0.value)" })
    }
}
