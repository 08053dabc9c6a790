#if canImport(CEtcdRaft)
import Foundation
import Platform
import Raft
import Replication
import Simulator
import Storage
import Testing

@testable import Cluster

/// A whole cluster from one seed: whatever happens to its nodes, what it acknowledged is there
/// exactly once on every replica in the end. `make sim SEEDS=n` runs more schedules.
@Suite(.serialized) struct ClusterSimulationTests {
    static let second: Int64 = 1_000_000_000
    private static let scheduleCount =
        ProcessInfo.processInfo.environment["VARVE_SEEDS"].flatMap { Int($0) } ?? 10
    private static let firstSeed =
        ProcessInfo.processInfo.environment["VARVE_SEED"].flatMap { UInt64($0) } ?? 1

    /// Three machines as one cluster, every group with three voters.
    static func grown(seed: UInt64) throws -> ClusterWorld {
        let world = ClusterWorld(seed: seed)
        try world.found()
        try world.run(forNanos: 3 * second)
        for machine in world.machines.dropFirst() {
            world.join(machine, through: world.machines[0])
            try world.run(forNanos: second / 2)
        }
        try world.run(forNanos: 20 * second) {}
        return world
    }

    /// Every group has all machines as voters, who all have all there is.
    static func isWhole(_ world: ClusterWorld) -> Bool {
        let ids = world.machines.compactMap(\.identity)
        guard ids.count == world.machines.count,
            let health = world.machines.compactMap({ $0.node?.cluster?.health }).first(
                where: { $0.groups.allSatisfy(\.hasLeader) })
        else { return false }
        // Jobs of the last entries are done everywhere, too.
        let isAtWork = world.machines.contains { machine in
            machine.node?.cluster?.replicas.contains { $0.hasJob } ?? true
        }
        return health.isHealthy && !isAtWork
            && health.groups.allSatisfy {
                Set($0.voters) == Set(ids) && $0.movement == nil
                    && $0.report?.lags.values.allSatisfy { $0 == 0 } == true
            }
    }

    @Test func threeMachinesFormAClusterThatIsWhole() async throws {
        let world = try Self.grown(seed: 1)
        #expect(world.violations.isEmpty)
        #expect(Self.isWhole(world), "\(world.trace)")
    }

    @Test func acknowledgedWritesSurviveEverything() async throws {
        var failed: [UInt64] = []
        var faultCount = 0
        let started = ProcessFacts.cpuSeconds
        for number in 0..<UInt64(Self.scheduleCount) {
            let seed = Self.firstSeed + number
            let problems = try await Self.schedule(seed: seed, &faultCount)
            if !problems.isEmpty {
                failed.append(seed)
                Issue.record("seed \(seed): \(problems.joined(separator: "\n"))")
                if failed.count > 3 { break }
            }
        }
        print(
            "cluster: \(Self.scheduleCount) schedules, \(faultCount) faults, \(failed.count) failed, "
                + "\(Int(ProcessFacts.cpuSeconds - started)) s of CPU")
    }

    /// What went wrong with one seed, and the trace of it; empty when nothing did.
    static func schedule(
        seed: UInt64, _ faultCount: inout Int
    ) async throws -> [String] {
        let world = try grown(seed: seed)
        // Network and nodes hold each other.
        defer { for machine in world.machines { world.crash(machine) } }
        let ledger = ClusterLedger()
        var nemesis = ClusterNemesis(world)
        var nextWrite = world.nanos
        let faultsEnd = world.nanos + 30 * second
        while world.nanos < faultsEnd, world.violations.isEmpty {
            try world.step()
            try nemesis.act(mayLoseDisks: { isWhole(world) })
            rejoin(world)
            if world.nanos >= nextWrite {
                nextWrite =
                    world.nanos + Int64.random(in: 10...400, using: &world.random) * 1_000_000
                let up = world.machines.compactMap(\.node)
                if let node = up.randomElement(using: &world.random) {
                    ledger.write(through: node)
                }
                let reader = up.randomElement(using: &world.random)
                if let cluster = reader?.cluster, Bool.random(using: &world.random) {
                    ledger.readBack(cluster) {
                        world.violate("\(cluster.place.identity.node): \($0)")
                    }
                }
            }
        }
        faultCount += nemesis.faultCount
        try nemesis.mendAll()
        let mended = world.nanos
        while !isWhole(world), world.nanos < mended + 60 * second, world.violations.isEmpty {
            try world.run(forNanos: second / 2)
            rejoin(world)
        }
        let took = (world.nanos - mended) / 1_000_000
        var problems = world.violations
        if !isWhole(world) {
            problems.append("not whole \(took) ms after all was mended")
            problems += world.machines.flatMap { describe($0) }
        }
        for machine in world.machines { machine.node?.scrub() }
        try world.run(forNanos: 2 * second)
        for machine in world.machines { machine.node?.cluster?.sealSoon() }
        try world.run(forNanos: 2 * second)
        let sealed = world.nanos
        while !isWhole(world), world.nanos < sealed + 20 * second {
            try world.run(forNanos: second / 2)
        }
        try world.run(forNanos: 2 * second)
        for machine in world.machines {
            guard let cluster = machine.node?.cluster else { continue }
            problems += try await ledger.problems(cluster.localQuerier, at: machine.name)
        }
        problems += differences(world) + damages(world)
        if ledger.acknowledged.count < ledger.attempted / 5 {
            problems.append(
                "only \(ledger.acknowledged.count) of \(ledger.attempted) were acknowledged")
        }
        guard !problems.isEmpty else { return [] }
        return problems.prefix(30) + world.machines.flatMap { describe($0) }
            + world.trace.suffix(60)
    }

    /// How a machine sees its cluster, for people.
    private static func describe(_ machine: ClusterWorld.Machine) -> [String] {
        guard let cluster = machine.node?.cluster else { return ["\(machine.name) is down"] }
        let lines = cluster.health.groups.map { line in
            "\(line.group): leader \(line.report?.leader?.description ?? "none"),"
                + " voters \(line.voters), lacking \((line.report?.lags ?? [:]).values.sorted()),"
                + " \(line.movement ?? "at rest")"
        }
        let places = cluster.replicas.map {
            "shard \($0.number): applied \($0.appliedIndex), sealed \($0.shard.durableIndex), "
                + "completed \($0.shard.manifest.completedIndex), job \($0.hasJob), "
                + "segments \($0.shard.manifest.segments.map(\.name))"
        }
        let absent = cluster.health.members.filter { !$0.isLive }.map(\.member.name)
        return places + ["absent \(absent)", "\(machine.name) is \(machine.identity?.description ?? "nobody")"] + lines
            + cluster.activity
    }

    /// Machines with empty disks ask to be members again.
    static func rejoin(_ world: ClusterWorld) {
        guard (world.nanos / ClusterWorld.stepNanos).isMultiple(of: 100) else { return }
        for machine in world.machines where machine.identity == nil {
            if let other = world.machines.first(where: { $0.node != nil }) {
                world.join(machine, through: other)
            }
        }
    }

    /// Segments that can not be read.
    static func damages(_ world: ClusterWorld) -> [String] {
        var problems: [String] = []
        for machine in world.machines {
            for replica in machine.node?.cluster?.replicas ?? [] {
                for segment in replica.shard.manifest.segments {
                    do {
                        try StorageInspection.verify(
                            disk: machine.disk, directory: replica.directory, segment: segment)
                    } catch {
                        problems.append("\(machine.name): \(error)")
                    }
                }
            }
        }
        return problems
    }

    /// Shards of which replicas hold other files.
    static func differences(_ world: ClusterWorld) -> [String] {
        var images: [Int: [UInt8]] = [:]
        var problems: [String] = []
        for machine in world.machines {
            for replica in machine.node?.cluster?.replicas ?? [] {
                let bytes = replica.shard.image?.encoded() ?? []
                if let known = images[replica.number], known != bytes {
                    problems.append("shard \(replica.number) differs at \(machine.name)")
                }
                images[replica.number] = bytes
            }
        }
        return problems
    }
}
#endif
