internal import Cluster
internal import Platform

/// `/api/v1/admin/tsdb/snapshot`, as Prometheus has it: a second name for all that is stored here, in
/// `snapshots` of the data directory.
/// Source: Prometheus documentation, "HTTP API", TSDB admin APIs.
struct SnapshotAPI: Sendable {
    let node: Node
    let gate: AdminGate
    let time: any TimeSource
    let random: any RandomSource

    func addRoutes(to table: inout RouteTable) {
        for prefix in ["/api/v1/admin/tsdb", "/prometheus/api/v1/admin/tsdb"] {
            table.add([.post, .put], "\(prefix)/snapshot", .quick, snapshot)
        }
    }

    /// `skip_head`: leaves out what is not sealed yet.
    func snapshot(_ call: HTTPCall) async throws -> HTTPAnswer {
        try gate.check()
        let skipsMemory = try flag("skip_head", call)
        let made = try await node.snapshot(named: freshName(), sealsFirst: !skipsMemory)
        var json = JSONWriter()
        json.raw("{\"status\":\"success\",\"data\":{\"name\":")
        json.string(made.name)
        json.raw("}")
        if !made.missing.isEmpty {
            json.raw(",\"warnings\":")
            json.array(made.missing)
        }
        json.raw("}")
        return .json(json.bytes)
    }

    /// `20171210T211224Z-2be650b6d019eb54`
    private func freshName() -> String {
        let now = TimeText.format(
            nanos: time.wallNanos() / 1_000_000_000 * 1_000_000_000, decimals: 0)
        let digits = String(random.next(), radix: 16)
        let padding = String(repeating: "0", count: 16 - digits.count)
        return "\(now.filter { $0 != "-" && $0 != ":" })-\(padding)\(digits)"
    }

    private func flag(_ name: String, _ call: HTTPCall) throws(HTTPFailure) -> Bool {
        switch call.parameters[name] {
        case nil, "", "0", "f", "F", "false", "FALSE", "False": return false
        case "1", "t", "T", "true", "TRUE", "True": return true
        case .some(let text):
            throw HTTPFailure.invalid(name, "unable to parse boolean \"\(text)\"")
        }
    }
}
