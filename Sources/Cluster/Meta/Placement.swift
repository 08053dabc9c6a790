internal import Platform
package import Raft

/// Who is to hold what: a pure function from the state of the cluster and what is seen of its nodes
/// to the next assignments. Called again and again, with what it asked for applied in between, it
/// comes to rest; at rest it asks for nothing.
///
/// What holds for what it asks for:
/// - A group has three voters, or as many as there are members for it; the meta group five when
///   there are five members.
/// - Nothing is placed on a member that is draining, gone, written off or not live, and no shard on
///   a witness.
/// - With three zones or more, no zone has a majority of a group; with two, each has a part.
/// - A command changes at most one replica of a group, except that a group may grow at once.
/// - A group that has not converged is left alone, unless one of its replicas will not come back.
/// - A node takes part in at most two groups that move, and in more of them while what they copy is
///   little: many small groups move together, large ones do not.
///
/// At rest, counts of replicas differ by at most one between nodes of a zone, and are less than two
/// from the share that would be most even over all zones; no single move that keeps the zones apart
/// would even them more. Preferred leaders are as even as any choice among the replicas makes them,
/// but for nodes that are slow, which lead only what nobody else can.
///
/// Source: raft.md §5 of the design; even leaders: Harvey, Ladner, Lovász, Tamir, "Semi-matchings
/// for bipartite graphs and load balancing".
package struct Placement {
    /// Voters of a shard's group.
    package static let replicationFactor = 3
    /// Voters of the meta group, and how many members it takes.
    package static let metaReplicationFactor = 5
    /// Groups that move at a time and a node takes part in, whatever their size.
    package static let movesPerNodeMax = 2
    /// Bytes that the groups may hold together which a node moves beyond these.
    package static let moveBytesMax: UInt64 = 256 << 20
    /// Groups that move at a time and a node takes part in, however small: each opens files and is
    /// a step of a loop.
    package static let smallMovesPerNodeMax = 512

    /// What is seen of the nodes.
    package struct View: Sendable {
        /// Heard of lately.
        package var live: Set<NodeID>
        /// Bytes that a node holds, where known: breaks ties.
        package var loads: [NodeID: UInt64]
        /// Not heard of for so long that they are replaced.
        package var writtenOff: Set<NodeID>
        /// Groups whose members are not yet as assigned.
        package var moving: Set<GroupID>
        /// Bytes that a replica of a group holds, as its leader tells: what a move copies. One
        /// that nobody tells of counts as large.
        package var sizes: [GroupID: UInt64]
        /// Whose disks are slow: they are to lead nothing that another can.
        package var slow: Set<NodeID>

        package init(
            live: Set<NodeID>, loads: [NodeID: UInt64] = [:], writtenOff: Set<NodeID> = [],
            moving: Set<GroupID> = [], sizes: [GroupID: UInt64] = [:],
            slow: Set<NodeID> = []
        ) {
            self.live = live
            self.loads = loads
            self.sizes = sizes
            self.slow = slow
            // Who is heard of again is not lost.
            self.writtenOff = writtenOff.subtracting(live)
            self.moving = moving
        }
    }

    let state: ClusterState
    let view: View
    /// The assignments as planned so far.
    var plan: [GroupID: [NodeID]]
    /// Replicas of shards that a node has by the plan.
    var replicaCounts: [NodeID: Int] = [:]
    /// What a node takes part in by now.
    var busy: [NodeID: MoveLoad] = [:]
    /// Groups that the plan changes.
    var changed: Set<GroupID> = []

    /// The assignments to propose next, by group; empty when all is well or must wait.
    package static func commands(_ state: ClusterState, _ view: View) -> [ClusterCommand] {
        guard state.isFounded else { return [] }
        var placement = Placement(state: state, view: view)
        placement.improve()
        return placement.changed.sorted().compactMap { group in
            guard let replicas = placement.plan[group], replicas != state.assignments[group]
            else { return nil }
            return .assign(group, replicas)
        }
    }

    private init(state: ClusterState, view: View) {
        self.state = state
        self.view = view
        plan = state.assignments
        for group in state.shardGroups {
            for replica in plan[group] ?? [] { replicaCounts[replica, default: 0] += 1 }
        }
        for group in view.moving where group != ClusterState.metaGroup {
            for replica in plan[group] ?? [] { busy[replica, default: MoveLoad()].add(size(group)) }
        }
    }

    /// Bytes that a move of the group copies.
    func size(_ group: GroupID) -> UInt64 { view.sizes[group] ?? Placement.moveBytesMax }

    /// Whether a node may take part in a move of so many bytes besides what it does by now.
    func hasRoom(_ node: NodeID, for bytes: UInt64) -> Bool {
        busy[node, default: MoveLoad()].hasRoom(for: bytes)
    }

    /// Voters that a group should have, by who is a member.
    static func wantedCount(_ group: GroupID, _ state: ClusterState) -> Int {
        let isMeta = group == ClusterState.metaGroup
        let memberCount = state.members.values.count {
            $0.state == .active && (isMeta || !$0.isWitness)
        }
        return max(1, min(isMeta ? metaWanted(state) : replicationFactor, memberCount))
    }

    private mutating func improve() {
        let meta = Pool(
            state, view, wantedMax: Placement.metaWanted(state), includesWitnesses: true)
        let shards = Pool(
            state, view, wantedMax: Placement.replicationFactor, includesWitnesses: false)
        let groups = [ClusterState.metaGroup] + state.shardGroups
        for group in groups { repair(group, group == ClusterState.metaGroup ? meta : shards) }
        for group in groups { separate(group, group == ClusterState.metaGroup ? meta : shards) }
        balance(shards)
        relieveLeaders(meta, shards)
        // While replicas move, where leaders end up is not known: evening them would be in vain.
        if changed.isEmpty, view.moving.isEmpty { balanceLeaders(shards) }
    }

    /// Five voters take five members; four would be no better than three.
    private static func metaWanted(_ state: ClusterState) -> Int {
        let count = state.members.values.count { $0.state == .active }
        return count >= metaReplicationFactor ? metaReplicationFactor : replicationFactor
    }
}

/// Groups that move and a node takes part in.
struct MoveLoad: Sendable {
    private var count = 0
    private var bytes: UInt64 = 0

    mutating func add(_ groupBytes: UInt64) {
        count += 1
        bytes &+= min(groupBytes, Placement.moveBytesMax)
    }

    func hasRoom(for groupBytes: UInt64) -> Bool {
        if count < Placement.movesPerNodeMax { return true }
        return count < Placement.smallMovesPerNodeMax
            && bytes + min(groupBytes, Placement.moveBytesMax) <= Placement.moveBytesMax
    }
}

/// Whom the groups of a kind may be placed on.
struct Pool {
    /// Members with a future: active and not written off.
    let eligible: [NodeID: Member]
    /// Of them, those that can take something now, by id.
    let candidates: [NodeID]
    /// Where members stand, those included that are on their way out: while they stay, their zone
    /// has a part of the group.
    private let domains: [NodeID: FailureDomain]
    /// Replicas of a group.
    let wanted: Int
    /// Replicas of a group in one zone: what even spreading needs.
    let perDomainMax: Int

    init(
        _ state: ClusterState, _ view: Placement.View, wantedMax: Int, includesWitnesses: Bool
    ) {
        let members = state.members.filter {
            $0.value.state == .active && (includesWitnesses || !$0.value.isWitness)
        }
        // A node that is written off may come back: a group does not shrink because of it.
        wanted = max(1, min(wantedMax, members.count))
        eligible = members.filter { !view.writtenOff.contains($0.key) }
        domains = state.members.mapValues {
            Mutant.isOn(.placementIgnoresZones) ? .node($0.id) : $0.failureDomain
        }
        candidates = eligible.keys.filter(view.live.contains).sorted()
        let domainCount = Set(eligible.values.map(\.failureDomain)).count
        let spread = max(1, min(domainCount, wanted))
        perDomainMax = (wanted + spread - 1) / spread
    }

    func isGood(_ replica: NodeID) -> Bool { eligible[replica] != nil }

    /// Of `replicas` in the same zone as `node`.
    func neighbours(of node: NodeID, in replicas: [NodeID]) -> Int {
        guard let domain = domains[node] else { return 0 }
        return replicas.count { domains[$0] == domain }
    }
}
