internal import Platform

/// What the journal counts.
struct JournalFigures: Sendable {
    let batches: Counter
    let bytes: Counter
    let failures: Counter
    let sync: Latency
    let segments: Gauge
    let hasReserve: Gauge

    init(_ telemetry: Telemetry) {
        batches = telemetry.counter(
            "varve_journal_batches_total", help: "Batches written and synced.")
        bytes = telemetry.counter(
            "varve_journal_bytes_total", help: "Bytes written to the journal, padding included.")
        failures = telemetry.counter(
            "varve_journal_failures_total",
            help: "Writes, removals and preparations of journal files that failed.")
        sync = telemetry.latency(
            "varve_journal_sync_seconds", help: "How long the sync of a batch took.")
        segments = telemetry.gauge("varve_journal_segments", help: "Segment files.")
        hasReserve = telemetry.gauge(
            "varve_journal_reserve",
            help: "1 when a preallocated segment is kept for when the disk is full.")
    }
}
