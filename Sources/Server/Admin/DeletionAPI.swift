internal import Cluster
internal import Model
internal import Platform
internal import Query

/// Deleting series and lines that are already stored: `/api/v1/admin/tsdb/delete_series` and
/// `clean_tombstones` as Prometheus has them, `/loki/api/v1/delete` as Loki. What is deleted is in no
/// answer from then on; segments that hold some of it are written again without, one after the other.
/// Sources: Prometheus documentation, "HTTP API", TSDB admin APIs; Loki documentation, "Log entry
/// deletion".
struct DeletionAPI: Sendable {
    private static let millisecond: Int64 = 1_000_000

    let node: Node
    let time: any TimeSource
    let gate: AdminGate
    /// Of lines, that were asked for here.
    private let asked = DeletionLog()

    init(node: Node, time: any TimeSource, gate: AdminGate) {
        self.node = node
        self.time = time
        self.gate = gate
    }

    func addRoutes(to table: inout RouteTable) {
        for prefix in ["/api/v1/admin/tsdb", "/prometheus/api/v1/admin/tsdb"] {
            table.add([.post, .put], "\(prefix)/delete_series", .quick, deleteSeries)
            table.add([.post, .put], "\(prefix)/clean_tombstones", .quick, clean)
        }
        table.add([.post, .put], "/loki/api/v1/delete", .quick, deleteLines)
        table.add([.get], "/loki/api/v1/delete", .quick, list)
    }

    /// `match[]`, at least one; `start`, `end`: both inclusive, to the millisecond.
    func deleteSeries(_ call: HTTPCall) async throws -> HTTPAnswer {
        try gate.check()
        let texts = call.parameters.all("match")
        guard !texts.isEmpty else { throw HTTPFailure.badData("no match[] parameter provided") }
        var alternatives: [[Matcher]] = []
        for text in texts { alternatives.append(try PromQLEngine.parseSelector(text)) }
        let (start, end) = try span(of: call)
        try await node.delete(
            Deletion(
                tenant: call.tenant, signal: .metrics,
                selector: Selector(alternatives: alternatives), start: start, end: end))
        return .noContent
    }

    /// `query`: a stream selector with line filters; `start`, `end` as above.
    func deleteLines(_ call: HTTPCall) async throws -> HTTPAnswer {
        try gate.check()
        let (matchers, filters) = try LogQLQuery.parseLineSelection(try call.required("query"))
        guard !matchers.isEmpty || !filters.isEmpty else {
            throw HTTPFailure.invalid("query", "{} is every line there is: name a label or a text")
        }
        let (start, end) = try span(of: call)
        let deletion = Deletion(
            tenant: call.tenant, signal: .logs, selector: Selector(matchers), start: start,
            end: end, filters: filters)
        try await delete(deletion)
        return .noContent
    }

    /// Deletes lines, where that is allowed, and remembers that it was asked for.
    func delete(_ deletion: Deletion) async throws {
        try gate.check()
        try await node.delete(deletion)
        asked.add(deletion, at: Timestamp(nanos: time.wallNanos()))
    }

    /// Deletions of lines as Loki lists them, and how far the freeing of their space is: those that
    /// this node was asked for since it started, and all whose space is not free yet.
    func list(_ call: HTTPCall) async throws -> HTTPAnswer {
        let waiting = node.deletions(of: call.tenant).filter { $0.deletion.signal == .logs }
        return .json(asked.answer(tenant: call.tenant, waiting: waiting))
    }

    /// Answers when nothing deleted is left on the disks of the shards that this node leads; others
    /// get there by themselves.
    func clean(_ call: HTTPCall) async throws -> HTTPAnswer {
        try gate.check()
        try await node.flush()
        return .noContent
    }

    private func span(
        of call: HTTPCall
    ) throws(HTTPFailure) -> (start: Timestamp, end: Timestamp) {
        let start = try call.time("start") ?? .distantPast
        let last = try call.time("end")
        guard start <= last ?? .distantFuture else {
            throw HTTPFailure.invalid("end", "end timestamp must not be before start time")
        }
        return (start, last?.advanced(byNanos: DeletionAPI.millisecond) ?? .distantFuture)
    }
}
