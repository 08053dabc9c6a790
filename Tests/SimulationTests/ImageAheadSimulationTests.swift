#if canImport(CEtcdRaft)
import Platform
import Raft
import Replication
import Simulator
import Storage
import Testing

@testable import Cluster

/// What takes the place of a damaged replica is not ahead of the log there: after a power cut nobody
/// would know where that goes on.
@Suite struct ImageAheadSimulationTests {
    private static let second = ClusterSimulationTests.second

    @Test func whatTheLogHasNotGotIsNotInstalled() throws {
        let (world, ledger) = try ClusterSimulationTests.sealed(seed: 1)
        defer { for machine in world.machines { world.crash(machine) } }
        let group = ShardGroup.group(of: 0)
        let leads = { (machine: ClusterWorld.Machine) in
            machine.node?.cluster?.leaders.isOwn(group) == true
        }
        let leader = try #require(world.machines.first(where: leads))
        let others = world.machines.filter { $0 !== leader }
        let (damaged, source) = (others[0], others[1])
        let ids = try [damaged, leader, source].map { try #require($0.identity) }
        // It hears of no entries any more, but can ask the third.
        world.network.cut(between: PeerID(ids[0].number), and: PeerID(ids[1].number))
        let cluster = try #require(damaged.node?.cluster)
        let before = try #require(cluster.replicas.first { $0.group == group }).appliedIndex
        for _ in 0..<3 {
            for _ in 0..<20 {
                leader.node.map { ledger.write(through: $0) }
                try world.run(forNanos: 20_000_000)
            }
            leader.node?.cluster?.sealSoon()
            try world.run(forNanos: Self.second)
            cluster.fetcher.rebuild(group, from: ids[2])
            try world.run(forNanos: Self.second)
            try check(damaged, group)
        }
        let sealed = try #require(source.node?.cluster?.replicas.first { $0.group == group })
        #expect(sealed.shard.durableIndex > before)
        world.network.healAll()
        try world.run(forNanos: 10 * Self.second)
        #expect(ClusterSimulationTests.isWhole(world), "\(world.trace.suffix(20))")
        #expect(world.violations.isEmpty)
    }

    /// What is sealed is in the log, or the log begins behind it.
    private func check(_ machine: ClusterWorld.Machine, _ group: GroupID) throws {
        let node = try #require(machine.node)
        let replica = try #require(node.cluster?.replicas.first { $0.group == group })
        node.look { replicator in
            let last = replicator.journal.lastIndex(of: group)
            #expect(replica.shard.durableIndex <= last, "\(machine.name)")
        }
    }
}
#endif
