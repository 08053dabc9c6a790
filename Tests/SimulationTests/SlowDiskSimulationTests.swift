#if canImport(CEtcdRaft)
import Platform
import Raft
import Replication
import Simulator
import Testing

@testable import Cluster

/// One machine's disk takes a hundred times as long as the others', second after second. It is no
/// reason for elections: heartbeats and claims do not wait for a sync (raft.md §5, slow disks; etcd's
/// issue 12751 shows what operators do where they do). And it does not hold up what the other two can
/// do without it.
@Suite(.serialized) struct SlowDiskSimulationTests {
    private static let second = ClusterSimulationTests.second
    /// A sync of a disk that is well takes about 5 ms.
    private static let slowSyncNanos: Int64 = 500_000_000

    /// Nanoseconds that writes took, of those that were answered.
    private final class Latencies: Sendable {
        private let values = Monitor<[Int64]>([])
        private let refusals = Monitor(0)

        func add(_ nanos: Int64) { values.update { $0.append(nanos) } }
        func refuse() { refusals.update { $0 += 1 } }
        var sorted: [Int64] { values.withLock { $0.sorted() } }
        var refusedCount: Int { refusals.withLock { $0 } }
    }

    /// Groups by who leads them, as a machine says itself.
    private static func led(_ machine: ClusterWorld.Machine) -> Set<GroupID> {
        Set(machine.node?.cluster?.claims.map(\.group) ?? [])
    }

    @Test(arguments: [0, 1, 2])
    func oneSlowDiskIsNoReasonForElections(slowPlace: Int) async throws {
        let world = try ClusterSimulationTests.grown(seed: 30 + UInt64(slowPlace))
        defer { for machine in world.machines { world.crash(machine) } }
        let ledger = ClusterLedger()
        let slow = world.machines[slowPlace]
        let others = world.machines.filter { $0 !== slow }
        let shardsAreElsewhere = Self.led(slow).allSatisfy { $0 == ClusterState.metaGroup }
        let before = world.leaderTerms
        slow.syncNanos = Self.slowSyncNanos
        let latencies = Latencies()
        var nextWrite = world.nanos
        try world.run(forNanos: 40 * Self.second) {
            guard world.nanos >= nextWrite else { return }
            nextWrite += Int64.random(in: 20...200, using: &world.random) * 1_000_000
            guard let node = others.randomElement(using: &world.random)?.node else { return }
            let started = world.nanos
            ledger.write(through: node) { isDone in
                if isDone { latencies.add(world.nanos - started) } else { latencies.refuse() }
            }
        }
        let after = world.leaderTerms
        for (group, terms) in after {
            let changes = terms.count - (before[group]?.count ?? 0)
            #expect(changes <= 1, "\(group): \(changes) changes of leader")
        }
        let sorted = latencies.sorted
        #expect(sorted.count > 300, "\(sorted.count) writes were answered")
        if shardsAreElsewhere {
            let p99 = try #require(sorted.dropLast(sorted.count / 100).last)
            #expect(p99 < 300_000_000, "p99 of writes: \(p99 / 1_000_000) ms")
        }
        // Well again, it is whole and has all there is.
        slow.syncNanos = 0
        try world.run(forNanos: 10 * Self.second)
        #expect(ClusterSimulationTests.isWhole(world), "\(world.trace.suffix(10))")
        for machine in world.machines {
            guard let cluster = machine.node?.cluster else { continue }
            let problems = try await ledger.problems(cluster.localQuerier, at: machine.name)
            #expect(problems.isEmpty, "\(problems.prefix(5))")
        }
        #expect(world.violations.isEmpty)
        #expect(latencies.refusedCount == 0 && ledger.acknowledged.count == ledger.attempted)
    }
}
#endif
