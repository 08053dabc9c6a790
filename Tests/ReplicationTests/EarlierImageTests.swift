#if canImport(CEtcdRaft)
import Raft
import Replication
import Simulator
import Testing

/// A voter is far behind when another one is put out of the group: nothing can be committed from then
/// on until it has an image, and none can be made that is younger than the change. It gets the one
/// there is, which says who was in the group at its entry.
@Suite struct EarlierImageTests {
    private let group = GroupID(0)
    private let voters = (1...3).map { NodeID(UInt64($0)) }

    /// `restarting`: the leader has to know it from its journal.
    @Test(arguments: [false, true])
    func whoWasAMemberBeforeGetsTheImageFromBefore(restarting: Bool) throws {
        let cluster = try ReplicatorCluster.grown()
        try cluster.tickAndSettle(30)
        let leader = try #require(cluster.leader(of: group))
        let others = voters.filter { $0 != leader }
        let (late, out) = (others[0], others[1])
        cluster.cut = Set(voters.filter { $0 != late }.flatMap { [[$0, late], [late, $0]] })
        for number in 0..<20 as Range<UInt8> {
            try cluster.propose([number], to: group, at: leader)
            try cluster.settle()
        }
        for node in [leader, out] { cluster.seal(node.number) }
        try cluster.tickAndSettle(2)
        let sealed = try #require(cluster.nodes[leader]?.sealed[group]?.applied)
        cluster.sealsForImages = false
        let replicator = try #require(cluster.nodes[leader]?.replicator)
        #expect(replicator.changeMembership(group, [.remove(out)]))
        try cluster.tickAndSettle(2)
        #expect(
            replicator.status(of: group)?.configuration.voters.sorted() == [leader, late].sorted())
        try replicator.rest()
        cluster.crash(out.number)
        if restarting {
            cluster.crash(leader.number)
            try cluster.start(leader.number, as: .newcomer(founder: NodeID(1)))
        }
        cluster.cut = []
        for node in [leader, late] {
            cluster.nodes[node]?.replicator?.connected(node == leader ? late : leader)
        }
        try cluster.tickAndSettle(80)
        #expect(cluster.leader(of: group) == leader)
        #expect(cluster.nodes[late]?.machines[group] == cluster.nodes[leader]?.machines[group])
        #expect(cluster.nodes[late]?.sealed[group]?.applied == sealed)
        try cluster.propose([99], to: group, at: leader)
        try cluster.tickAndSettle(5)
        #expect(cluster.acknowledged[group]?.values.contains([99]) == true)
        for node in [leader, late] {
            let journal = try #require(cluster.nodes[node]?.replicator?.journal)
            #expect(journal.configuration(of: group)?.voters.sorted() == [leader, late].sorted())
        }
        #expect(cluster.divergences.isEmpty && cluster.faults.isEmpty)
    }

    /// What is released needs no account of who was in the group; what is not does, however many files
    /// the journal has begun meanwhile.
    @Test func membersOfEarlierEntriesAreKeptAsLongAsTheirImagesMayBeNeeded() throws {
        let cluster = try ReplicatorCluster.grown()
        try cluster.tickAndSettle(30)
        let leader = try #require(cluster.leader(of: group))
        let replicator = try #require(cluster.nodes[leader]?.replicator)
        try cluster.propose([1], to: group, at: leader)
        try cluster.settle()
        cluster.seal(leader.number)
        try replicator.rest()
        #expect(replicator.journal.configurations(of: group).count == 1)
        let before = replicator.journal.configurations(of: group)
        for learner in [8, 9] as [UInt64] {
            #expect(replicator.changeMembership(group, [.addLearner(NodeID(learner))]))
            try cluster.settle()
        }
        for number in 0..<60 as Range<UInt8> {
            try cluster.propose([UInt8](repeating: number, count: 10_000), to: group, at: leader)
            try cluster.settle()
        }
        let known = replicator.journal.configurations(of: group)
        #expect(known.count == 3 && known.first == before.first)
        #expect(known.map(\.learners) == [[], [NodeID(8)], [NodeID(8), NodeID(9)]])
        try replicator.rest()
        cluster.crash(leader.number)
        try cluster.start(leader.number, as: .newcomer(founder: NodeID(1)))
        let again = try #require(cluster.nodes[leader]?.replicator)
        #expect(again.journal.configurations(of: group) == known)
        let place = known[1].index
        #expect(again.imageReference(group, at: place)?.configuration.learners == [NodeID(8)])
        #expect(again.hasStayed(NodeID(8), in: group, since: place))
        #expect(!again.hasStayed(NodeID(9), in: group, since: known[0].index), "it came later")
        try cluster.tickAndSettle(60)
        cluster.seal(leader.number)
        try again.rest()
        #expect(again.journal.configurations(of: group).count == 1)
        #expect(again.imageReference(group, at: place) == nil)
    }

    /// Who left and came back may have forgotten what it had a part in: no image from before is for it.
    @Test func whoCameBackHasNotStayed() throws {
        let cluster = try ReplicatorCluster.grown()
        try cluster.tickAndSettle(30)
        let leader = try #require(cluster.leader(of: group))
        let replicator = try #require(cluster.nodes[leader]?.replicator)
        var places: [UInt64] = []
        let learner = NodeID(8)
        for change in [.addLearner(learner), .remove(learner), .addLearner(learner)]
            as [MembershipChange]
        {
            #expect(replicator.changeMembership(group, [change]))
            try cluster.settle()
            places.append(try #require(replicator.journal.configuration(of: group)?.index))
        }
        #expect(
            replicator.imageReference(group, at: places[0])?.configuration.admits(learner) == true)
        #expect(
            places.map { replicator.hasStayed(learner, in: group, since: $0) }
                == [false, true, true])
        #expect(replicator.hasStayed(leader, in: group, since: 0))
    }

    /// A node knows after a start only what others tell it again; its state machine may get a peer's image
    /// before, which is ahead of that.
    @Test func whatIsNotKnownToBeCommittedIsNotReleased() throws {
        let cluster = try ReplicatorCluster.grown()
        try cluster.tickAndSettle(30)
        let leader = try #require(cluster.leader(of: group))
        let other = try #require(voters.first { $0 != leader })
        for number in 0..<20 as Range<UInt8> {
            try cluster.propose([number], to: group, at: leader)
            try cluster.settle()
        }
        let all = try #require(cluster.nodes[leader]?.machines[group])
        try cluster.nodes[other]?.replicator?.rest()
        cluster.crash(other.number)
        try cluster.start(other.number, as: .newcomer(founder: NodeID(1)))
        let replicator = try #require(cluster.nodes[other]?.replicator)
        #expect(replicator.commitIndex(of: group) < all.applied)
        cluster.nodes[other]?.machines[group] = all
        cluster.seal(other.number)
        try replicator.rest()
        #expect(replicator.journal.state(of: group).releasedIndex < all.applied)
        cluster.nodes[leader]?.replicator?.connected(other)
        try cluster.tickAndSettle(30)
        #expect(cluster.faults.isEmpty && cluster.divergences.isEmpty)
        #expect(cluster.nodes[other]?.machines[group] == cluster.nodes[leader]?.machines[group])
        try replicator.rest()
        #expect(replicator.journal.state(of: group).releasedIndex == all.applied)
    }
}
#endif
