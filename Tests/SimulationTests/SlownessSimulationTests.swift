#if canImport(CEtcdRaft)
import Platform
import Raft
import Replication
import Simulator
import Testing

@testable import Cluster

/// Disks and links that are slow and not broken: nobody stands for election because of them, and who
/// has the slow disk soon leads nothing.
@Suite(.serialized) struct SlownessSimulationTests {
    private static let second = ClusterSimulationTests.second
    private static let quickSyncNanos: Int64 = 5_000_000

    /// A cluster at rest with a write on its way four times a second.
    private struct Scene {
        let world: ClusterWorld
        let ledger = ClusterLedger()

        init(seed: UInt64) throws {
            world = try ClusterSimulationTests.grown(seed: seed)
            for machine in world.machines { machine.syncNanos = quickSyncNanos }
            try run(seconds: 10)
        }

        func run(seconds: Int64) throws {
            var place = 0
            var nextWrite = world.nanos
            try world.run(forNanos: seconds * SlownessSimulationTests.second) {
                guard world.nanos >= nextWrite else { return }
                nextWrite += 250_000_000
                place += 1
                if let node = world.machines[place % world.machines.count].node {
                    ledger.write(through: node)
                }
            }
        }

        /// The newest term of each group.
        var terms: [GroupID: UInt64] {
            let groups = (0...world.shardCount).map { GroupID(UInt32($0)) }
            return groups.reduce(into: [:]) { terms, group in
                for machine in world.machines {
                    machine.node?.look { replicator in
                        let term = replicator.status(of: group)?.term ?? 0
                        terms[group] = max(terms[group] ?? 0, term)
                    }
                }
            }
        }

        func led(by machine: ClusterWorld.Machine) -> Int {
            machine.node?.cluster?.claims.count ?? 0
        }

        /// By how many terms the groups went on.
        func steps(since before: [GroupID: UInt64]) -> [UInt64] {
            terms.map { $0.value - (before[$0.key] ?? 0) }
        }

        var patience: [Int] { world.machines.compactMap { $0.node?.cluster?.paces.patience } }

        /// All that was written in time.
        func expectAllAcknowledged() throws {
            try world.run(forNanos: 5 * SlownessSimulationTests.second)
            #expect(ledger.refused == 0 && ledger.acknowledged.count == ledger.attempted)
            #expect(world.violations.isEmpty, "\(world.violations)")
        }
    }

    /// One of the schedules of a run in three: these are long.
    static let seeds = (0..<max(1, ClusterSimulationTests.scheduleCount / 3)).map {
        UInt64(31 + $0)
    }

    @Test(arguments: seeds)
    func whoeverHasTheSlowDiskLeadsNothingAfterOneChange(seed: UInt64) throws {
        let scene = try Scene(seed: seed)
        defer { for machine in scene.world.machines { scene.world.crash(machine) } }
        #expect(scene.patience == [1, 1, 1])
        let slow = try #require(scene.world.machines.max { scene.led(by: $0) < scene.led(by: $1) })
        #expect(scene.led(by: slow) > 0)
        let before = scene.terms
        slow.syncNanos = 100 * Self.quickSyncNanos
        try scene.run(seconds: 25)
        #expect(scene.steps(since: before).allSatisfy { $0 == 0 }, "\(scene.world.trace)")
        #expect(scene.patience == [10, 10, 10])
        try scene.run(seconds: 75)
        #expect(scene.led(by: slow) == 0)
        #expect(scene.steps(since: before).allSatisfy { $0 <= 1 })
        for machine in scene.world.machines {
            #expect(
                machine.node?.cluster?.health.warnings
                    == ["\(slow.name) leads nothing: its disk is slow"])
            #expect(machine.node?.cluster?.activity.count == 1)
        }
        // And it stays so.
        let settled = scene.terms
        try scene.run(seconds: 60)
        #expect(scene.terms == settled && scene.led(by: slow) == 0)
        try scene.expectAllAcknowledged()
        // What was measured is forgotten, and leaders are even again.
        slow.syncNanos = Self.quickSyncNanos
        try scene.run(seconds: 65)
        #expect(scene.patience == [1, 1, 1])
        try scene.run(seconds: 60)
        #expect(scene.world.machines.allSatisfy { scene.led(by: $0) <= 2 })
        #expect(scene.world.machines.allSatisfy { $0.node?.cluster?.health.warnings == [] })
        try scene.expectAllAcknowledged()
    }

    @Test func aFollowersSlowDiskMovesNobody() throws {
        let scene = try Scene(seed: 41)
        defer { for machine in scene.world.machines { scene.world.crash(machine) } }
        let before = scene.terms
        let follower = try #require(
            scene.world.machines.min { scene.led(by: $0) < scene.led(by: $1) })
        let led = scene.led(by: follower)
        follower.syncNanos = 100 * Self.quickSyncNanos
        try scene.run(seconds: 90)
        #expect(scene.steps(since: before).reduce(0, +) <= UInt64(led))
        try scene.expectAllAcknowledged()
    }

    @Test(arguments: [false, true]) func aSlowLinkIsNoReasonForAnElection(areAllSlow: Bool) throws {
        let scene = try Scene(seed: 51)
        defer { for machine in scene.world.machines { scene.world.crash(machine) } }
        let before = scene.terms
        let ids = scene.world.machines.compactMap(\.identity).map { PeerID($0.number) }
        let leader = try #require(
            scene.world.machines.max { scene.led(by: $0) < scene.led(by: $1) }?.identity)
        var faults = LinkFaults()
        faults.addedDelayNanos = 400_000_000
        let other = try #require(ids.first { $0.number != leader.number })
        let slowLinks =
            areAllSlow
            ? ids.flatMap { from in ids.filter { $0 != from }.map { (from, $0) } }
            : [(PeerID(leader.number), other), (other, PeerID(leader.number))]
        for (from, to) in slowLinks { scene.world.network.setFaults(faults, from: from, to: to) }
        try scene.run(seconds: 60)
        #expect(scene.terms == before)
        #expect(scene.patience == [9, 9, 9] || scene.patience == [10, 10, 10])
        // A leader that is lost is still replaced, in its time.
        let machine = try #require(scene.world.machines.first { $0.identity == leader })
        scene.world.crash(machine)
        try scene.world.run(forNanos: 25 * Self.second)
        let left = scene.world.machines.filter { $0.node != nil }
        #expect(left.reduce(0) { $0 + scene.led(by: $1) } == scene.world.shardCount + 1)
        #expect(scene.steps(since: before).allSatisfy { $0 <= 2 })
        #expect(scene.world.violations.isEmpty)
    }
}
#endif
