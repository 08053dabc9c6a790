#if canImport(CEtcdRaft)
import Raft
import Replication
import Testing

@Suite struct ReplicatorClusterTests {
    private let group = GroupID(0)

    private func write(
        _ cluster: ReplicatorCluster, _ numbers: ClosedRange<Int>, bytes: Int = 100
    ) throws {
        for number in numbers {
            let leader = try #require(cluster.leader(of: group))
            try cluster.propose(
                [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: bytes + number),
                to: group, at: leader)
            try cluster.settle()
        }
    }

    @Test func aFounderGrowsToThreeThatHoldTheSame() throws {
        let cluster = try ReplicatorCluster.grown()
        try write(cluster, 1...40)
        try cluster.tickAndSettle(10)
        #expect(cluster.acknowledged[group]?.count == 40)
        let machines = cluster.nodes.values.map { $0.machines[group] }
        #expect(machines.count == 3 && machines.allSatisfy { $0 == machines[0] })
        #expect(cluster.divergences.isEmpty && cluster.faults.isEmpty)
    }

    @Test func aSoleVotersLogGoesOnAsAClusters() throws {
        let cluster = ReplicatorCluster()
        try cluster.start(1, as: .soleVoter)
        for number in 1...5 as ClosedRange<UInt8> {
            try cluster.propose([number], to: group, at: NodeID(1))
            try cluster.settle()
        }
        cluster.seal(1)
        try cluster.propose([6], to: group, at: NodeID(1))
        try cluster.settle()
        cluster.crash(1)
        try cluster.start(1, as: .founder)
        try cluster.settle()
        #expect(cluster.node(1)?.machines[group]?.payloads[6] == [6])
        try cluster.start(2, as: .newcomer(founder: NodeID(1)))
        #expect(
            cluster.node(1)?.replicator?.changeMembership(group, [.addLearner(NodeID(2))]) == true)
        try cluster.tickAndSettle(10)
        try write(cluster, 7...9)
        try cluster.tickAndSettle(10)
        #expect(cluster.node(2)?.machines[group] == cluster.node(1)?.machines[group])
        #expect(cluster.faults.isEmpty)
    }

    @Test func theLossOfTheLeaderLosesNothing() throws {
        let cluster = try ReplicatorCluster.grown()
        try write(cluster, 1...10)
        let old = try #require(cluster.leader(of: group))
        cluster.crash(old.number)
        try cluster.tickAndSettle(40)
        let new = try #require(cluster.leader(of: group))
        #expect(new != old)
        try write(cluster, 11...20)
        try cluster.start(old.number, as: .newcomer(founder: NodeID(1)))
        try cluster.tickAndSettle(40)
        let machines = cluster.nodes.values.map { $0.machines[group] }
        #expect(machines.allSatisfy { $0 == machines[0] })
        #expect(machines[0]?.payloads.count == 20)
        #expect(cluster.divergences.isEmpty && cluster.faults.isEmpty)
    }

    @Test(arguments: [1, 10])
    func aLostLeadersGroupsAreLedAgainAfterOneTimeout(patience: Int) throws {
        let cluster = try ReplicatorCluster.grown(groups: 8)
        try cluster.tickAndSettle(30)
        // It is gone, not slow.
        cluster.patience = patience
        let lost = try #require(cluster.leader(of: group))
        #expect(cluster.leaders == [NodeID](repeating: lost, count: 8))
        cluster.crash(lost.number)
        for node in cluster.nodes.values { node.replicator?.disconnected(lost) }
        try cluster.tickAndSettle(12)
        #expect(cluster.leaders.count == 8 && !cluster.leaders.contains(lost))
        #expect(Set(cluster.leaders).count == 2, "one of them leads all")
        #expect(cluster.divergences.isEmpty && cluster.faults.isEmpty)
    }

    /// The other one's core still counts on the leader then, and turns the first attempt down.
    @Test(arguments: 1...4) func aVoterThatBeganToWaitLaterHoldsUpNobody(ticksLater: Int) throws {
        let cluster = try ReplicatorCluster.grown(groups: 8)
        try cluster.tickAndSettle(30)
        let lost = try #require(cluster.leader(of: group))
        cluster.crash(lost.number)
        let rest = cluster.nodes.values.filter { $0.id != lost }.sorted { $0.id < $1.id }
        for node in rest { node.replicator?.disconnected(lost) }
        for _ in 0..<ticksLater {
            rest[0].replicator?.tick(reachable: Set(rest.map(\.id)))
            try cluster.settle()
        }
        try cluster.tickAndSettle(9)
        #expect(cluster.leaders.count == 8 && !cluster.leaders.contains(lost))
        #expect(Set(cluster.leaders).count == 2, "one of them leads all")
        #expect(cluster.divergences.isEmpty && cluster.faults.isEmpty)
    }

    @Test(arguments: [2, 5, 10]) func patienceMakesElectionsWaitAlike(patience: Int) throws {
        let cluster = try ReplicatorCluster.grown(groups: 8)
        cluster.patience = patience
        try cluster.tickAndSettle(30 * patience)
        let lost = try #require(cluster.leader(of: group))
        cluster.crash(lost.number)
        cluster.silent = [lost]
        // Its last claims hold for five, and then nobody stands at once.
        try cluster.tickAndSettle(9 * patience)
        #expect(cluster.leaders.isEmpty)
        try cluster.tickAndSettle(45 * patience)
        #expect(cluster.leaders.count == 8 && !cluster.leaders.contains(lost))
        #expect(cluster.divergences.isEmpty && cluster.faults.isEmpty)
    }

    @Test func whatBecomesImpatientElectsAsSoonAsEver() throws {
        let cluster = try ReplicatorCluster.grown(groups: 8)
        cluster.patience = 10
        try cluster.tickAndSettle(50)
        let lost = try #require(cluster.leader(of: group))
        cluster.crash(lost.number)
        cluster.silent = [lost]
        try cluster.tickAndSettle(25)
        #expect(cluster.leaders.isEmpty)
        cluster.patience = 1
        try cluster.tickAndSettle(50)
        #expect(cluster.leaders.count == 8)
    }

    @Test func claimsHoldLongerWithPatience() throws {
        let cluster = try ReplicatorCluster.grown()
        try cluster.tickAndSettle(30)
        let leader = try #require(cluster.leader(of: group))
        let term = try #require(cluster.node(leader.number)?.replicator?.status(of: group)?.term)
        // It says nothing for 2.5 s, and is not heard.
        let followers = cluster.nodes.values.filter { $0.id != leader }.compactMap(\.replicator)
        func silence(_ ticks: Int, patience: Int) throws {
            for _ in 0..<ticks {
                for follower in followers {
                    follower.tick(reachable: Set(cluster.nodes.keys), patience: patience)
                }
                try cluster.settle()
            }
        }
        try silence(50, patience: 10)
        #expect(cluster.node(leader.number)?.replicator?.status(of: group)?.term == term)
        #expect(cluster.leader(of: group) == leader)
        try silence(30, patience: 1)
        #expect(cluster.leader(of: group) != leader || cluster.leaders.isEmpty)
    }

    @Test func afterAStartThePreferredLeaderDoesNotWaitForATimeout() throws {
        let cluster = try ReplicatorCluster.grown(groups: 8)
        for number in 1...3 as ClosedRange<UInt64> { cluster.crash(number) }
        for number in 1...3 as ClosedRange<UInt64> {
            try cluster.start(number, as: .newcomer(founder: NodeID(1)))
            cluster.node(number)?.replicator?.prefer(
                cluster.groups.filter { UInt64($0.number) % 3 + 1 == number })
        }
        try cluster.tickAndSettle(3)
        #expect(cluster.leaders == cluster.groups.map { NodeID(UInt64($0.number) % 3 + 1) })
    }

    @Test func aListOfClaimsHoldsWhileItIsStoodBy() throws {
        let cluster = try ReplicatorCluster.grown()
        try cluster.tickAndSettle(30)
        let leader = try #require(cluster.leader(of: group))
        let claims = try #require(cluster.node(leader.number)?.replicator?.claims)
        let followers = cluster.nodes.values.filter { $0.id != leader }.compactMap(\.replicator)
        for follower in followers { follower.receive(claims: claims, number: 7, from: leader) }
        func tickFollowers(standingBy number: UInt64) throws {
            for _ in 0..<40 {
                for follower in followers {
                    follower.receive(claims: nil, number: number, from: leader)
                    follower.tick(reachable: [])
                }
                try cluster.settle()
            }
        }
        try tickFollowers(standingBy: 7)
        #expect(cluster.node(leader.number)?.replicator?.claims == claims)
        try tickFollowers(standingBy: 8)
        #expect(cluster.node(leader.number)?.replicator?.claims != claims)
    }

    @Test func whoIsTooFarBehindGetsAnImage() throws {
        let cluster = try ReplicatorCluster.grown()
        let leader = try #require(cluster.leader(of: group))
        let behind = try #require(cluster.nodes.keys.sorted().first { $0 != leader })
        cluster.crash(behind.number)
        try write(cluster, 1...60, bytes: 2_000)
        for node in cluster.nodes.keys where node != behind { cluster.seal(node.number) }
        try write(cluster, 61...70)
        try cluster.start(behind.number, as: .newcomer(founder: NodeID(1)))
        try cluster.tickAndSettle(60)
        let machine = cluster.nodes[behind]?.machines[group]
        #expect(machine?.payloads.count == 70)
        #expect(machine == cluster.nodes[leader]?.machines[group])
        // And again after a crash: what the journal says of the image fits the state machine.
        cluster.crash(behind.number)
        try cluster.start(behind.number, as: .newcomer(founder: NodeID(1)))
        try cluster.tickAndSettle(40)
        #expect(cluster.nodes[behind]?.machines[group] == cluster.nodes[leader]?.machines[group])
        #expect(cluster.faults.isEmpty)
    }

    @Test func largePayloadsAreCutIntoMessages() throws {
        let cluster = try ReplicatorCluster.grown()
        let leader = try #require(cluster.leader(of: group))
        for number in 0..<20 as Range<UInt8> {
            try cluster.propose(
                [UInt8](repeating: number, count: 60_000), to: group, at: leader)
        }
        try cluster.settle()
        try cluster.tickAndSettle(20)
        let machines = cluster.nodes.values.map { $0.machines[group] }
        #expect(machines.allSatisfy { $0 == machines[0] })
        #expect(machines[0]?.payloads.count == 20)
    }

    @Test func idleGroupsGoQuiet() throws {
        let cluster = try ReplicatorCluster.grown(groups: 4)
        try cluster.tickAndSettle(30)
        var messageCount = 0
        for _ in 0..<40 {
            cluster.tick()
            for node in cluster.nodes.values { try cluster.round(node) }
            messageCount += cluster.inFlight.count
            try cluster.settle()
        }
        // Ten ticks in fifty would be each group's heartbeats.
        #expect(messageCount < 20)
        #expect(Set(cluster.leaders).count >= 1)
    }

    /// All that is sent to a follower is lost for a while, and nobody sees a connection break.
    @Test func aLeaderIsNotQuietWhileAFollowerIsBehind() throws {
        let cluster = try ReplicatorCluster.grown()
        try write(cluster, 1...3)
        let leader = try #require(cluster.leader(of: group))
        let behind = try #require(cluster.nodes.keys.sorted().first { $0 != leader })
        cluster.deaf = [behind]
        try write(cluster, 4...6)
        try cluster.tickAndSettle(12)
        cluster.deaf = []
        // Sooner than a quiet leader looks around.
        try cluster.tickAndSettle(10)
        #expect(cluster.nodes[behind]?.machines[group] == cluster.nodes[leader]?.machines[group])
    }

    /// The leader's words do not get out, those of the others do.
    @Test func aLeaderThatIsNotHeardIsReplaced() throws {
        let cluster = try ReplicatorCluster.grown()
        try write(cluster, 1...3)
        let old = try #require(cluster.leader(of: group))
        for other in cluster.nodes.keys where other != old { cluster.cut.insert([old, other]) }
        try cluster.propose([7], to: group, at: old)
        try cluster.tickAndSettle(60)
        let new = try #require(cluster.leader(of: group))
        #expect(new != old)
        #expect(cluster.nodes[old]?.replicator?.status(of: group)?.isLeader == false)
        try write(cluster, 8...9)
        cluster.cut = []
        try cluster.tickAndSettle(40)
        let machines = cluster.nodes.values.map { $0.machines[group] }
        #expect(machines.allSatisfy { $0 == machines[0] })
        #expect(cluster.divergences.isEmpty && cluster.faults.isEmpty)
    }

    @Test func aFreshReadIndexComesOnFollowersToo() throws {
        let cluster = try ReplicatorCluster.grown()
        try write(cluster, 1...3)
        let leader = try #require(cluster.leader(of: group))
        let follower = try #require(cluster.nodes.keys.sorted().first { $0 != leader })
        cluster.nodes[follower]?.replicator?.readIndex(group, context: 77)
        try cluster.tickAndSettle(2)
        let commit = cluster.nodes[leader]?.replicator?.commitIndex(of: group)
        #expect(cluster.reads.last?.context == 77 && cluster.reads.last?.index == commit)
    }
}
#endif
