internal import Cluster

/// `/api/v1/cluster/…`: how the cluster is, and what an operator asks of it. Answers and errors
/// come in Prometheus' envelope; errors of a parameter name it.
struct ClusterAPI: Sendable {
    let node: Node

    func addRoutes(to table: inout RouteTable) {
        table.add([.get], "/api/v1/cluster/status", .quick, status)
        table.add([.get], "/api/v1/cluster/health", .quick, health)
        table.add([.get], "/api/v1/cluster/upgrade-check", .quick, upgradeCheck)
        table.add([.post], "/api/v1/cluster/drain", .quick, drain)
        table.add([.post], "/api/v1/cluster/remove", .quick, remove)
        table.add([.post], "/api/v1/cluster/move", .quick, move)
        table.add([.post], "/api/v1/cluster/feature-level", .quick, featureLevel)
        addSettings(to: &table)
    }

    func status(_ call: HTTPCall) async throws -> HTTPAnswer {
        let status = await node.clusterStatus()
        return ClusterAPI.success { ClusterJSON.write(status, to: &$0) }
    }

    /// 200 when all that is wanted is there, 503 otherwise, with what is missing.
    func health(_ call: HTTPCall) async throws -> HTTPAnswer {
        let status = await node.clusterStatus()
        guard !status.isHealthy else {
            return ClusterAPI.success { $0.raw("{\"healthy\":true}") }
        }
        throw HTTPFailure(
            status: 503, type: "unavailable", message: ClusterAPI.troubles(status))
    }

    func upgradeCheck(_ call: HTTPCall) async throws -> HTTPAnswer {
        let zone = call.parameters["zone"].flatMap { $0.isEmpty ? nil : $0 }
        let places =
            await node.cluster?.upgradeCheck(zone: zone)
            ?? [("this node", ["there is no other: a restart stops writes and reads"])]
        return ClusterAPI.success { json in
            ClusterJSON.list(places, &json) { place, json in
                json.raw("{\"place\":")
                json.string(place.place)
                json.raw(",\"obstacles\":")
                json.array(place.obstacles)
                json.raw("}")
            }
        }
    }

    func drain(_ call: HTTPCall) async throws -> HTTPAnswer {
        let isCancelled = try ClusterAPI.flag("cancel", call)
        return try await perform { (cluster) throws(ClusterAdminError) in
            try await cluster.drain(call.parameters["node"] ?? "", isCancelled: isCancelled)
        }
    }

    func remove(_ call: HTTPCall) async throws -> HTTPAnswer {
        let force = try ClusterAPI.flag("force", call)
        return try await perform { (cluster) throws(ClusterAdminError) in
            try await cluster.remove(call.parameters["node"] ?? "", force: force)
        }
    }

    func move(_ call: HTTPCall) async throws -> HTTPAnswer {
        try await perform { (cluster) throws(ClusterAdminError) in
            try await cluster.move(
                shard: call.parameters["shard"] ?? "", from: call.parameters["from"] ?? "",
                to: call.parameters["to"] ?? "")
        }
    }

    func featureLevel(_ call: HTTPCall) async throws -> HTTPAnswer {
        let text = call.parameters["level"]
        let level = text.flatMap(Int.init)
        guard text == nil || level != nil else {
            throw HTTPFailure.invalid("level", "a whole number is allowed")
        }
        return try await perform { (cluster) throws(ClusterAdminError) in
            try await cluster.raiseFeatureLevel(level)
        }
    }

    /// The node's place in its cluster; a refusal when it has none.
    func member() throws(HTTPFailure) -> ClusterMembership {
        if let cluster = node.cluster { return cluster }
        throw HTTPFailure(
            status: 409, type: "bad_data",
            message: "this node belongs to no cluster: start it with --cluster-init or --join")
    }

    func perform(
        _ body: (ClusterMembership) async throws(ClusterAdminError) -> Void
    ) async throws -> HTTPAnswer {
        let cluster = try member()
        do throws(ClusterAdminError) {
            try await body(cluster)
        } catch {
            throw HTTPFailure(error)
        }
        return ClusterAPI.success { $0.raw("{}") }
    }

    private static func flag(_ name: String, _ call: HTTPCall) throws(HTTPFailure) -> Bool {
        switch call.parameters[name] {
        case nil, "", "false", "0": return false
        case "true", "1": return true
        default: throw HTTPFailure.invalid(name, "true or false is allowed")
        }
    }

    static func success(_ write: (inout JSONWriter) -> Void) -> HTTPAnswer {
        var json = JSONWriter()
        json.raw("{\"status\":\"success\",\"data\":")
        write(&json)
        json.raw("}")
        return .json(json.bytes)
    }

    /// What keeps the cluster from being healthy, as a sentence.
    static func troubles(_ status: ClusterStatus) -> String {
        if let waitsFor = status.waitsFor { return waitsFor }
        let away = status.members.filter { !$0.isLive }.map(\.name)
        let silent = status.members.filter { $0.isLive && !$0.hasAnswered }.map(\.name)
        let leaderless = status.shards.filter { $0.leader == nil }
        let short = status.shards.filter(\.isUnderReplicated)
        let parts = [
            away.isEmpty ? nil : "away: \(away.joined(separator: ", "))",
            silent.isEmpty ? nil : "no answer: \(silent.joined(separator: ", "))",
            status.isCurrent ? nil : "the meta group does not say what it decided last",
            leaderless.isEmpty ? nil : "\(leaderless.count) groups have no leader",
            short.isEmpty ? nil : "\(short.count) groups lack replicas",
        ]
        return parts.compactMap { $0 }.joined(separator: "; ")
    }
}

extension HTTPFailure {
    init(_ error: ClusterAdminError) {
        switch error {
        case .invalid(let field, let reason): self = .invalid(field, reason)
        case .refused(let reason): self.init(status: 409, type: "bad_data", message: reason)
        case .failed(let error): self.init(error)
        }
    }
}
