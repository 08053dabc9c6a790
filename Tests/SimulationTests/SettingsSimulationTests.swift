#if canImport(CEtcdRaft)
import Platform
import Raft
import Simulator
import Storage
import Testing

@testable import Cluster

/// Settings change while a cluster is written to and its machines crash: every replica refuses the
/// same entries.
@Suite(.serialized) struct SettingsSimulationTests {
    private static let second = ClusterSimulationTests.second

    private static func set(_ world: ClusterWorld, _ setting: ClusterSetting, _ value: Int64?) {
        let up = world.machines.compactMap(\.node).randomElement(using: &world.random)
        up?.cluster?.keeper.propose(.set(setting, value))
    }

    private static func limits(_ world: ClusterWorld) -> Set<Int> {
        Set(
            world.machines.flatMap { machine in
                (machine.node?.cluster?.replicas ?? []).map { $0.shard.limits.seriesMax }
            })
    }

    @Test(arguments: [UInt64(21), 22, 23])
    func replicasRefuseTheSame(seed: UInt64) async throws {
        let world = try ClusterSimulationTests.grown(seed: seed)
        defer { for machine in world.machines { world.crash(machine) } }
        let ledger = ClusterLedger()
        var nextWrite = world.nanos
        var nextChange = world.nanos
        try world.run(forNanos: 30 * Self.second) {
            if world.nanos >= nextWrite {
                nextWrite += Int64.random(in: 5...60, using: &world.random) * 1_000_000
                let up = world.machines.compactMap(\.node)
                if let node = up.randomElement(using: &world.random) {
                    ledger.write(through: node)
                }
            }
            guard world.nanos >= nextChange else { return }
            nextChange += Int64.random(in: 500...3_000, using: &world.random) * 1_000_000
            Self.set(world, .seriesMax, Int64.random(in: 1...600, using: &world.random))
            let machine = world.machines[Int.random(in: 0..<3, using: &world.random)]
            if machine.node == nil {
                try world.start(machine)
            } else if world.machines.allSatisfy({ $0.node != nil }) {
                world.crash(machine)
            }
        }
        for machine in world.machines where machine.node == nil { try world.start(machine) }
        try world.run(forNanos: 5 * Self.second)
        Self.set(world, .seriesMax, 77)
        let end = world.nanos + 60 * Self.second
        while !ClusterSimulationTests.isWhole(world) || Self.limits(world) != [77],
            world.nanos < end
        {
            try world.run(forNanos: Self.second)
        }
        #expect(Self.limits(world) == [77], "\(world.trace.suffix(10))")
        for machine in world.machines { machine.node?.cluster?.sealSoon() }
        try world.run(forNanos: 8 * Self.second)
        var problems = world.violations + ClusterSimulationTests.differences(world)
        for machine in world.machines {
            guard let cluster = machine.node?.cluster else { continue }
            problems += try await ledger.problems(
                cluster.localQuerier, at: machine.name, areSeriesLimited: true)
        }
        #expect(problems.isEmpty, "seed \(seed): \(problems.prefix(8))")
        #expect(ledger.acknowledged.count > 20)
        #expect(ledger.attempted - ledger.acknowledged.count - ledger.refused > 20, "none limited")
    }
}
#endif
