import Raft
import Testing

@testable import Cluster

/// Who is asked for which shard.
struct ReadPlanTests {
    private static func state(_ holders: [[UInt64]], zones: [String?]) -> ClusterState {
        var state = ClusterState()
        state.clusterID = 1
        state.shardCount = holders.count
        for (index, zone) in zones.enumerated() {
            let node = NodeID(UInt64(index + 1))
            state.members[node] = Member(
                id: node,
                Newcomer(
                    name: "n\(node.number)", zone: zone, address: "h:1", httpAddress: "h:2",
                    featureLevel: 1, token: 1))
        }
        for (shard, nodes) in holders.enumerated() {
            state.assignments[ShardGroup.group(of: shard)] = nodes.map { NodeID($0) }
        }
        return state
    }

    private static func view(
        _ state: ClusterState, node: UInt64 = 1, taking: Set<Int> = [], hosted: Set<Int>? = nil,
        reachable: Set<UInt64>, leader: UInt64? = nil
    ) -> ReadPlan.View {
        ReadPlan.View(
            node: NodeID(node), shardCount: state.shardCount, cluster: state, taking: taking,
            hosted: hosted ?? taking, reachable: Set(reachable.map { NodeID($0) }),
            leader: { _ in leader.map { NodeID($0) } })
    }

    @Test func whatIsHereIsReadHere() {
        let state = Self.state([[1, 2], [2, 3], [3, 1]], zones: [nil, nil, nil])
        let plan = ReadPlan(Self.view(state, taking: [0, 2], reachable: [2, 3]))
        #expect(plan.local == [0, 2])
        #expect(plan.remote.values.flatMap(\.self) == [1])
        #expect(plan.orphans == [])
    }

    @Test func aHolderOfTheOwnZoneComesFirst() {
        let state = Self.state(
            Array(repeating: [2, 3, 4], count: 4), zones: ["a", "b", "a", "b"])
        let plan = ReadPlan(Self.view(state, reachable: [2, 3, 4]))
        #expect(plan.remote == [NodeID(3): [0, 1, 2, 3]])
        let without = ReadPlan(Self.view(state, reachable: [2, 4]))
        #expect(without.remote == [NodeID(2): [0, 2], NodeID(4): [1, 3]])
    }

    @Test func shardsAreSpreadOverTheirHolders() {
        let state = Self.state(
            Array(repeating: [2, 3], count: 16), zones: [nil, nil, nil])
        let plan = ReadPlan(Self.view(state, reachable: [2, 3]))
        #expect(plan.remote.mapValues(\.count) == [NodeID(2): 8, NodeID(3): 8])
    }

    @Test func theLeaderIsAskedWhenNoneOfTheWantedIsThere() {
        let state = Self.state([[2]], zones: [nil, nil, nil])
        let plan = ReadPlan(Self.view(state, reachable: [3], leader: 3))
        #expect(plan.remote == [NodeID(3): [0]])
    }

    @Test func aReplicaThatTakesNoPartIsBetterThanNothing() {
        let state = Self.state([[1, 2], [2]], zones: [nil, nil])
        let plan = ReadPlan(Self.view(state, hosted: [0], reachable: []))
        #expect(plan.local == [0] && plan.remote.isEmpty && plan.orphans == [1])
        let other = ReadPlan(Self.view(state, hosted: [0], reachable: [2]))
        #expect(other.local == [] && other.remote == [NodeID(2): [0, 1]])
    }
}
