#if canImport(CEtcdRaft)
import Raft
import Testing

/// What etcd's core does behind the protocol, and the traps that this shape is to avoid.
struct EtcdRaftTests {
    private let nodes = (1...3).map { NodeID(UInt64($0)) }

    private func descriptor(_ number: UInt64) -> EntryDescriptor {
        EntryDescriptor(origin: 1, sequence: number, byteCount: 10, checksum: UInt32(number))
    }

    /// Three voters, the first of which leads.
    private func cluster(voters: Int = 3, seed: UInt64 = 1) throws -> CoreCluster {
        let cluster = try CoreCluster(voters: voters, seed: seed)
        try cluster.core(nodes[0])?.campaign()
        try cluster.settle()
        #expect(try cluster.leader() == nodes[0])
        return cluster
    }

    private func normal(_ cluster: CoreCluster) -> [UInt64] {
        cluster.applied.keys.sorted().compactMap { index in
            let entry = cluster.applied[index]
            return entry?.kind == .normal ? entry?.descriptor.sequence : nil
        }
    }

    @Test func threeVotersCommitAndAgree() throws {
        let cluster = try cluster()
        try cluster.core(nodes[0])?.propose((1...5).map(descriptor))
        try cluster.settle()
        #expect(normal(cluster) == [1, 2, 3, 4, 5])
        for replica in cluster.replicas.values {
            #expect(replica.durable.applied == 7)
            #expect(replica.durable.entries.map(\.index) == Array(2...7))
            #expect(replica.durable.entries[0].kind == .noOperation)
        }
        #expect(throws: RaftError.notLeader(nil)) {
            try cluster.core(nodes[1])?.propose([descriptor(9)])
        }
    }

    @Test func aFollowerAnswersOnlyWhenItHasWritten() throws {
        let cluster = try cluster()
        try cluster.core(nodes[0])?.propose([descriptor(1)])
        try cluster.takeReady(nodes[0])
        // The leader sends before it has written; that is safe and saves a sync.
        #expect(Set(cluster.inFlight.map(\.to)) == [nodes[1], nodes[2]])
        #expect(
            cluster.inFlight.allSatisfy { $0.firstIndex == 3 && $0.descriptors.count == 1 })
        try cluster.deliver(at: 0)
        try cluster.deliver(at: 0)
        try cluster.takeReady(nodes[1])
        #expect(cluster.inFlight.isEmpty)
        try cluster.finishWrite(nodes[1])
        #expect(cluster.inFlight.map(\.to) == [nodes[0]])
    }

    @Test func aVoteLeavesOnlyWhenItIsWritten() throws {
        let cluster = try CoreCluster(voters: 3, seed: 5)
        try cluster.core(nodes[0])?.campaign()
        // The round before the vote changes nothing and needs no write.
        try cluster.takeReady(nodes[0])
        try cluster.finishWrite(nodes[0])
        while !cluster.inFlight.isEmpty { try cluster.deliver(at: 0) }
        for node in nodes[1...] {
            try cluster.takeReady(node)
            try cluster.finishWrite(node)
        }
        while !cluster.inFlight.isEmpty { try cluster.deliver(at: 0) }
        try cluster.takeReady(nodes[0])
        #expect(
            cluster.replicas[nodes[0]]?.writing?.hardState == HardState(term: 2, vote: nodes[0]))
        #expect(cluster.inFlight.isEmpty, "a candidate asks when its own vote is durable")
        try cluster.finishWrite(nodes[0])
        #expect(cluster.inFlight.count == 2)
        try cluster.deliver(at: 0)
        try cluster.takeReady(nodes[1])
        #expect(cluster.inFlight.allSatisfy { $0.from == nodes[0] })
        try cluster.finishWrite(nodes[1])
        #expect(cluster.inFlight.contains { $0.from == nodes[1] })
    }

    /// A sole voter with a learner leads in a term before it is written: nothing may leave then.
    @Test func aNewTermIsWrittenBeforeAnythingIsSent() throws {
        let cluster = try CoreCluster(voters: 1, seed: 1)
        try cluster.core(nodes[0])?.campaign()
        try cluster.settle()
        try cluster.core(nodes[0])?.changeMembership([.addLearner(nodes[1])])
        try cluster.settle()
        cluster.crash(nodes[0])
        try cluster.start(nodes[0])
        try cluster.core(nodes[0])?.campaign()
        try cluster.takeReady(nodes[0])
        #expect(cluster.replicas[nodes[0]]?.writing?.hardState?.term == 3)
        #expect(cluster.inFlight.isEmpty)
    }

    @Test func theStaleTailOfAnOldLeaderGoes() throws {
        let cluster = try cluster()
        cluster.isolate(nodes[0])
        try cluster.core(nodes[0])?.propose((1...5).map(descriptor))
        try cluster.settle()
        #expect(cluster.replicas[nodes[0]]?.durable.lastIndex == 7)
        for _ in 0..<40 where try cluster.leader() != nodes[1] && (try cluster.leader()) != nodes[2]
        {
            try cluster.tick()
            try cluster.settle()
        }
        let leader = try #require(try cluster.leader())
        #expect(leader != nodes[0])
        try cluster.core(leader)?.propose([descriptor(100)])
        try cluster.settle()
        cluster.cut = []
        try cluster.tickAndSettle(40)
        #expect(normal(cluster) == [100])
        let logs = Set(cluster.replicas.values.map(\.durable.entries))
        #expect(logs.count == 1, "all have the new leader's log")
    }

    /// Thesis, figure 3.7: an entry of an old term is not committed by counting its copies.
    @Test func aMajorityOfCopiesOfAnOldTermCommitsNothing() throws {
        let cluster = try cluster(voters: 3)
        // The leader writes an entry that only the second replica gets.
        try cluster.core(nodes[0])?.propose([descriptor(1)])
        try cluster.takeReady(nodes[0])
        cluster.inFlight.removeAll { $0.to == nodes[2] }
        try cluster.finishWrite(nodes[0])
        while !cluster.inFlight.isEmpty { try cluster.deliver(at: 0) }
        try cluster.takeReady(nodes[1])
        try cluster.finishWrite(nodes[1])
        // Its answer is lost, and the leader with it.
        cluster.inFlight = []
        cluster.crash(nodes[0])
        #expect(normal(cluster).isEmpty)
        // The second leads; the old entry is on a majority, but only its own no-operation commits it.
        for _ in 0..<60 where try cluster.leader() != nodes[1] {
            try cluster.tick()
            try cluster.settle()
        }
        #expect(try cluster.leader() == nodes[1])
        let committed = cluster.applied
        #expect(committed.values.contains { $0.kind == .noOperation && $0.term > 2 })
        #expect(normal(cluster) == [1])
    }

    @Test func aLearnerGetsAnImageAndBecomesAVoter() throws {
        let cluster = try cluster()
        try cluster.core(nodes[0])?.propose((1...20).map(descriptor))
        try cluster.settle()
        for node in nodes { try cluster.compact(node) }
        let newcomer = NodeID(4)
        try cluster.core(nodes[0])?.changeMembership([.addLearner(newcomer)])
        try cluster.settle()
        let first = try #require(cluster.replicas[nodes[0]]?.durable.image)
        // An image from before the change would not say that the newcomer is in the group.
        for node in nodes { try cluster.compact(node) }
        try cluster.add(
            newcomer,
            ImageReference(
                index: CoreCluster.firstIndex, term: 1, configuration: first.configuration))
        try cluster.tickAndSettle(10)
        #expect(cluster.replicas[newcomer]?.durable.image.index == 23, "the newcomer is in it")
        #expect(cluster.replicas[newcomer]?.durable.applied == 23)
        try cluster.core(nodes[0])?.changeMembership([.addVoter(newcomer), .remove(nodes[2])])
        // The joint configuration is left by an entry that heartbeats bring round.
        try cluster.tickAndSettle(3)
        let status = try #require(try cluster.status(nodes[0]))
        #expect(status.configuration.voters.sorted() == [nodes[0], nodes[1], newcomer])
        #expect(!status.configuration.isJoint)
        // It votes from now on: the log goes on without the third.
        cluster.crash(nodes[2])
        cluster.crash(nodes[1])
        try cluster.core(nodes[0])?.propose([descriptor(99)])
        try cluster.settle()
        #expect(normal(cluster).last == 99)
    }

    @Test func leadershipIsHandedOver() throws {
        let cluster = try cluster()
        try cluster.core(nodes[0])?.transfer(to: nodes[2])
        try cluster.settle()
        #expect(try cluster.leader() == nodes[2])
        #expect(try cluster.status(nodes[0])?.isLeader == false)
    }

    @Test func aReadWaitsForAMajorityToConfirmTheLeader() throws {
        let cluster = try cluster()
        try cluster.core(nodes[0])?.propose([descriptor(1)])
        try cluster.settle()
        try cluster.core(nodes[0])?.readIndex(context: 7)
        try cluster.settle()
        #expect(cluster.reads == [7: 3])
        cluster.isolate(nodes[0])
        try cluster.core(nodes[0])?.readIndex(context: 8)
        try cluster.settle()
        #expect(cluster.reads[8] == nil, "nobody confirms an isolated leader")
    }

    /// The second came to lead before it knew that it had lost its vote: the only voter may lead by now.
    @Test func whoLeadsWithoutAVoteConfirmsNoRead() throws {
        let cluster = try cluster(voters: 2)
        let (first, second) = (nodes[0], nodes[1])
        try cluster.core(first)?.changeMembership([.remove(second)])
        try cluster.takeReady(first)
        while !cluster.inFlight.isEmpty { try cluster.deliver(at: 0) }
        try cluster.finishWrite(first)
        try cluster.takeReady(second)
        try cluster.finishWrite(second)
        // Committed and applied at the first, of which the second does not hear.
        cluster.cut = [[first, second]]
        try cluster.settle()
        #expect(try cluster.status(first)?.configuration.voters == [first])
        #expect(try cluster.status(second)?.configuration.voters == [first, second])
        cluster.crash(first)
        try cluster.start(first)
        cluster.cut = []
        for _ in 0..<100 where try cluster.status(second)?.isLeader != true {
            try cluster.core(second)?.tick()
            try cluster.settle()
        }
        #expect(try cluster.leader() == second)
        #expect(try cluster.status(second)?.configuration.voters == [first])
        try cluster.core(second)?.readIndex(context: 7)
        try cluster.settle()
        #expect(cluster.reads.isEmpty)
        try cluster.core(second)?.transfer(to: first)
        try cluster.settle()
        #expect(try cluster.leader() == first)
        try cluster.core(first)?.readIndex(context: 8)
        try cluster.settle()
        #expect(cluster.reads.keys.sorted() == [8])
    }

    /// The third was in the group, forgot all it had when it was out, and is asked in again. Somebody who
    /// knows of none of it counts on its vote.
    @Test func whoHasForgottenItsLogDoesNotVote() throws {
        let cluster = try cluster()
        let (first, second, third) = (nodes[0], nodes[1], nodes[2])
        cluster.isolate(second)
        try cluster.core(first)?.propose([descriptor(1)])
        try cluster.settle()
        #expect(normal(cluster) == [1])
        cluster.crash(third)
        let nothing = ImageReference(
            index: CoreCluster.firstIndex, term: 0,
            configuration: GroupConfiguration(index: CoreCluster.firstIndex, voters: [first]))
        try cluster.add(third, nothing)
        cluster.isolate(first)
        cluster.cut = cluster.cut.filter { $0.contains(first) }
        for _ in 0..<100 {
            try cluster.core(second)?.tick()
            try cluster.settle()
        }
        #expect(try cluster.status(second)?.isLeader == false)
    }

    @Test func refusesWhatMakesNoSense() throws {
        let cluster = try cluster()
        let core = try #require(cluster.core(nodes[0]))
        #expect(throws: RaftError.badMessage) {
            try core.step(RaftMessage(from: nodes[1], to: nodes[0], body: [0xFF, 0xFF, 0x01]))
        }
        try core.changeMembership([.addLearner(NodeID(9))])
        #expect(throws: RaftError.changePending) {
            try core.changeMembership([.addLearner(NodeID(8))])
        }
        let image = ImageReference(
            index: 0, term: 0, configuration: GroupConfiguration(index: 0, voters: nodes))
        #expect(
            throws: RaftError.badState("it can not be opened"), "a group begins behind an image"
        ) {
            _ = try EtcdRaft(
                EtcdRaft.Start(
                    node: nodes[0], seed: 1, hardState: HardState(term: 0, vote: nil),
                    appliedIndex: 0, image: image))
        }
    }

    @Test func oneSeedGivesOneHistory() throws {
        func history(_ seed: UInt64) throws -> [String] {
            let cluster = try CoreCluster(voters: 3, seed: seed)
            var history: [String] = []
            for _ in 0..<200 {
                try cluster.tick()
                try cluster.settle()
                history.append("\(try cluster.leader().map(\.number) ?? 0)")
            }
            return history
        }
        #expect(try history(11) == history(11))
        #expect(Set(try (0..<8).map(history)).count > 1)
    }
}
#endif
