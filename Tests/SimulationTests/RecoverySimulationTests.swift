#if canImport(CEtcdRaft)
import Platform
import Raft
import Simulator
import Testing

@testable import Cluster

/// A majority is lost for good and the survivors go on, on a person's word: all that they had is
/// there once, on newcomers too, and nobody of before is one of them.
@Suite(.serialized) struct RecoverySimulationTests {
    private static let second = ClusterSimulationTests.second

    /// Writes for a while and takes all machines' power, at once; what was written.
    private static func broken(_ world: ClusterWorld, rests: Bool) throws -> ClusterLedger {
        let ledger = ClusterLedger()
        var nextWrite = world.nanos
        try world.run(forNanos: 12 * second) {
            guard world.nanos >= nextWrite else { return }
            nextWrite = world.nanos + Int64.random(in: 5...60, using: &world.random) * 1_000_000
            let node = world.machines.compactMap(\.node).randomElement(using: &world.random)
            if let node { ledger.write(through: node) }
        }
        if rests { try world.run(forNanos: 3 * second) }
        for machine in world.machines { world.crash(machine) }
        return ledger
    }

    /// What is wrong in the end, when all are there again.
    private static func outcome(
        _ world: ClusterWorld, _ ledger: ClusterLedger
    ) async throws -> [String] {
        let started = world.nanos
        while !ClusterSimulationTests.isWhole(world), world.nanos < started + 90 * second,
            world.violations.isEmpty
        {
            try world.run(forNanos: second / 2)
            ClusterSimulationTests.rejoin(world)
        }
        var problems = world.violations
        if !ClusterSimulationTests.isWhole(world) { problems.append("not whole") }
        for place in 0..<3 {
            problems += try await ledger.problems(
                ClusterSimulationTests.querier(world, place), at: "replica \(place) of each shard")
        }
        problems += ClusterSimulationTests.differences(world)
        problems += ClusterSimulationTests.damages(world)
        return problems
    }

    private static func check(
        seed: UInt64, survivors: [Int], rests: Bool, cuts: Bool
    ) async throws {
        let world = try ClusterSimulationTests.grown(seed: seed)
        try await check(world, survivors: survivors, rests: rests, cuts: cuts)
    }

    private static func check(
        _ world: ClusterWorld, survivors numbers: [Int], rests: Bool, cuts: Bool
    ) async throws {
        let ledger = try broken(world, rests: rests)
        defer { for machine in world.machines { world.crash(machine) } }
        let survivors = numbers.map { world.machines[$0] }
        try LostMachines.recover(world, survivors, cuts: cuts)
        for machine in survivors { try world.start(machine) }
        try world.run(forNanos: 2 * second)
        for machine in survivors { #expect(machine.deathNote == nil) }
        let problems = try await outcome(world, ledger)
        #expect(
            problems.isEmpty,
            "seed \(world.seed): \(problems.prefix(8)) \(world.trace.suffix(20))")
        #expect(ledger.acknowledged.count > 100)
        // It takes writes again, also after the next power cut.
        let before = ledger.acknowledged.count
        if let node = survivors[0].node { ledger.write(through: node) }
        try world.run(forNanos: 2 * second)
        #expect(ledger.acknowledged.count == before + 1)
        for machine in world.machines { world.crash(machine) }
        for machine in world.machines { try world.start(machine) }
        try world.run(forNanos: 10 * second)
        let after = try await outcome(world, ledger)
        #expect(after.isEmpty, "seed \(world.seed), started again: \(after.prefix(8))")
    }

    @Test(arguments: [(UInt64(1), 0), (UInt64(2), 1), (UInt64(3), 2)])
    func oneGoesOnAlone(seed: UInt64, survivor: Int) async throws {
        try await Self.check(seed: seed, survivors: [survivor], rests: true, cuts: false)
    }

    /// Two of three have all that was acknowledged, whatever was under way.
    @Test(arguments: [(UInt64(4), [0, 1]), (UInt64(5), [0, 2]), (UInt64(6), [1, 2])])
    func twoGoOnTogether(seed: UInt64, survivors: [Int]) async throws {
        try await Self.check(seed: seed, survivors: survivors, rests: false, cuts: false)
    }

    /// Of five, two that have replicas of the same shards are lost: some shards have one replica
    /// left and others all three.
    @Test(arguments: [
        (UInt64(1), [0, 1, 2]), (UInt64(17), [1, 2, 4]), (UInt64(33), [0, 3, 4]),
    ])
    func threeOfFiveGoOnTogether(seed: UInt64, survivors: [Int]) async throws {
        let world = try ClusterSimulationTests.wide(seed: seed)
        try await Self.check(world, survivors: survivors, rests: true, cuts: seed == 33)
    }

    @Test(arguments: [
        (UInt64(7), [1]), (UInt64(8), [0, 2]), (UInt64(9), [1, 2]), (UInt64(10), [0]),
    ])
    func aRecoveryThatIsCutShortIsBegunAgain(seed: UInt64, survivors: [Int]) async throws {
        try await Self.check(
            seed: seed, survivors: survivors, rests: survivors.count == 1, cuts: true)
    }
}
#endif
