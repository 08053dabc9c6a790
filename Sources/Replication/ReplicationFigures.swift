internal import Platform

/// What replication counts.
struct ReplicationFigures: Sendable {
    let entries: Counter
    let overloaded: Counter
    let inFlight: Gauge

    init(_ telemetry: Telemetry) {
        entries = telemetry.counter(
            "varve_replication_entries_total", help: "Entries committed.")
        overloaded = telemetry.counter(
            "varve_replication_overloaded_total",
            help: "Proposals refused because too much was under way.")
        inFlight = telemetry.gauge(
            "varve_replication_in_flight_bytes",
            help: "Payload bytes proposed and not yet committed.")
    }
}
