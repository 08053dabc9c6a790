#if canImport(CEtcdRaft)
import Platform
import Raft
import Simulator
import Storage
import Testing

@testable import Cluster

/// A machine that lost its disk is filled while one of the two others has damaged files that nobody
/// knows of: what comes damaged comes again from the other one.
@Suite(.serialized) struct RottenSourceSimulationTests {
    private static let second = ClusterSimulationTests.second

    @Test(arguments: [0, 1])
    func aNewcomerIsFilledByWhoeverIsSound(rotten: Int) async throws {
        let (world, ledger) = try ClusterSimulationTests.sealed(seed: 61)
        defer { for machine in world.machines { world.crash(machine) } }
        let source = world.machines[rotten]
        for replica in source.node?.cluster?.replicas ?? [] {
            try #require(!replica.shard.manifest.segments.isEmpty)
            for segment in replica.shard.manifest.segments {
                source.disk.flipBit(
                    replica.directory / segment.data.name, byte: segment.data.byteCount / 2)
            }
        }
        world.reimage(world.machines[2])
        try ClusterNemesis.revive(world.machines[2], world)
        let end = world.nanos + 15 * Self.second
        repeat {
            try world.step()
            ClusterSimulationTests.rejoin(world)
        } while !ClusterSimulationTests.isWhole(world) && world.nanos < end
        #expect(ClusterSimulationTests.isWhole(world), "\(world.trace.suffix(20))")
        let filled = try #require(world.machines[2].node?.cluster)
        let problems = try await ledger.problems(filled.localQuerier, at: "m2")
        #expect(problems.isEmpty, "\(problems.prefix(5))")
        #expect(world.violations.isEmpty)
    }
}
#endif
