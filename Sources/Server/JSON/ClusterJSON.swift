internal import Cluster

/// The cluster's status as JSON: names as in the values, camelCase.
enum ClusterJSON {
    static func write(_ status: ClusterStatus, to json: inout JSONWriter) {
        json.raw("{\"healthy\":")
        json.boolean(status.isHealthy)
        json.raw(",\"current\":\(status.isCurrent),\"clusterId\":")
        optional(status.clusterID, &json)
        json.raw(",\"node\":")
        json.string(status.node)
        json.raw(",\"featureLevel\":\(status.featureLevel),\"members\":")
        list(status.members, &json, member)
        json.raw(",\"shards\":")
        list(status.shards, &json, shard)
        json.raw(",\"activity\":")
        json.array(status.activity)
        json.raw(",\"warnings\":")
        json.array(status.warnings)
        json.raw(",\"waitsFor\":")
        optional(status.waitsFor, &json)
        json.raw("}")
    }

    private static func member(_ member: ClusterStatus.Member, _ json: inout JSONWriter) {
        json.raw("{\"id\":\(member.id),\"name\":")
        json.string(member.name)
        json.raw(",\"zone\":")
        optional(member.zone, &json)
        json.raw(",\"address\":")
        json.string(member.address)
        json.raw(",\"httpAddress\":")
        json.string(member.httpAddress)
        json.raw(",\"state\":")
        json.string(member.state)
        json.raw(",\"live\":\(member.isLive),\"answers\":\(member.hasAnswered)")
        json.raw(",\"witness\":\(member.isWitness)")
        json.raw(",\"replicas\":\(member.replicaCount),\"leaders\":\(member.leaderCount)")
        json.raw(",\"featureLevel\":\(member.featureLevel)}")
    }

    private static func shard(_ shard: ClusterStatus.Shard, _ json: inout JSONWriter) {
        json.raw("{\"shard\":")
        json.string(shard.number.map(String.init) ?? "meta")
        json.raw(",\"leader\":")
        optional(shard.leader, &json)
        json.raw(",\"term\":\(shard.term),\"voters\":")
        json.array(shard.voters)
        json.raw(",\"learners\":")
        json.array(shard.learners)
        json.raw(",\"lagEntries\":\(shard.lagEntries)")
        json.raw(",\"underReplicated\":\(shard.isUnderReplicated)")
        json.raw(",\"majority\":\(shard.hasMajority),\"movement\":")
        optional(shard.movement, &json)
        json.raw("}")
    }

    /// `[…]` of what `write` writes for each.
    static func list<Value>(
        _ values: [Value], _ json: inout JSONWriter, _ write: (Value, inout JSONWriter) -> Void
    ) {
        json.raw("[")
        for (index, value) in values.enumerated() {
            if index > 0 { json.comma() }
            write(value, &json)
        }
        json.raw("]")
    }

    private static func optional(_ text: String?, _ json: inout JSONWriter) {
        if let text { json.string(text) } else { json.raw("null") }
    }
}
