internal import Model
internal import Platform
internal import Raft
internal import Storage

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
    /// named. Nil: what they have will do.
    func reader(
        _ replicas: [ShardReplica], stalenessNanos: Int64?
    ) async -> (LocalReader, Completeness) {
        guard let stalenessNanos else { return reader(replicas, [:]) }
        let troubles = await withTaskGroup(of: (Int, String?).self) { group in
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
            return troubles
        }
        return reader(replicas, troubles)
    }

    /// The same for a thread that may wait.
    func readerWaiting(
        _ replicas: [ShardReplica], stalenessNanos: Int64?
    ) -> (LocalReader, Completeness) {
        guard let stalenessNanos else { return reader(replicas, [:]) }
        let troubles = waitsUntilFresh(
            replicas, stalenessNanos: stalenessNanos, upToNanos: ReadLimits.freshNanosMax)
        return reader(replicas, troubles)
    }

    /// By shard, why the replica may lack something that was acknowledged `stalenessNanos` before
    /// the call.
    func waitsUntilFresh(
        _ replicas: [ShardReplica], stalenessNanos: Int64 = 0, upToNanos: Int64
    ) -> [Int: String] {
        typealias Found = (late: Set<Int>, troubles: [Int: String])
        let found = Monitor<Found>((Set(replicas.map(\.number)), [:]))
        for replica in replicas {
            barrier.whenFresh(replica.group, within: stalenessNanos) { trouble in
                found.update { found in
                    found.late.remove(replica.number)
                    found.troubles[replica.number] = trouble
                }
            }
        }
        let all = found.wait(upToNanos: upToNanos) { $0.late.isEmpty ? $0 : nil }
        let (late, troubles) = all ?? found.update { $0 }
        let sentence = "no leader confirmed in time that all is here"
        return troubles.merging(late.map { ($0, sentence) }) { known, _ in known }
    }

    /// `troubles`: by shard, why what is here may lack something.
    private func reader(
        _ replicas: [ShardReplica], _ troubles: [Int: String]
    ) -> (LocalReader, Completeness) {
        var troubles = troubles
        var found: [Shard] = []
        let out = outOfService()
        for replica in replicas {
            if let shard = shard(of: replica, without: out) {
                found.append(shard)
            } else {
                troubles[replica.number] = "its replica here was given up or replaced meanwhile"
            }
        }
        return (LocalReader(found), ReadableShards.name(troubles))
    }

    /// What of the replica may be read, now that the barrier has let it pass.
    func shard(of replica: ShardReplica) -> Shard? {
        shard(of: replica, without: outOfService())
    }

    /// Who the barrier let pass may have been another replica, made after this one was given up; or
    /// an image came in between.
    private func shard(of replica: ShardReplica, without out: Set<GroupID>) -> Shard? {
        let shard = replica.shard
        if Mutant.isOn(.readsWhatWasGivenUp) { return shard }
        return shards[replica.number] === replica && !out.contains(replica.group) ? shard : nil
    }

    private static func name(_ troubles: [Int: String]) -> Completeness {
        Completeness(
            missing: troubles.sorted { $0.key < $1.key }.map { "shard \($0.key): \($0.value)" })
    }
}
