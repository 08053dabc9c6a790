#if canImport(CEtcdRaft)
import Platform
import Raft
import Simulator
import Testing

@testable import Cluster

/// A machine that lost its disk is filled again, and its power goes at one call of its disk after
/// the other from the first image on: between files, manifest, journal and installation. Each time it
/// goes on with what it has and becomes whole.
@Suite(.serialized) struct ImagePowerCutTests {
    private static let second = ClusterSimulationTests.second
    /// Calls that filling a machine takes at most.
    private static let callsMax = 4_000

    @Test func thePowerGoesAtAnyCallOfAnImage() async throws {
        // A few in a debug build; every seventh where schedules are run by the hundred.
        let step = ClusterSimulationTests.scheduleCount > 3 ? 7 : 89
        let world = try ClusterSimulationTests.grown(seed: 5)
        defer { for machine in world.machines { world.crash(machine) } }
        let ledger = ClusterLedger()
        var call = 1
        var cutCount = 0
        while call < Self.callsMax {
            try Self.write(world, ledger)
            guard try Self.fill(world, cuttingAt: call) else { break }
            cutCount += 1
            call += step
            let whole = try Self.becomesWhole(world)
            try #require(
                whole,
                """
                call \(call - step): \(world.violations) \(world.trace.suffix(40))
                \(world.machines.flatMap(ClusterSimulationTests.describe).joined(separator: "\n"))
                """)
        }
        #expect(cutCount >= 3)
        #expect(call < Self.callsMax, "filling a machine came to no end")
        #expect(try Self.becomesWhole(world))
        for machine in world.machines {
            guard let cluster = machine.node?.cluster else { continue }
            let problems = try await ledger.problems(cluster.localQuerier, at: machine.name)
            #expect(problems.isEmpty, "\(problems.prefix(5))")
        }
        let differences = ClusterSimulationTests.differences(world)
        #expect(differences.isEmpty && world.violations.isEmpty, "\(world.violations)")
    }

    /// Something new everywhere, sealed, so that the logs begin behind it.
    private static func write(_ world: ClusterWorld, _ ledger: ClusterLedger) throws {
        for machine in world.machines {
            guard let node = machine.node else { continue }
            for _ in 0..<4 { ledger.write(through: node) }
        }
        try world.run(forNanos: second)
        for machine in world.machines { machine.node?.cluster?.sealSoon() }
        try world.run(forNanos: 2 * second)
    }

    /// The last machine loses its disk and joins again; the power goes `call` calls after its first
    /// image began. False when it was filled before.
    private static func fill(_ world: ClusterWorld, cuttingAt call: Int) throws -> Bool {
        let machine = world.machines[world.machines.count - 1]
        world.reimage(machine)
        try ClusterNemesis.revive(machine, world)
        let end = world.nanos + 60 * second
        var isArmed = false
        while world.nanos < end {
            try world.step()
            ClusterSimulationTests.rejoin(world)
            if !isArmed, machine.node?.cluster?.fetcher.progress.isEmpty == false {
                isArmed = true
                machine.disk.faults.tear = .sectors
                machine.disk.faults.powerCutAtCall = machine.disk.callCount + call
            }
            if isArmed, machine.node == nil || machine.disk.isPowerOff {
                try world.run(forNanos: second)
                try ClusterNemesis.revive(machine, world)
                return true
            }
            if isArmed, ClusterSimulationTests.isWhole(world) { break }
        }
        machine.disk.faults = DiskFaults()
        return false
    }

    private static func becomesWhole(_ world: ClusterWorld) throws -> Bool {
        let end = world.nanos + 60 * second
        while world.nanos < end, world.violations.isEmpty {
            if ClusterSimulationTests.isWhole(world) { return true }
            try world.run(forNanos: second / 2)
            ClusterSimulationTests.rejoin(world)
        }
        return false
    }
}
#endif
