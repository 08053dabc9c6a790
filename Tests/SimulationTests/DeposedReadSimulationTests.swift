#if canImport(CEtcdRaft)
import Model
import Platform
import Raft
import Replication
import Simulator
import Storage
import Synchronization
import Testing

@testable import Cluster

/// A leader answers a question when the first of two others has said that it leads, and is held up before
/// the other one's word to it comes. Deposed meanwhile and cut off when it goes on, it must not take this
/// word for an answer to a question of its own.
@Suite(.serialized) struct DeposedReadSimulationTests {
    private static let second = ClusterSimulationTests.second

    private final class Held: Sendable {
        let index = Mutex<UInt64?>(nil)
    }

    /// `steps`: of 10 ms from the question of another one until the leader is held.
    @Test(arguments: [2, 5, 10, 15]) func wordsToAnotherQuestionMakeNoReadFresh(steps: Int) throws {
        let world = try ClusterSimulationTests.grown(seed: 91)
        defer { for machine in world.machines { world.crash(machine) } }
        try world.run(forNanos: 5 * Self.second)
        let group = ShardGroup.group(of: 0)
        let leader = try #require(
            world.machines.first { machine in
                machine.node?.cluster?.claims.contains { $0.group == group } == true
            })
        let others = world.machines.filter { $0 !== leader }
        func replica(_ machine: ClusterWorld.Machine) -> ShardReplica? {
            machine.node?.cluster?.replicas.first { $0.group == group }
        }
        /// Up to where the replica has applied the log when it is said to be fresh.
        func read(_ machine: ClusterWorld.Machine) throws -> Held {
            let found = Held()
            let cluster = try #require(machine.node?.cluster)
            let asked = try #require(cluster.replicas.first { $0.group == group })
            cluster.whenFresh(asked) { shard in
                found.index.withLock { $0 = shard?.appliedIndex }
            }
            return found
        }
        let ledger = ClusterLedger()
        let id = try #require(leader.identity.map { PeerID($0.number) })
        let late = try #require(others[1].identity.map { PeerID($0.number) })
        var faults = LinkFaults()
        faults.addedDelayNanos = Self.second / 2
        world.network.setFaults(faults, from: late, to: id)
        try world.run(forNanos: Self.second)
        _ = try read(others[0])
        for _ in 0..<steps { try world.step() }
        leader.heldUntil = world.nanos + 4 * Self.second
        let end = world.nanos + 3 * Self.second
        while world.nanos < end {
            for machine in others { machine.node.map { ledger.write(through: $0) } }
            try world.run(forNanos: Self.second / 10)
        }
        let promised = others.compactMap(replica).map(\.appliedIndex).max() ?? 0
        #expect(!ledger.acknowledged.isEmpty)
        #expect(replica(leader).map { $0.appliedIndex < promised } == true, "it has heard of it")
        for other in others {
            let to = try #require(other.identity.map { PeerID($0.number) })
            world.network.cut(between: id, and: to)
        }
        let found = try read(leader)
        try world.run(forNanos: 2 * Self.second)
        #expect(found.index.withLock { $0 } ?? promised >= promised)
        #expect(world.violations.isEmpty)
    }
}
#endif
