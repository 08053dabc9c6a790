import Cluster
import Model
import Raft
import Testing

/// How survivors go on, and what is said to be lost by it.
@Suite struct RecoveryPlanTests {
    /// Node `number` of three members, with logs of groups 0 and up that end at these entries.
    private static func survivor(
        _ number: UInt64, logs: [(term: UInt64, last: UInt64)?], isWitness: Bool = false,
        voters: [NodeID] = nodes(1, 2, 3), clusterID: UInt64 = 9
    ) -> Survivor {
        Survivor(
            identity: ClusterDirectory(
                clusterID: clusterID, node: node(number), name: "n\(number)", zone: nil),
            address: "n\(number):8781", isWitness: isWitness, shardCount: logs.count - 1,
            members: [node(1): "n1", node(2): "n2", node(3): "n3"],
            logs: logs.enumerated().compactMap { group, log in
                log.map {
                    Survivor.Log(
                        group: GroupID(UInt32(group)), lastTerm: $0.term, lastIndex: $0.last,
                        voters: voters)
                }
            })
    }

    @Test func descriptionsComeBack() throws {
        var survivor = Self.survivor(2, logs: [(3, 40), nil, (2, 7)])
        survivor.logs[GroupID(2)]?.newest = Timestamp(nanos: -5)
        survivor.logs[GroupID(2)]?.isChanging = true
        survivor.logs[GroupID(2)]?.outgoingVoters = nodes(4, 5)
        let read = try Survivor(parsing: survivor.text)
        #expect(read == survivor)
        for cut in ["varve survivor\n", "format 1\n", "node 2 n2 n2:8781 0\n", "shards 2\n"] {
            let damaged = survivor.text.replacing(cut, with: "")
            #expect(throws: NodeError.self) { _ = try Survivor(parsing: damaged) }
        }
        #expect(throws: NodeError.self) {
            _ = try Survivor(parsing: survivor.text.replacing("format 1", with: "format 2"))
        }
        for damaged in ["log 3", " \nlog 2"] {
            #expect(throws: NodeError.self) {
                _ = try Survivor(parsing: survivor.text.replacing("log 2", with: damaged))
            }
        }
    }

    @Test func theLongestLogGoesOn() throws {
        let two = Self.survivor(2, logs: [(3, 40), (3, 10), (2, 90), nil])
        let three = Self.survivor(3, logs: [(3, 39), (3, 11), (3, 1), nil])
        let plan = try RecoveryPlan([two, three])
        // Terms count before entries; what nobody has begins where least is.
        #expect(plan.holders == nodes(2, 3, 3, 2))
        #expect(plan.survivors == nodes(2, 3) && plan.clusterID != plan.formerID)
        #expect(try RecoveryPlan([three, two]) == plan)
        #expect(try RecoveryPlan(parsing: plan.text) == plan)
        let losses = plan.losses([two, three]).map(\.loss)
        #expect(losses == [.nothing, .nothing, .nothing, .everything])
    }

    @Test func withoutAMajorityTheEndIsLost() throws {
        let three = Self.survivor(3, logs: [(3, 39), (3, 11), nil])
        let plan = try RecoveryPlan([three])
        let losses = plan.losses([three]).map(\.loss)
        let log = try #require(three.logs[GroupID(1)])
        #expect(losses[1] == .tail(log, survivingVoters: 1, voters: 3))
        #expect(losses[2] == .everything)
        let lines = plan.report([three]) { "\($0.nanos)" }
        #expect(lines.contains("never to come back: n1 (node 1), n2 (node 2)"))
        #expect(lines.contains { $0.hasPrefix("shard 1: ALL IS LOST") })
        #expect(lines.contains { $0.contains("shard 0") && $0.contains("2 of 3 voters") })
    }

    @Test func aChangeOfMembersInTheLogMakesAMajorityDoubtful() throws {
        var two = Self.survivor(2, logs: [(3, 40), (3, 10)])
        let three = Self.survivor(3, logs: [(3, 40), (3, 9)])
        two.logs[GroupID(1)]?.isChanging = true
        let plan = try RecoveryPlan([two, three])
        let loss = plan.losses([two, three])[1].loss
        #expect(loss != .nothing)
        two.logs[GroupID(1)]?.isChanging = false
        two.logs[GroupID(1)]?.outgoingVoters = nodes(4, 5, 6)
        #expect(plan.losses([two, three])[1].loss != .nothing)
        two.logs[GroupID(1)]?.outgoingVoters = nodes(2, 3, 6)
        #expect(plan.losses([two, three])[1].loss == .nothing)
    }

    @Test func whatCanNotGoOnTogetherIsRefused() {
        let whole = Self.survivor(2, logs: [(3, 40), (3, 10)])
        let refused: [[Survivor]] = [
            [], [whole, whole], [whole, Self.survivor(3, logs: [(3, 4), nil], clusterID: 8)],
            [whole, Self.survivor(3, logs: [(3, 4), nil, nil])],
            [Self.survivor(3, logs: [(3, 4), nil], isWitness: true)],
            [Self.survivor(3, logs: [nil, (3, 4)])],
        ]
        for survivors in refused {
            #expect(throws: NodeError.self) { _ = try RecoveryPlan(survivors) }
        }
        var stranger = Self.survivor(9, logs: [(2, 4), (9, 9)])
        stranger.members[node(9)] = "n9"
        #expect(throws: NodeError.self) { _ = try RecoveryPlan([whole, stranger]) }
    }

    @Test func aWitnessHoldsNoShard() throws {
        let witness = Self.survivor(1, logs: [(3, 99), nil, nil], isWitness: true)
        let keeper = Self.survivor(3, logs: [(3, 4), (3, 4), nil])
        #expect(try RecoveryPlan([witness, keeper]).holders == nodes(1, 3, 3))
    }
}
