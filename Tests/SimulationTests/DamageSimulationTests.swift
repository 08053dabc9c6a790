#if canImport(CEtcdRaft)
import Model
import Platform
import Raft
import Replication
import Simulator
import Storage
import Testing

@testable import Cluster

/// Damage on disks that somebody meets before the scrubber would, of which it reads all in a week.
@Suite(.serialized) struct DamageSimulationTests {
    private static let second = ClusterSimulationTests.second

    private func replica(_ machine: ClusterWorld.Machine) throws -> ShardReplica {
        let group = ShardGroup.group(of: 0)
        return try #require(machine.node?.cluster?.replicas.first { $0.group == group })
    }

    private func segment(
        of machine: ClusterWorld.Machine, _ signal: SignalKind = .logs
    ) throws -> SegmentRecord {
        try #require(replica(machine).shard.manifest.segments(of: signal).first)
    }

    private func flip(_ segment: SegmentRecord, at machine: ClusterWorld.Machine) throws {
        try flip(segment, at: machine, byte: segment.data.byteCount / 2)
    }

    private func flip(
        _ segment: SegmentRecord, at machine: ClusterWorld.Machine, byte: Int
    ) throws {
        machine.disk.flipBit(
            try replica(machine).directory / segment.data.name, byte: byte)
    }

    private func bytes(
        of segment: SegmentRecord, at machine: ClusterWorld.Machine
    ) throws -> [UInt8] {
        try machine.disk.readAll(try replica(machine).directory / segment.data.name)
    }

    private func isSound(_ segment: SegmentRecord, at machine: ClusterWorld.Machine) throws -> Bool
    {
        let directory = try replica(machine).directory
        return segment.files.allSatisfy { file in
            do throws(StorageError) {
                try file.verify(disk: machine.disk, at: directory / file.name)
                return true
            } catch {
                return false
            }
        }
    }

    @Test(arguments: [SignalKind.logs, .metrics])
    func whatAQueryCouldNotReadIsRepairedAtOnce(signal: SignalKind) async throws {
        let (world, ledger) = try ClusterSimulationTests.sealed(seed: 71)
        defer { for machine in world.machines { world.crash(machine) } }
        let machine = world.machines[1]
        let segment = try segment(of: machine, signal)
        try flip(segment, at: machine)
        try world.run(forNanos: 5 * Self.second)
        #expect(try !isSound(segment, at: machine), "nobody has met it")
        let querier = try #require(machine.node?.cluster?.localQuerier)
        #expect(try await !ledger.problems(querier, at: machine.name).isEmpty)
        try world.run(forNanos: 3 * Self.second)
        #expect(try isSound(segment, at: machine), "\(world.trace.suffix(20))")
        let problems = try await ledger.problems(querier, at: machine.name)
        #expect(problems.isEmpty, "\(problems.prefix(5))")
        #expect(try replica(machine).shard.damagedSegments.isEmpty)
    }

    /// Whoever leads seals, which makes another one, also where nothing new was written.
    @Test(arguments: [0, 1, 2]) func aDamagedCheckpointIsMadeAnew(number: Int) throws {
        let (world, _) = try ClusterSimulationTests.sealed(seed: 72)
        defer { for machine in world.machines { world.crash(machine) } }
        let machine = world.machines[number]
        try world.run(forNanos: 10 * Self.second)
        let checkpoint = try replica(machine).shard.manifest.checkpoint
        machine.disk.flipBit(
            try replica(machine).directory / checkpoint.name, byte: checkpoint.byteCount / 2)
        try replica(machine).shard.suspect(checkpoint.name)
        try world.run(forNanos: 5 * Self.second)
        #expect(try replica(machine).shard.manifest.checkpoint != checkpoint)
        #expect(ClusterSimulationTests.isWhole(world))
    }

    /// What is left of a segment is not overwritten by another's that is damaged elsewhere, and the shard
    /// is not fetched again and again because of it.
    @Test func damagedFilesKeepTheirPlacesUntilSoundOnesCome() throws {
        let (world, _) = try ClusterSimulationTests.sealed(seed: 74)
        defer { for machine in world.machines { world.crash(machine) } }
        let segment = try segment(of: world.machines[0])
        let (first, second, away) = (world.machines[0], world.machines[1], world.machines[2])
        world.crash(away)
        try flip(segment, at: first, byte: 40)
        try flip(segment, at: second, byte: segment.data.byteCount / 2)
        let before = try [first, second].map { try bytes(of: segment, at: $0) }
        for machine in [first, second] { try replica(machine).shard.suspect(segment.data.name) }
        try world.run(forNanos: 20 * Self.second)
        for machine in [first, second] {
            #expect(try replica(machine).shard.damagedSegments == [segment])
        }
        #expect(try [first, second].map { try bytes(of: segment, at: $0) } == before)
        #expect(world.trace.contains { $0.contains("came damaged, too") })
        #expect(!world.trace.contains { $0.contains("image of") }, "\(world.trace.suffix(20))")
        try world.start(away)
        try world.run(forNanos: 60 * Self.second)
        for machine in world.machines { #expect(try isSound(segment, at: machine)) }
        #expect(world.violations.isEmpty)
    }

    /// The leader of a shard that moves to two others has a segment damaged: those that are to leave
    /// have it whole.
    @Test func filesAreAskedForWhereTheyAre() throws {
        let grown = try ClusterSimulationTests.grow(
            ClusterWorld(seed: 75, machines: 5), isAtRest: true)
        let (world, _) = try ClusterSimulationTests.sealed(grown)
        defer { for machine in world.machines { world.crash(machine) } }
        let group = ShardGroup.group(of: 0)
        let state = try #require(world.machines[0].node?.cluster?.state)
        let holders = try #require(state.assignments[group])
        let leader = try #require(
            world.machines.first { machine in
                machine.node?.cluster?.claims.contains { $0.group == group } == true
            })
        let others = world.machines.compactMap(\.identity).filter { !holders.contains($0) }
        let damaged = try segment(of: leader)
        try flip(damaged, at: leader)
        try replica(leader).shard.suspect(damaged.data.name)
        let wanted = [try #require(leader.identity)] + others
        leader.node?.cluster?.keeper.propose(.assign(group, wanted))
        let end = world.nanos + 40 * Self.second
        try world.run(forNanos: Self.second)
        while !ClusterSimulationTests.isWhole(world), world.nanos < end {
            try world.run(forNanos: Self.second)
        }
        #expect(ClusterSimulationTests.isWhole(world), "\(world.trace.suffix(20))")
        #expect(ClusterSimulationTests.damages(world).isEmpty)
        #expect(ClusterSimulationTests.differences(world).isEmpty && world.violations.isEmpty)
    }

    /// Two of three have the same segment damaged, and nobody knows, when the third loses its disk.
    /// They hear of it, since they are asked again; the newcomer takes its place with all the rest;
    /// and when one of them has it whole after all, the others get it from there.
    @Test func aSegmentThatNobodyHasWholeKeepsNobodyOut() async throws {
        let (world, ledger) = try ClusterSimulationTests.sealed(seed: 73)
        defer { for machine in world.machines { world.crash(machine) } }
        let (first, second, lost) = (world.machines[0], world.machines[1], world.machines[2])
        let segment = try segment(of: first)
        for machine in [first, second] { try flip(segment, at: machine) }
        world.damagePatienceNanos = 20 * Self.second
        world.reimage(lost)
        try ClusterNemesis.revive(lost, world)
        func run(seconds: Int64, until isOver: () throws -> Bool = { false }) throws {
            let end = world.nanos + seconds * Self.second
            while world.nanos < end, try !isOver() {
                try world.step()
                ClusterSimulationTests.rejoin(world)
            }
        }
        try run(seconds: 15)
        for machine in [first, second] {
            #expect(try replica(machine).shard.damagedSegments == [segment], "\(machine.name)")
        }
        #expect(!ClusterSimulationTests.isWhole(world), "it waits for whoever may come back")
        try run(seconds: 30) { ClusterSimulationTests.isWhole(world) }
        #expect(ClusterSimulationTests.isWhole(world), "\(world.trace.suffix(20))")
        #expect(try replica(lost).shard.damagedSegments == [segment])
        #expect(try !isSound(segment, at: lost))
        let querier = try #require(lost.node?.cluster?.localQuerier)
        #expect(try await !ledger.problems(querier, at: lost.name).isEmpty, "a read says so")

        try flip(segment, at: second)
        #expect(try isSound(segment, at: second))
        try run(seconds: 150) {
            try world.machines.allSatisfy { try replica($0).shard.damagedSegments.isEmpty }
        }
        for machine in world.machines {
            #expect(try isSound(segment, at: machine), "\(machine.name)")
        }
        let problems = try await ledger.problems(querier, at: lost.name)
        #expect(problems.isEmpty, "\(problems.prefix(5))")
        #expect(world.violations.isEmpty)
    }
}
#endif
