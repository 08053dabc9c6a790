#if canImport(CEtcdRaft)
import Platform
import Raft
import Simulator
import Testing

@testable import Cluster

/// What a node says of its cluster is not what it heard before it was cut off.
@Suite struct HealthSimulationTests {
    private static let second = ClusterSimulationTests.second

    @Test func whoIsNotHeardIsNotHealthy() throws {
        let world = try ClusterSimulationTests.grown(seed: 1)
        defer { for machine in world.machines { world.crash(machine) } }
        let ids = try world.machines.map { PeerID(try #require($0.identity).number) }
        func look(_ place: Int) throws -> ClusterHealth {
            try #require(ClusterSimulationTests.health(of: world.machines[place]))
        }
        for place in [0, 1] { #expect(try look(place).isHealthy) }
        // One link: its ends hear of everything else, and of each other that they were well.
        world.network.cut(between: ids[0], and: ids[1])
        try world.run(forNanos: 3 * Self.second)
        for (place, silent) in [(0, 1), (1, 0)] {
            let health = try look(place)
            let name = world.machines[silent].name
            #expect(health.members.allSatisfy { $0.isLive })
            #expect(health.members.filter { !$0.hasAnswered }.map(\.member.name) == [name])
            #expect(!health.isHealthy)
            #expect(
                health.upgradeCheck(restarting: []) == [
                    "no answer on how their groups are: \(name)"
                ])
            #expect(world.machines[place].node?.cluster?.health.isHealthy == true)
        }
        #expect(try look(2).isHealthy)
        world.network.healAll()
        try world.run(forNanos: 2 * Self.second)
        for place in [0, 1] { #expect(try look(place).isHealthy) }
    }
}
#endif
