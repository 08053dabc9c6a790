internal import Raft
internal import Replication

/// How the cluster is as a node sees it, in plain values for those who show it.
package struct ClusterStatus: Sendable, Hashable {
    /// A node that has not left.
    package struct Member: Sendable, Hashable {
        package var id: UInt64
        package var name: String
        package var zone: String?
        /// HOST:PORT for its peers.
        package var address: String
        /// HOST:PORT for clients.
        package var httpAddress: String
        /// `active` or `draining`.
        package var state: String
        package var isLive: Bool
        /// It said how the groups are that it leads when it was asked.
        package var hasAnswered: Bool
        package var isWitness: Bool
        /// Shards that it votes in, and those that it leads.
        package var replicaCount: Int
        package var leaderCount: Int
        package var featureLevel: Int
    }

    /// A group: a shard, or the cluster's own.
    package struct Shard: Sendable, Hashable {
        /// Nil for the meta group.
        package var number: Int?
        package var leader: String?
        package var term: UInt64
        package var voters: [String]
        package var learners: [String]
        /// Entries that the member furthest behind lacks of what is committed.
        package var lagEntries: UInt64
        package var isUnderReplicated: Bool
        package var hasMajority: Bool
        /// What it waits for on its way to where it should be; nil when it is there.
        package var movement: String?
    }

    package var isHealthy = true
    /// The node that tells knows what the cluster decided last.
    package var isCurrent = true
    /// 16 hexadecimal digits; nil for a node of one.
    package var clusterID: String?
    /// The name of the node that tells.
    package var node: String
    package var featureLevel: Int
    /// By id.
    package var members: [Member]
    /// The meta group first, then by number.
    package var shards: [Shard]
    /// What is under way on this node.
    package var activity: [String] = []
    /// What is risky though it works.
    package var warnings: [String] = []
    /// What this node still waits for before it can serve; nil when it can.
    package var waitsFor: String?

    /// Of a node that is alone and has all shards.
    init(aloneWith shardCount: Int, name: String) {
        node = name
        featureLevel = Int(ClusterFeatures.level)
        members = [
            Member(
                id: 1, name: name, zone: nil, address: "", httpAddress: "", state: "active",
                isLive: true, hasAnswered: true, isWitness: false, replicaCount: shardCount,
                leaderCount: shardCount, featureLevel: Int(ClusterFeatures.level))
        ]
        shards = (0..<shardCount).map {
            Shard(
                number: $0, leader: name, term: 1, voters: [name], learners: [], lagEntries: 0,
                isUnderReplicated: false, hasMajority: true, movement: nil)
        }
    }

    init(
        _ health: ClusterHealth, _ state: ClusterState, _ place: ClusterPlace,
        activity: [String], waitsFor: String?
    ) {
        func name(_ id: NodeID) -> String { state.members[id]?.name ?? "\(id)" }
        isHealthy = health.isHealthy && waitsFor == nil
        isCurrent = health.isStateCurrent
        clusterID = hexadecimal(place.identity.clusterID)
        node = place.identity.name
        featureLevel = Int(state.featureLevel)
        members = health.members.map { line in
            Member(
                id: line.member.id.number, name: line.member.name, zone: line.member.zone,
                address: line.member.address, httpAddress: line.member.httpAddress,
                state: line.member.state == .draining ? "draining" : "active",
                isLive: line.isLive, hasAnswered: line.hasAnswered,
                isWitness: line.member.isWitness, replicaCount: line.replicaCount,
                leaderCount: line.leaderCount,
                featureLevel: Int(line.member.featureLevel))
        }
        shards = health.groups.map { line in
            let isMeta = line.group == ClusterState.metaGroup
            return Shard(
                number: isMeta ? nil : ShardGroup.shard(of: line.group),
                leader: line.hasLeader ? line.report?.leader.map(name) : nil,
                term: line.report?.term ?? 0, voters: line.voters.map(name),
                learners: (line.report?.learners ?? []).map(name),
                lagEntries: line.report?.lags.values.max() ?? 0,
                isUnderReplicated: line.isUnderReplicated, hasMajority: line.hasMajority,
                movement: line.movement.map { ClusterStatus.named($0, state) })
        }
        self.activity = activity.map { ClusterStatus.named($0, state) }
        warnings = health.warnings
        self.waitsFor = waitsFor
    }

    /// `node 3` in a sentence becomes the node's name.
    private static func named(_ sentence: String, _ state: ClusterState) -> String {
        let words = sentence.split(separator: " ", omittingEmptySubsequences: false)
        var result: [String] = []
        var index = 0
        while index < words.count {
            let next = index + 1 < words.count ? words[index + 1] : ""
            let digits = next.prefix { $0.isNumber }
            if words[index] == "node", let number = UInt64(digits),
                let id = NodeID(nonzero: number),
                let member = state.members[id]
            {
                result.append(member.name + next.dropFirst(digits.count))
                index += 2
            } else {
                result.append(String(words[index]))
                index += 1
            }
        }
        return result.joined(separator: " ")
    }
}

extension Node {
    /// How the cluster is now, or the node of one.
    package func clusterStatus() async -> ClusterStatus {
        guard let cluster else { return ClusterStatus(aloneWith: shardCount, name: "this") }
        return cluster.status(of: await cluster.currentHealth())
    }
}
