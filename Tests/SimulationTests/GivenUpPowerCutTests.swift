#if canImport(CEtcdRaft)
import Foundation
import Platform
import Raft
import Simulator
import Testing

@testable import Cluster
@testable import Replication

/// A replica is given up, and the power goes, or the disk fails, at one call of the disk after the
/// other while its log and its files go. What is left of it is nobody's: the replica that comes in
/// its place has what the others have, whenever the node is wanted again.
@Suite(.serialized) struct GivenUpPowerCutTests {
    private static let second = ClusterSimulationTests.second
    /// Calls that giving one up takes at most.
    private static let callsMax = 400
    private static let group = ShardGroup.group(of: 0)

    enum Trouble { case powerCut, failingCall }

    /// Wanted by the time the node is up again: it was put out because it was broken.
    @Test func thePowerGoesWhileABrokenReplicaIsGivenUp() async throws {
        let world = try ClusterSimulationTests.grown(seed: 72)
        defer { for machine in world.machines { world.crash(machine) } }
        let ledger = ClusterLedger()
        // It came by an image, and says so.
        let machine = world.machines[2]
        let step = ClusterSimulationTests.scheduleCount > 3 ? 1 : 7
        var cutCount = 0
        for call in stride(from: 1, to: Self.callsMax, by: step) {
            try Self.write(world, ledger)
            machine.node?.look { replicator in
                replicator.replicas[Self.group].map {
                    replicator.fail($0, ClusterNemesis.brokenOnPurpose)
                }
            }
            guard try Self.giveUp(machine, world, .powerCut, at: call) else { break }
            cutCount += 1
            try ClusterNemesis.revive(machine, world)
            try Self.becomesWhole(world, "call \(call)")
        }
        #expect(cutCount >= 3)
        try Self.becomesWhole(world, "the end")
        try await Self.check(world, ledger)
    }

    /// Wanted again only later: it was moved to another node, and is moved back.
    @Test(arguments: [Trouble.powerCut, .failingCall])
    func aMovedReplicaIsGivenUp(despite trouble: Trouble) async throws {
        let world = try Self.four()
        defer { for machine in world.machines { world.crash(machine) } }
        let ledger = ClusterLedger()
        let step = ClusterSimulationTests.scheduleCount > 3 ? 1 : 7
        var cutCount = 0
        for call in stride(from: 1, to: Self.callsMax, by: step) {
            try Self.write(world, ledger)
            let assigned = try Self.assigned(world)
            let machine = try #require(
                world.machines.first { $0.identity == assigned.last && $0 !== world.machines[0] })
            let other = try #require(
                world.machines.first { $0.identity.map(assigned.contains) == false })
            let moved = assigned.dropLast() + [try #require(other.identity)]
            try Self.assign(Array(moved), world)
            let isCut = try Self.giveUp(machine, world, trouble, at: call)
            try Self.becomesHealthy(world, "call \(call)")
            #expect(
                !machine.disk.exists(ShardReplica.directory(of: 0)),
                "call \(call): its files are still there")
            guard isCut else { break }
            cutCount += 1
            try Self.assign(assigned, world)
            try Self.becomesHealthy(world, "call \(call), moved back")
            #expect(try Self.assigned(world) == assigned)
            #expect(machine.node?.cluster?.replicas.contains { $0.group == Self.group } == true)
        }
        #expect(cutCount >= 3)
        try await Self.check(world, ledger)
    }

    /// A shard that has moved away from a node moves back at any moment after it is out, of which the node
    /// hears late. What the replica says that it gives up counts for nothing.
    @Test func aShardMovesBackAtAnyMoment() async throws {
        let world = try Self.four()
        defer { for machine in world.machines { world.crash(machine) } }
        let ledger = ClusterLedger()
        for tenths in 0..<(ClusterSimulationTests.scheduleCount > 3 ? 30 : 15) as Range<Int64> {
            try Self.write(world, ledger)
            let meta = try #require(
                world.machines.first { machine in
                    machine.node?.cluster?.claims.contains { $0.group == ClusterState.metaGroup }
                        == true
                }?.identity)
            let rest = world.machines.compactMap(\.identity).filter { $0 != meta }
            let leaving = try #require(rest.last { $0 != world.machines[0].identity })
            let leader = try #require(rest.first { $0 != leaving })
            let other = try #require(rest.first { $0 != leaving && $0 != leader })
            try Self.assign([leader, meta, leaving], world)
            try Self.becomesHealthy(world, "led by another than the cluster")
            try Self.assign([leader, meta, other], world)
            let end = world.nanos + 60 * Self.second
            while !Self.isOut(leaving, world), world.nanos < end { try world.step() }
            try world.run(forNanos: tenths * Self.second / 10)
            for (from, to) in [(meta, leaving), (leaving, meta)] {
                world.network.cut(from: PeerID(from.number), to: PeerID(to.number))
            }
            try Self.assign([leader, meta, leaving], world)
            try world.run(forNanos: 3 * Self.second)
            world.network.healAll()
            try Self.becomesHealthy(world, "moved back after \(tenths) tenths of a second")
        }
        #expect(!world.trace.contains { $0.contains("no further part") })
        try await Self.check(world, ledger)
    }

    /// Four machines, of which three have each shard.
    private static func four() throws -> ClusterWorld {
        let world = ClusterWorld(seed: 73, machines: 4)
        try world.found()
        try world.run(forNanos: 3 * second)
        for machine in world.machines.dropFirst() {
            world.join(machine, through: world.machines[0])
            try world.run(forNanos: second / 2)
        }
        try becomesHealthy(world, "grown")
        try world.run(forNanos: 5 * second)
        return world
    }

    private static func assigned(_ world: ClusterWorld) throws -> [NodeID] {
        try #require(world.machines[0].node?.cluster?.state.assignments[group])
    }

    private static func assign(_ nodes: [NodeID], _ world: ClusterWorld) throws {
        let leader = try #require(
            world.machines.first { machine in
                machine.node?.cluster?.claims.contains { $0.group == ClusterState.metaGroup }
                    == true
            })
        leader.node?.cluster?.keeper.propose(.assign(group, nodes))
        try world.run(forNanos: second / 10)
        #expect(try assigned(world) == nodes)
    }

    /// Who is down starts, and every group is where it is wanted and has been so for so long that whoever
    /// was to give a replica up has done so.
    private static func becomesHealthy(_ world: ClusterWorld, _ when: String) throws {
        let end = world.nanos + 60 * second
        var since = world.nanos
        while world.nanos < since + 6 * second, world.nanos < end, world.violations.isEmpty {
            for machine in world.machines { try ClusterNemesis.revive(machine, world) }
            try world.run(forNanos: second / 2)
            let isHealthy = world.machines.allSatisfy {
                guard let health = $0.node?.cluster?.health else { return false }
                return health.isHealthy && health.groups.allSatisfy { $0.movement == nil }
            }
            if !isHealthy { since = world.nanos }
        }
        try #require(world.nanos < end && world.violations.isEmpty, "\(when): \(state(of: world))")
    }

    private static func state(of world: ClusterWorld) -> String {
        """
        \(world.violations) \(world.trace.suffix(40))
        \(world.machines.flatMap(ClusterSimulationTests.describe).joined(separator: "\n"))
        """
    }

    /// It is put out of the group, and the trouble comes with that call of its disk from then on.
    /// False: it has given the replica up before.
    private static func giveUp(
        _ machine: ClusterWorld.Machine, _ world: ClusterWorld, _ trouble: Trouble, at call: Int
    ) throws -> Bool {
        let end = world.nanos + 60 * second
        let id = try #require(machine.identity)
        var armed: Int?
        defer { machine.disk.faults = DiskFaults() }
        while world.nanos < end {
            try world.step()
            if armed == nil, isOut(id, world) {
                armed = machine.disk.callCount + call
                machine.disk.faults.tear = .sectors
                switch trouble {
                case .powerCut: machine.disk.faults.powerCutAtCall = armed
                case .failingCall: machine.disk.faults.failures = [armed ?? 0: EIO]
                }
            }
            guard let armed else { continue }
            if machine.disk.callCount >= armed {
                if trouble == .powerCut { world.crash(machine) }
                return true
            }
            let hasNone = machine.node?.cluster?.replicas.contains { $0.group == group } == false
            if hasNone { return false }
        }
        return false
    }

    /// Whether the group's leader says that the node is no member of it.
    private static func isOut(_ id: NodeID, _ world: ClusterWorld) -> Bool {
        world.machines.contains { machine in
            guard let cluster = machine.node?.cluster,
                let report = cluster.health.groups.first(where: { $0.group == group })?.report
            else { return false }
            return report.leader == machine.identity && !report.voters.contains(id)
                && !report.learners.contains(id)
        }
    }

    private static func write(_ world: ClusterWorld, _ ledger: ClusterLedger) throws {
        for machine in world.machines {
            guard let node = machine.node else { continue }
            for _ in 0..<2 { ledger.write(through: node) }
        }
        try world.run(forNanos: second)
    }

    private static func becomesWhole(_ world: ClusterWorld, _ when: String) throws {
        let end = world.nanos + 60 * second
        while !ClusterSimulationTests.isWhole(world), world.violations.isEmpty, world.nanos < end {
            try world.run(forNanos: second / 2)
        }
        try #require(ClusterSimulationTests.isWhole(world), "\(when): \(state(of: world))")
    }

    private static func check(_ world: ClusterWorld, _ ledger: ClusterLedger) async throws {
        let whole = world.machines.filter {
            $0.node?.cluster?.replicas.count == world.shardCount
        }
        #expect(whole.count >= 2)
        for machine in whole {
            guard let cluster = machine.node?.cluster else { continue }
            let problems = try await ledger.problems(cluster.localQuerier, at: machine.name)
            #expect(problems.isEmpty, "\(problems.prefix(5))")
        }
        let differences = ClusterSimulationTests.differences(world)
        #expect(differences.isEmpty && world.violations.isEmpty, "\(world.violations)")
    }
}
#endif
