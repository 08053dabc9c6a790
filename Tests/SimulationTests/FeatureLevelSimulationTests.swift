#if canImport(CEtcdRaft)
import Platform
import Raft
import Simulator
import Testing

@testable import Cluster

/// A cluster's binaries are replaced one by one; what the new ones can is allowed when all have it,
/// and from then on there is no way back.
@Suite(.serialized) struct FeatureLevelSimulationTests {
    private static let second = ClusterSimulationTests.second
    private static let old = ClusterFeatures.level
    private static let new = old + 1

    private static func level(_ world: ClusterWorld) -> Set<UInt32> {
        Set(world.machines.compactMap { $0.node?.cluster?.state.featureLevel })
    }

    /// What becomes of raising the level, asked of one machine.
    private static func raise(
        _ world: ClusterWorld, _ machine: Int, to level: UInt32
    ) throws -> String {
        let answer = Monitor("nothing")
        world.machines[machine].node?.cluster?.keeper.propose(.raiseFeatureLevel(level)) { result in
            let text =
                switch result {
                case .success(let entry): "\(entry.outcome)"
                case .failure(let error): "\(error)"
                }
            answer.update { $0 = text }
        }
        try world.run(forNanos: 2 * second)
        return answer.withLock { $0 }
    }

    @Test func theLevelRisesWhenAllCan() async throws {
        let world = try ClusterSimulationTests.grown(seed: 11)
        defer { for machine in world.machines { world.crash(machine) } }
        let ledger = ClusterLedger()
        for (number, machine) in world.machines.enumerated() {
            #expect(Self.level(world) == [Self.old])
            let early = try Self.raise(world, 0, to: Self.new)
            #expect(early.contains("more than some members have"), "\(early)")
            world.crash(machine)
            machine.featureLevel = Self.new
            try world.run(forNanos: 2 * Self.second)
            // Two of three go on, whatever their versions.
            if let node = world.machines[(number + 1) % 3].node { ledger.write(through: node) }
            try world.run(forNanos: Self.second)
            try world.start(machine)
            try world.run(forNanos: 10 * Self.second)
            #expect(ClusterSimulationTests.isWhole(world))
        }
        #expect(ledger.acknowledged.count == 3)
        let raised = try Self.raise(world, 1, to: Self.new)
        #expect(raised.contains("done"), "\(raised)")
        #expect(Self.level(world) == [Self.new])
        let back = try Self.raise(world, 1, to: Self.old)
        #expect(back.contains("never goes back"), "\(back)")
        #expect(world.violations.isEmpty)
    }

    @Test func whoDoesNotUnderstandTheLevelIsRefused() throws {
        let world = try ClusterSimulationTests.grown(seed: 12)
        defer { for machine in world.machines { world.crash(machine) } }
        for machine in world.machines {
            world.crash(machine)
            machine.featureLevel = Self.new
            try world.start(machine)
        }
        try world.run(forNanos: 10 * Self.second)
        #expect(try Self.raise(world, 0, to: Self.new).contains("done"))
        // Back to the old binary: one line, and the directory is as it was.
        let old = world.machines[2]
        world.crash(old)
        old.featureLevel = Self.old
        let error = #expect(throws: NodeError.self) { try world.start(old) }
        #expect(
            error?.description.contains(
                "needs feature level \(Self.new), this varve has \(Self.old)") == true)
        old.featureLevel = Self.new
        try world.start(old)
        try world.run(forNanos: 10 * Self.second)
        #expect(ClusterSimulationTests.isWhole(world))
        // With an empty disk it is not taken in either.
        world.reimage(old)
        old.featureLevel = Self.old
        try world.run(forNanos: 6 * Self.second)
        world.join(old, through: world.machines[0])
        try world.run(forNanos: 2 * Self.second)
        #expect(old.identity == nil)
        #expect(
            old.refusal?.contains("needs feature level \(Self.new), this varve has \(Self.old)")
                == true)
    }

    /// It was away when the others went on, and its own state knows nothing of it yet.
    @Test func whoLearnsItLateStops() throws {
        let world = try ClusterSimulationTests.grown(seed: 13)
        defer { for machine in world.machines { world.crash(machine) } }
        for machine in world.machines {
            world.crash(machine)
            machine.featureLevel = Self.new
            try world.start(machine)
        }
        try world.run(forNanos: 10 * Self.second)
        let late = world.machines[1]
        world.crash(late)
        try world.run(forNanos: 2 * Self.second)
        #expect(try Self.raise(world, 0, to: Self.new).contains("done"))
        late.featureLevel = Self.old
        try world.start(late)
        let end = world.nanos + 20 * Self.second
        while late.deathNote == nil, world.nanos < end { try world.run(forNanos: Self.second) }
        #expect(
            late.deathNote?.contains("needs feature level \(Self.new), this varve has \(Self.old)")
                == true)
        #expect(world.violations.isEmpty)
    }
}
#endif
