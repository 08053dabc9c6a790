internal import Platform

/// What replication counts.
struct ReplicationFigures: Sendable {
    let entries: Counter
    let overloaded: Counter
    let inFlight: Gauge
    let badMessages: Counter

    init(_ telemetry: Telemetry) {
        entries = telemetry.counter(
            "varve_replication_entries_total", help: "Entries committed.")
        overloaded = telemetry.counter(
            "varve_replication_overloaded_total",
            help: "Proposals refused because too much was under way.")
        badMessages = telemetry.counter(
            "varve_replication_bad_messages_total",
            help: "Messages of peers that a group could make nothing of.")
        inFlight = telemetry.gauge(
            "varve_replication_in_flight_bytes",
            help: "Payload bytes proposed and not yet committed.")
    }
}
