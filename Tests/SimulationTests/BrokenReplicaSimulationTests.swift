#if canImport(CEtcdRaft)
import Platform
import Raft
import Simulator
import Testing

@testable import Cluster
@testable import Replication

/// A replica that takes no further part is put out of its group, given up, and made anew from those
/// of the others, whether it led or not (raft.md §5, corruption: never averaged, never cut).
@Suite(.serialized) struct BrokenReplicaSimulationTests {
    private static let second = ClusterSimulationTests.second

    @Test(arguments: [true, false]) func aBrokenReplicaIsMadeAnew(leads: Bool) async throws {
        let world = try ClusterSimulationTests.grown(seed: 71)
        defer { for machine in world.machines { world.crash(machine) } }
        let ledger = ClusterLedger()
        func write(_ count: Int) throws {
            for _ in 0..<count {
                for machine in world.machines { machine.node.map { ledger.write(through: $0) } }
                try world.run(forNanos: 20_000_000)
            }
        }
        try write(40)
        for machine in world.machines { machine.node?.cluster?.sealSoon() }
        try world.run(forNanos: 3 * Self.second)
        let group = ShardGroup.group(of: 0)
        let broken = try #require(
            world.machines.first { machine in
                machine.node?.cluster?.claims.contains { $0.group == group } == leads
            })
        broken.node?.look { replicator in
            replicator.replicas[group].map {
                replicator.fail($0, ClusterNemesis.brokenOnPurpose)
            }
        }
        try world.run(forNanos: Self.second / 10)
        #expect(broken.node?.cluster?.keeper.faults[group] == ClusterNemesis.brokenOnPurpose)
        #expect(!ClusterSimulationTests.isWhole(world))
        // The other two go on meanwhile.
        try write(40)
        let end = world.nanos + 15 * Self.second
        repeat {
            try world.step()
        } while !ClusterSimulationTests.isWhole(world) && world.nanos < end
        // It is read again, too.
        #expect(broken.node?.cluster?.keeper.leaving == [])
        #expect(ClusterSimulationTests.isWhole(world), "\(world.trace.suffix(20))")
        #expect(broken.node?.cluster?.replicas.contains { $0.group == group } == true)
        for machine in world.machines {
            guard let cluster = machine.node?.cluster else { continue }
            let problems = try await ledger.problems(cluster.localQuerier, at: machine.name)
            #expect(problems.isEmpty, "\(problems.prefix(5))")
        }
        #expect(world.violations.isEmpty)
    }

    /// The replica is as good as before when its node was started anew: nobody puts it out for what was
    /// said of it before.
    @Test func whoIsStartedAnewIsNotPutOut() throws {
        let world = try ClusterSimulationTests.grown(seed: 72)
        defer { for machine in world.machines { world.crash(machine) } }
        let group = ShardGroup.group(of: 0)
        let leader = try #require(
            world.machines.first { machine in
                machine.node?.cluster?.claims.contains { $0.group == group } == true
            })
        let broken = try #require(world.machines.first { $0 !== leader })
        let id = try #require(broken.identity)
        broken.node?.look { replicator in
            replicator.replicas[group].map {
                replicator.fail($0, ClusterNemesis.brokenOnPurpose)
            }
        }
        let reports = try #require(leader.node?.cluster?.keeper.reports)
        let end = world.nanos + 3 * Self.second
        while reports.faults(with: try #require(leader.identity))[group] == nil,
            world.nanos < end
        {
            try world.step()
        }
        #expect(reports.faults(with: try #require(leader.identity)) == [group: [id]])
        world.crash(broken)
        try world.start(broken)
        var fewest = 3
        try world.run(forNanos: 10 * Self.second) {
            fewest = min(fewest, world.configurations[group]?.voters.count ?? 0)
        }
        #expect(fewest == 3)
        #expect(ClusterSimulationTests.isWhole(world), "\(world.trace.suffix(20))")
    }
}
#endif
