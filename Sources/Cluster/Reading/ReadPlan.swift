internal import Raft

/// Who is asked for which shard. A pure function of what is known: the shards here, then for each
/// other shard one live node that holds it, of the own zone if there is one, spread by number.
struct ReadPlan: Equatable {
    /// What is known when a query begins.
    struct View: Sendable {
        let node: NodeID
        let shardCount: Int
        let cluster: ClusterState
        /// Shards with a replica here that takes part, and all with a replica here.
        let taking: Set<Int>
        let hosted: Set<Int>
        let reachable: Set<NodeID>
        /// Who leads a group, as far as is known.
        let leader: @Sendable (GroupID) -> NodeID?
    }

    /// Read here; ascending.
    var local: [Int] = []
    /// Ascending each.
    var remote: [NodeID: [Int]] = [:]
    /// Nobody is left who could be asked; ascending.
    var orphans: [Int] = []

    init(_ view: View) {
        for shard in 0..<view.shardCount {
            if view.taking.contains(shard) {
                local.append(shard)
            } else if let node = ReadPlan.holder(of: shard, view, except: []) {
                remote[node, default: []].append(shard)
            } else if view.hosted.contains(shard) {
                // Better than nothing; the barrier names it.
                local.append(shard)
            } else {
                orphans.append(shard)
            }
        }
    }

    /// The live node to ask for a shard that is not read here; nil when there is none but those
    /// in `except`.
    static func holder(of shard: Int, _ view: View, except: Set<NodeID>) -> NodeID? {
        let group = ShardGroup.group(of: shard)
        func mayBeAsked(_ node: NodeID) -> Bool {
            node != view.node && view.reachable.contains(node) && !except.contains(node)
        }
        let holders = view.cluster.wanted(group).voters.filter(mayBeAsked).sorted()
        let zone = view.cluster.members[view.node]?.zone
        let near = holders.filter { zone != nil && view.cluster.members[$0]?.zone == zone }
        let candidates = near.isEmpty ? holders : near
        // While a group moves, those it is to move to may not have it yet: its leader has.
        guard !candidates.isEmpty else {
            return view.leader(group).flatMap { mayBeAsked($0) ? $0 : nil }
        }
        return candidates[shard % candidates.count]
    }
}
