/// Whether whoever reaches the HTTP port may delete and keep data: off unless a setting says so, as in
/// Prometheus.
struct AdminGate: Sendable {
    let isOpen: Bool

    func check() throws(HTTPFailure) {
        guard !isOpen else { return }
        throw HTTPFailure(
            status: 503, type: "unavailable",
            message: "admin APIs disabled: start varve with --admin-api")
    }
}
