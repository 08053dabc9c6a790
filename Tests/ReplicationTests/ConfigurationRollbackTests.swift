#if canImport(CEtcdRaft)
import Raft
import Replication
import Simulator
import Testing

/// A leader that is cut off wrote a change of members that nobody else has; the others went on
/// without it. Who is in the group is what their log, or their image, says: at once, and after a
/// restart, which reads it from the journal.
///
/// The gate "configuration rollback over a snapshot" of raft.md §4.3. Sources: Ongaro, "Consensus:
/// Bridging Theory and Practice", §4.1 (a server falls back to the configuration before when the
/// entry is removed from its log); etcd's raft takes a change only once it is committed.
@Suite struct ConfigurationRollbackTests {
    private let group = GroupID(0)
    private let voters = (1...3).map { NodeID(UInt64($0)) }

    /// The old leader, cut off, with a change in its log that would leave it alone in the group.
    private func divided() throws -> (ReplicatorCluster, old: NodeID) {
        let cluster = try ReplicatorCluster.grown()
        try cluster.tickAndSettle(30)
        let old = try #require(cluster.leader(of: group))
        let others = voters.filter { $0 != old }
        cluster.cut = Set(others.flatMap { [[$0, old], [old, $0]] })
        let last = cluster.nodes[old]?.replicator?.journal.lastIndex(of: group) ?? 0
        let isTaken = cluster.nodes[old]?.replicator?.changeMembership(
            group, others.map { .remove($0) })
        #expect(isTaken == true)
        try cluster.propose([1, 2, 3], to: group, at: old)
        try cluster.settle()
        #expect(cluster.nodes[old]?.replicator?.journal.lastIndex(of: group) == last + 2)
        return (cluster, old)
    }

    /// The others elect a leader and take a learner in.
    private func goOn(_ cluster: ReplicatorCluster, without old: NodeID, sealing: Bool) throws {
        try cluster.tickAndSettle(60)
        let new = try #require(cluster.leader(of: group))
        #expect(new != old)
        let replicator = try #require(cluster.nodes[new]?.replicator)
        #expect(replicator.changeMembership(group, [.addLearner(NodeID(8))]))
        try cluster.settle()
        for number in 0..<20 as Range<UInt8> {
            try cluster.propose([UInt8](repeating: number, count: 3_000), to: group, at: new)
            try cluster.settle()
        }
        guard sealing else { return }
        for node in voters where node != old { cluster.seal(node.number) }
        try cluster.tickAndSettle(2)
    }

    private func expectRolledBack(
        _ cluster: ReplicatorCluster, _ node: NodeID, learners: [NodeID], _ comment: Comment
    ) throws {
        let replicator = try #require(cluster.nodes[node]?.replicator)
        let known = try #require(replicator.journal.configuration(of: group))
        let inForce = try #require(replicator.status(of: group)?.configuration)
        for configuration in [known, inForce] {
            #expect(configuration.voters.sorted() == voters, comment)
            #expect(configuration.learners == learners, comment)
            #expect(!configuration.isJoint, comment)
        }
    }

    /// A change that only its leader has is not in force there either: else it would be a group of
    /// its own, and a start would have it lead at once.
    @Test func anUncommittedChangeIsNotInForce() throws {
        let (cluster, old) = try divided()
        let before = cluster.acknowledged[group] ?? [:]
        try expectRolledBack(cluster, old, learners: [], "before the restart")
        cluster.crash(old.number)
        try cluster.start(old.number, as: .newcomer(founder: NodeID(1)))
        try expectRolledBack(cluster, old, learners: [], "after the restart")
        for _ in 0..<40 {
            cluster.tick()
            try cluster.round(try #require(cluster.nodes[old]))
            cluster.inFlight = []
        }
        #expect(cluster.nodes[old]?.replicator?.status(of: group)?.isLeader == false)
        #expect(cluster.acknowledged[group] ?? [:] == before)
    }

    /// `sealing`: the old leader needs an image, for the entries behind its own are gone.
    @Test(arguments: [false, true])
    func theNewLeadersConfigurationTakesItsPlace(sealing: Bool) throws {
        let (cluster, old) = try divided()
        try goOn(cluster, without: old, sealing: sealing)
        cluster.cut = []
        try cluster.tickAndSettle(60)
        let new = try #require(cluster.leader(of: group))
        #expect(cluster.nodes[old]?.machines[group] == cluster.nodes[new]?.machines[group])
        let released = cluster.nodes[old]?.replicator?.journal.state(of: group).releasedIndex ?? 0
        #expect((released > 15) == sealing, "released through \(released)")
        try expectRolledBack(cluster, old, learners: [NodeID(8)], "with the leader")
        try cluster.nodes[old]?.replicator?.rest()
        cluster.nodes[old]?.disk.faults.tear = .dropAll
        cluster.crash(old.number)
        try cluster.start(old.number, as: .newcomer(founder: NodeID(1)))
        try expectRolledBack(cluster, old, learners: [NodeID(8)], "after a power cut")
        cluster.nodes[new]?.replicator?.connected(old)
        try cluster.tickAndSettle(60)
        try expectRolledBack(cluster, old, learners: [NodeID(8)], "and with a leader again")
        #expect(cluster.divergences.isEmpty && cluster.faults.isEmpty)
    }
}
#endif
