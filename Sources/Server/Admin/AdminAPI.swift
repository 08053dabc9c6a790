internal import Cluster
internal import Platform

/// Health, figures, and what an operator asks for.
struct AdminAPI: Sendable {
    let node: Node
    let telemetry: Telemetry
    let version: String

    func addRoutes(to table: inout RouteTable) {
        table.add([.get], "/-/healthy", .quick) { _ in .text("Varve is healthy.") }
        table.add([.get], "/-/ready", .quick, ready)
        table.add([.get], "/ready", .quick, ready)
        table.add([.get], "/metrics", .quick, metrics)
        table.add([.post], "/api/v1/admin/flush", .quick, flush)
        table.add([.get], "/", .quick, front)
    }

    func ready(_ call: HTTPCall) async throws -> HTTPAnswer {
        guard node.isReady else {
            throw HTTPFailure(
                status: 503, type: "unavailable", message: "the journal is being replayed")
        }
        if let waitsFor = node.cluster?.waitsFor {
            throw HTTPFailure(status: 503, type: "unavailable", message: waitsFor)
        }
        return .text("ready")
    }

    func metrics(_ call: HTTPCall) async throws -> HTTPAnswer {
        HTTPAnswer(
            contentType: Exposition.contentType,
            body: .bytes(Exposition.text(telemetry.snapshot())))
    }

    /// Seals and compacts what is there; answers when it is done.
    func flush(_ call: HTTPCall) async throws -> HTTPAnswer {
        try await node.flush()
        return .noContent
    }

    func front(_ call: HTTPCall) async throws -> HTTPAnswer {
        .text(
            """
            Varve \(version)

            PromQL   /api/v1/query, /api/v1/query_range, …   (Grafana: a Prometheus data source)
            LogQL    /loki/api/v1/query_range, …             (Grafana: a Loki data source)
            lines    /api/v1/logs/stream?query=words         (varve logs)
            cluster  /api/v1/cluster/status                  (varve cluster status)
            figures  /metrics
            """)
    }
}
