#if canImport(CEtcdRaft)
import Platform
import Raft
import Replication
import Simulator
import Storage
import Testing

@testable import Cluster

/// A replica that differs gets all of its files anew, and its shard is sealed more often than they
/// come: its log does not go on from the first image any more. What came is kept for the next.
@Suite(.serialized) struct SealedMeanwhileSimulationTests {
    private static let second = ClusterSimulationTests.second
    /// Of one transfer, if nothing happened meanwhile.
    private static let transferSeconds = 6

    @Test func aReplicaIsMadeAnewWhileItsShardIsSealed() async throws {
        let world = try ClusterSimulationTests.grown(seed: 83)
        defer { for machine in world.machines { world.crash(machine) } }
        let ledger = ClusterLedger()
        func write(_ count: Int, seal: Bool) throws {
            for _ in 0..<count {
                for machine in world.machines { machine.node.map { ledger.write(through: $0) } }
                try world.run(forNanos: 20_000_000)
            }
            guard seal else { return }
            for machine in world.machines { machine.node?.cluster?.sealSoon() }
        }
        for _ in 0..<4 { try write(60, seal: true) }
        try world.run(forNanos: 3 * Self.second)
        let group = ShardGroup.group(of: 0)
        let machine = try #require(
            world.machines.first { machine in
                machine.node?.cluster?.claims.contains { $0.group == group } == false
            })
        let bytes = try #require(
            machine.node?.cluster?.replicas.first { $0.group == group }?.shard.image?.files
                .reduce(0) { $0 + $1.byteCount })
        world.imageBytesPerSecond = bytes / Self.transferSeconds
        world.crash(machine)
        try world.start(machine)
        try world.run(forNanos: 5 * Self.second)
        let cluster = try #require(machine.node?.cluster)
        let replica = try #require(cluster.replicas.first { $0.group == group })
        let old = replica.shard
        var rounds = 0
        while replica.shard === old, rounds < 40 {
            cluster.fetcher.rebuild(group, attempt: 0)
            try write(10, seal: true)
            try world.run(forNanos: 3 * Self.second)
            rounds += 1
        }
        #expect(replica.shard !== old, "\(world.trace.suffix(20))")
        #expect(rounds > 2, "it came at once")
        try world.run(forNanos: 5 * Self.second)
        #expect(ClusterSimulationTests.isWhole(world))
        #expect(ClusterSimulationTests.differences(world).isEmpty)
        let problems = try await ledger.problems(cluster.localQuerier, at: machine.name)
        #expect(problems.isEmpty, "\(problems.prefix(5))")
        #expect(world.violations.isEmpty)
    }

    /// For longer than a lease lasts only another one is asked for files; then that one has the next not
    /// any more, and whoever gave the image still holds it.
    @Test func whoGaveAnImageHoldsItWhileOthersGiveItsFiles() throws {
        let world = try ClusterSimulationTests.grown(seed: 85)
        defer { for machine in world.machines { world.crash(machine) } }
        let ledger = ClusterLedger()
        func write() throws {
            for _ in 0..<60 {
                for machine in world.machines { machine.node.map { ledger.write(through: $0) } }
                try world.run(forNanos: 20_000_000)
            }
        }
        func seal() { for machine in world.machines { machine.node?.cluster?.sealSoon() } }
        for _ in 0..<4 {
            try write()
            seal()
        }
        try world.run(forNanos: 10 * Self.second)
        let group = ShardGroup.group(of: 0)
        let machine = try #require(
            world.machines.first { machine in
                machine.node?.cluster?.claims.contains { $0.group == group } == false
            })
        func replica() throws -> ShardReplica {
            try #require(machine.node?.cluster?.replicas.first { $0.group == group })
        }
        let files = try #require(replica().shard.image?.files)
        world.imageBytesPerSecond = files.reduce(0) { $0 + $1.byteCount } / 90
        world.crash(machine)
        try world.start(machine)
        try world.run(forNanos: 5 * Self.second)
        let old = try replica().shard
        let index = old.durableIndex
        machine.node?.cluster?.fetcher.rebuild(group, attempt: 0)
        try world.run(forNanos: 75 * Self.second)
        #expect(try replica().shard === old, "it came too soon")
        seal()
        try world.run(forNanos: 3 * Self.second)
        #expect(try replica().shard === old)
        for other in world.machines where other !== machine {
            let sealed = other.node?.cluster?.replicas.first { $0.group == group }?.shard
            #expect(sealed.map { $0.durableIndex > index } == true)
        }
        try world.run(forNanos: 60 * Self.second)
        #expect(try replica().shard !== old, "\(world.trace.suffix(20))")
        #expect(!world.trace.contains { $0.contains("nobody has") }, "\(world.trace.suffix(20))")
        #expect(ClusterSimulationTests.isWhole(world))
        #expect(world.violations.isEmpty)
    }

    /// Its jobs wait: a seal behind the one that waits would free nothing, and have the others make
    /// new files again and again.
    @Test func aLeaderWhoseJobsWaitSealsOnce() throws {
        let world = try ClusterSimulationTests.grown(seed: 84)
        defer { for machine in world.machines { world.crash(machine) } }
        let group = ShardGroup.group(of: 0)
        func leads(_ machine: ClusterWorld.Machine) -> Bool {
            machine.node?.cluster?.claims.contains { $0.group == group } == true
        }
        func replica(_ machine: ClusterWorld.Machine) throws -> ShardReplica {
            try #require(machine.node?.cluster?.replicas.first { $0.group == group })
        }
        let leader = try #require(world.machines.first(where: leads))
        let other = try #require(world.machines.first { !leads($0) })
        let stuck = try replica(leader)
        #expect(stuck.holdJobs())
        let ledger = ClusterLedger()
        var seals: Set<UInt64> = []
        for _ in 0..<400 {
            for machine in world.machines { machine.node.map { ledger.write(through: $0) } }
            try world.run(forNanos: Self.second / 10)
            seals.insert(try replica(other).shard.durableIndex)
        }
        // That of the beginning and one more, of five that were due by age.
        #expect(leads(leader))
        #expect(seals.count == 2, "\(seals.sorted())")
        stuck.endJobs()
        try world.run(forNanos: 5 * Self.second)
        #expect(try replica(leader).shard.durableIndex > (seals.max() ?? 0))
        #expect(world.violations.isEmpty)
    }
}
#endif
