import Model
import Platform
import Raft
import Simulator
import Testing

@testable import Cluster

/// Which replicas are read when the barrier has let them pass.
struct ReadableShardsTests {
    /// The group's freshness is that of whatever replica is here when it is known: one that was given
    /// up meanwhile has less, and says so.
    @Test func aReplicaThatWasReplacedMeanwhileIsNotRead() async throws {
        let world = Node.Surroundings(
            disk: SimulatedDisk(seed: 1), time: ManualTime(), timers: ManualTime(),
            random: SeededRandom(seed: 1), telemetry: Telemetry(), onFatal: { _ in })
        let shards = ShardTable(
            shardCount: 2,
            try [0, 1].map { try ShardReplica.open($0, NodeConfiguration(), world) })
        let replacement = try ShardReplica.open(1, NodeConfiguration(), world)
        let answer = Held<@Sendable (GroupID, UInt64) -> Void>()
        let barrier = ReadBarrier(
            time: world.time, firstContext: 1, ask: { answer.value?($0, $1) }, applied: { _ in 0 })
        let readable = ReadableShards(shards: shards, barrier: barrier) { [] }
        let replicas = shards.hosted
        answer.value = { [weak barrier] group, context in
            barrier?.answered(group, context: context, index: 0)
        }
        #expect(await readable.reader(replicas, stalenessNanos: 0).1.isComplete)
        #expect(readable.readerWaiting(replicas, stalenessNanos: 0).1.isComplete)
        answer.value = { [weak barrier] group, context in
            if group == ShardGroup.group(of: 1) { shards.add(replacement) }
            barrier?.answered(group, context: context, index: 0)
        }
        let said = "shard 1: its replica here was given up or replaced meanwhile"
        #expect(await readable.reader(replicas, stalenessNanos: 0).1.missing == [said])
        #expect(readable.readerWaiting(replicas, stalenessNanos: 0).1.missing == [said])
        #expect(readable.readerWaiting(shards.hosted, stalenessNanos: 0).1.isComplete)
    }
}
