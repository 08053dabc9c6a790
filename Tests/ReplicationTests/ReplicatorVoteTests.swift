#if canImport(CEtcdRaft)
import Raft
import Replication
import Simulator
import Testing

/// The vote of a node that a leader asked to stand for election lies in its journal before anybody
/// hears of it, and binds it after a power cut: the same as TransferVoteTests of the core, over real
/// journals. Source: Ongaro, "Consensus: Bridging Theory and Practice", §3.8 and §3.10.
@Suite struct ReplicatorVoteTests {
    private let group = GroupID(0)

    /// A leader has asked one of its followers to stand; the other follower.
    private struct Scene {
        let cluster: ReplicatorCluster
        let leader: NodeID
        let asked: NodeID
        let other: NodeID
        let term: UInt64

        var journal: Journal? { cluster.nodes[asked]?.replicator?.journal }

        /// What the one that was asked has on disk, as a start finds it.
        func hardState() throws -> HardState {
            let state = try #require(journal?.state(of: GroupID(0)))
            return HardState(term: state.term, vote: NodeID(nonzero: state.vote))
        }

        func restart() throws {
            cluster.nodes[asked]?.disk.faults.tear = .dropAll
            cluster.crash(asked.number)
            try cluster.start(asked.number, as: .newcomer(founder: NodeID(1)))
        }

        /// `to` stands, as the leader asks it to.
        func ask(_ to: NodeID) throws {
            let leader = try #require(cluster.nodes[leader])
            leader.replicator?.transfer(GroupID(0), to: to)
            try cluster.round(leader)
            cluster.inFlight.removeAll { $0.message.to != to }
            while !cluster.inFlight.isEmpty { cluster.deliver(at: 0) }
        }
    }

    private func scene() throws -> Scene {
        let cluster = try ReplicatorCluster.grown()
        try cluster.tickAndSettle(30)
        let leader = try #require(cluster.leader(of: group))
        let others = cluster.nodes.keys.sorted().filter { $0 != leader }
        let term = try #require(cluster.nodes[leader]?.replicator?.status(of: group)?.term)
        return Scene(
            cluster: cluster, leader: leader, asked: others[0], other: others[1], term: term)
    }

    @Test func nobodyHearsOfAVoteThatIsNotOnDisk() throws {
        let scene = try scene()
        try scene.ask(scene.asked)
        let replicator = try #require(scene.cluster.nodes[scene.asked]?.replicator)
        #expect(try replicator.prepare().isEmpty, "it asks for votes before its own is on disk")
        try scene.restart()
        #expect(try scene.hardState().term == scene.term, "nobody heard of the new term")
    }

    @Test func aVoteThatWasHeardOfBindsAfterAPowerCut() throws {
        let scene = try scene()
        let cluster = scene.cluster
        try scene.ask(scene.asked)
        let replicator = try #require(cluster.nodes[scene.asked]?.replicator)
        #expect(try replicator.prepare().isEmpty)
        #expect(try replicator.commit().messages.count == 2)
        let own = HardState(term: scene.term + 1, vote: scene.asked)
        try scene.restart()
        #expect(try scene.hardState() == own)
        // The transfer is given up, and the other one is asked to stand in the same term.
        cluster.cut = Set(
            [scene.leader, scene.other].flatMap { [[$0, scene.asked], [scene.asked, $0]] })
        try cluster.tickAndSettle(15)
        #expect(cluster.leader(of: group) == scene.leader)
        try scene.ask(scene.other)
        cluster.cut = [[scene.leader, scene.other], [scene.other, scene.leader]]
        try cluster.settle()
        let status = try #require(cluster.nodes[scene.other]?.replicator?.status(of: group))
        #expect(status.term == scene.term + 1)
        #expect(!status.isLeader, "elected by a vote that was given twice")
        #expect(try scene.hardState() == own)
    }
}
#endif
