#if canImport(CEtcdRaft)
import Platform
import Raft
import Simulator
import Testing

@testable import Cluster

/// A node to which the cluster's state has not come finds those who joined after it was told of its
/// peers.
@Suite struct AcquaintanceSimulationTests {
    private static let second = ClusterSimulationTests.second

    /// Two survive and one of them starts late, when a newcomer leads the meta group.
    @Test func whoStartsLateFindsANewcomerThatLeads() throws {
        let world = try ClusterSimulationTests.grown(seed: 1)
        defer { for machine in world.machines { world.crash(machine) } }
        for machine in world.machines { world.crash(machine) }
        try LostMachines.recover(world, Array(world.machines.prefix(2)), cuts: false)
        let (early, late) = try split(world)
        try world.start(early)
        let newcomer = world.machines[2]
        while newcomer.identity == nil, world.nanos < 100 * Self.second {
            try world.run(forNanos: Self.second)
            world.join(newcomer, through: early)
        }
        let ids = try [newcomer, early].map { try #require($0.identity) }
        let end = world.nanos + 20 * Self.second
        while newcomer.node?.cluster?.leaders.isOwn(ClusterState.metaGroup) != true,
            world.nanos < end
        {
            early.node?.cluster?.keeper.propose(.assign(ClusterState.metaGroup, ids))
            try world.run(forNanos: Self.second)
        }
        try world.start(late)
        let started = world.nanos
        while !ClusterSimulationTests.isWhole(world), world.nanos < started + 20 * Self.second {
            try world.run(forNanos: Self.second / 2)
        }
        #expect(ClusterSimulationTests.isWhole(world), "\(world.trace.suffix(20))")
        #expect(world.violations.isEmpty)
        // Also after a start, when those of before may be away.
        let known = try FirstPeers.read(late.disk).addresses
        #expect(known[ids[0]] == "\(newcomer.name):1")
    }

    /// Who goes on with the meta group, and who has to hear of it.
    private func split(
        _ world: ClusterWorld
    ) throws -> (early: ClusterWorld.Machine, late: ClusterWorld.Machine) {
        let (first, second) = (world.machines[0], world.machines[1])
        let isFirst = try FirstPeers.read(first.disk).addresses.isEmpty
        return isFirst ? (first, second) : (second, first)
    }
}
#endif
