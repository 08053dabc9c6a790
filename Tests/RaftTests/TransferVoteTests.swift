#if canImport(CEtcdRaft)
import Raft
import Testing

/// One vote per term, also where a leader asks a node to stand for election at once: that election
/// passes over the rules that keep others quiet, so only the vote on disk is in the way of two
/// leaders in one term.
///
/// Sources: Ongaro, "Consensus: Bridging Theory and Practice", §3.8 (term and vote are on disk before
/// a node answers) and §3.10 (handing over leadership); the gate "double vote on transfer" of
/// raft.md §4.3, which a core of our own failed when it voted twice.
struct TransferVoteTests {
    private let nodes = (1...3).map { NodeID(UInt64($0)) }

    /// Three voters, the first of which leads in term 2.
    private func cluster() throws -> CoreCluster {
        let cluster = try CoreCluster(voters: 3, seed: 1)
        try cluster.core(nodes[0])?.campaign()
        try cluster.settle()
        #expect(try cluster.leader() == nodes[0])
        #expect(try cluster.status(nodes[0])?.term == 2)
        return cluster
    }

    /// Has the leader ask `node` to stand, and takes the question out of the network.
    private func question(_ cluster: CoreCluster, to node: NodeID) throws -> RaftMessage {
        try cluster.core(nodes[0])?.transfer(to: node)
        try cluster.takeReady(nodes[0])
        try cluster.finishWrite(nodes[0])
        try #require(cluster.inFlight.map(\.to) == [node])
        return cluster.inFlight.removeLast()
    }

    /// The leader gives up a transfer that came to nothing after a timeout.
    private func giveUpTransfer(_ cluster: CoreCluster) throws {
        for _ in 0..<12 {
            try cluster.core(nodes[0])?.tick()
            try cluster.settle()
        }
        #expect(try cluster.status(nodes[0])?.transferee == nil)
        #expect(try cluster.leader() == nodes[0])
    }

    @Test func whoStandsVotesForItselfOnDiskFirst() throws {
        let cluster = try cluster()
        let question = try question(cluster, to: nodes[1])
        cluster.inFlight = [question]
        try cluster.deliver(at: 0)
        try cluster.takeReady(nodes[1])
        #expect(
            cluster.replicas[nodes[1]]?.writing?.hardState == HardState(term: 3, vote: nodes[1]))
        #expect(cluster.inFlight.isEmpty, "it asks for votes before its own is written")
        try cluster.finishWrite(nodes[1])
        #expect(Set(cluster.inFlight.map(\.to)) == [nodes[0], nodes[2]])
    }

    /// It stood, its questions were lost, and it started again: its vote of that term is given.
    @Test func whoStoodVotesForNobodyElseAfterARestart() throws {
        let cluster = try cluster()
        let question = try question(cluster, to: nodes[1])
        cluster.inFlight = [question]
        try cluster.deliver(at: 0)
        try cluster.takeReady(nodes[1])
        try cluster.finishWrite(nodes[1])
        cluster.inFlight = []
        cluster.crash(nodes[1])
        try giveUpTransfer(cluster)
        // Another one is asked to stand, in the same term, and only the first could elect it.
        let second = try self.question(cluster, to: nodes[2])
        try cluster.start(nodes[1])
        cluster.cut = [[nodes[0], nodes[2]], [nodes[2], nodes[0]]]
        cluster.inFlight = []
        try cluster.core(nodes[2])?.step(second)
        try cluster.settle()
        #expect(try cluster.status(nodes[2])?.term == 3)
        #expect(cluster.replicas[nodes[2]]?.durable.hardState.vote == nodes[2])
        #expect(try cluster.status(nodes[2])?.isLeader == false, "two votes in term 3")
        #expect(
            cluster.replicas[nodes[1]]?.durable.hardState == HardState(term: 3, vote: nodes[1]))
    }

    /// It voted for another one and started again; then the old leader's question comes.
    @Test func whoVotedDoesNotStandInTheSameTermAfterARestart() throws {
        let cluster = try cluster()
        let late = try question(cluster, to: nodes[2])
        try giveUpTransfer(cluster)
        let question = try question(cluster, to: nodes[1])
        cluster.isolate(nodes[0])
        try cluster.core(nodes[1])?.step(question)
        try cluster.settle()
        #expect(try cluster.leader() == nodes[1])
        cluster.crash(nodes[2])
        try cluster.start(nodes[2])
        cluster.cut = []
        try cluster.core(nodes[2])?.step(late)
        // Two leaders in a term are an error of `settle`.
        try cluster.settle()
        #expect(
            cluster.replicas[nodes[2]]?.durable.hardState == HardState(term: 3, vote: nodes[1]))
        #expect(try cluster.leader() == nodes[1])
    }
}
#endif
