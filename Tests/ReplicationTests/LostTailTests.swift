#if canImport(CEtcdRaft)
import Raft
import Replication
import Simulator
import Testing

/// A disk says that it synced and did not, and the power goes: a voter comes back without entries
/// that it has acknowledged. Its journal ends at an earlier batch, sound, so it can not know.
///
/// What is promised, and what is not (raft.md §5, corruption; Ongaro §3.8 takes for granted that a
/// disk keeps what it synced):
///  - while the leader that counted on it leads, the first word of what is committed finds out: the
///    replica is faulty, takes no further part, and is told of. It does not grow back in silence;
///  - with one such disk of three and the other two whole, nothing acknowledged is lost, whoever
///    comes to lead;
///  - when a quorum held an entry only with the help of that disk, the entry can be lost. No test of
///    ours says otherwise: that is why a failed sync ends the process.
@Suite struct LostTailTests {
    private let group = GroupID(0)

    private func write(_ cluster: ReplicatorCluster, _ numbers: ClosedRange<UInt8>) throws {
        for number in numbers {
            let leader = try #require(cluster.leader(of: group))
            try cluster.propose([number, number], to: group, at: leader)
            try cluster.settle()
        }
    }

    /// Three that hold 5 entries, and 5 more of which one disk only says so; how many those are in
    /// its journal.
    private func lied(
        leads: Bool
    ) throws -> (cluster: ReplicatorCluster, liar: ReplicatorCluster.Node, lost: UInt64) {
        let cluster = try ReplicatorCluster.grown()
        try write(cluster, 1...5)
        try cluster.tickAndSettle(30)
        let leader = try #require(cluster.leader(of: group))
        let number = try #require(
            leads ? leader : cluster.nodes.keys.sorted().first { $0 != leader })
        let liar = try #require(cluster.nodes[number])
        let before = liar.replicator?.journal.lastIndex(of: group) ?? 0
        liar.disk.faults.syncsLie = true
        try write(cluster, 6...10)
        #expect(cluster.acknowledged[group]?.count == 10)
        let after = liar.replicator?.journal.lastIndex(of: group) ?? 0
        #expect(after == before + 5)
        liar.disk.faults.tear = .dropAll
        return (cluster, liar, after - before)
    }

    private func restart(
        _ cluster: ReplicatorCluster, _ node: ReplicatorCluster.Node, losing lost: UInt64
    ) throws {
        let last = node.replicator?.journal.lastIndex(of: group) ?? 0
        cluster.crash(node.id.number)
        try cluster.start(node.id.number, as: .newcomer(founder: NodeID(1)))
        #expect(node.replicator?.journal.lastIndex(of: group) == last - lost)
    }

    private func expectAll(_ cluster: ReplicatorCluster) throws {
        let leader = try #require(cluster.leader(of: group))
        let held = cluster.nodes[leader]?.machines[group]?.payloads ?? [:]
        for (index, payload) in cluster.acknowledged[group] ?? [:] {
            #expect(held[index] == payload, "entry \(index) was acknowledged")
        }
        #expect(cluster.divergences.isEmpty)
    }

    @Test func theLeaderFindsOutAtOnce() throws {
        let (cluster, liar, lost) = try lied(leads: false)
        try restart(cluster, liar, losing: lost)
        try cluster.tickAndSettle(20)
        let fault = try #require(liar.replicator?.fault(of: group), "it grew back in silence")
        #expect(fault.contains("corrupted, truncated, or lost"), "\(fault)")
        #expect(cluster.faults.count == 1)
        try write(cluster, 11...20)
        try expectAll(cluster)
        #expect(cluster.acknowledged[group]?.count == 20)
    }

    /// Nobody is left who knows what it had: it can not be found out, and costs nothing.
    @Test(arguments: [false, true])
    func theOthersLoseNothing(liarLeads: Bool) throws {
        let (cluster, liar, lost) = try lied(leads: liarLeads)
        let others = cluster.nodes.keys.sorted().filter { $0 != liar.id }
        if !liarLeads {
            // All start again at once: nobody remembers who had what.
            for node in others { cluster.crash(node.number) }
            try restart(cluster, liar, losing: lost)
            for node in others { try cluster.start(node.number, as: .newcomer(founder: NodeID(1))) }
        } else {
            try restart(cluster, liar, losing: lost)
        }
        // Its log is the shortest: nobody elects it, however often it stands.
        for _ in 0..<3 {
            liar.replicator?.prefer([group])
            try cluster.tickAndSettle(15)
            #expect(cluster.leader(of: group) != liar.id)
        }
        try cluster.tickAndSettle(40)
        try write(cluster, 11...20)
        try cluster.tickAndSettle(10)
        try expectAll(cluster)
        #expect(cluster.acknowledged[group]?.count == 20)
        #expect(
            liar.replicator?.fault(of: group) != nil
                || liar.machines[group] == cluster.nodes[others[0]]?.machines[group])
    }
}
#endif
