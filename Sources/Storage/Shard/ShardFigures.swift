internal import Model
internal import Platform

/// The figures of one shard.
struct ShardFigures: Sendable {
    let samples: Counter
    let lines: Counter
    let duplicates: Counter
    let corruptEntries: Counter
    let removalFailures: Counter
    let damagedSegments: Gauge
    private let telemetry: Telemetry
    private let labels: [(String, String)]

    init(_ telemetry: Telemetry, shard: Int) {
        self.telemetry = telemetry
        labels = [("shard", String(shard))]
        samples = telemetry.counter(
            "varve_storage_samples_total", help: "Samples and increments applied.",
            labels: labels)
        lines = telemetry.counter(
            "varve_storage_lines_total", help: "Log lines applied.", labels: labels)
        duplicates = telemetry.counter(
            "varve_storage_duplicate_batches_total",
            help: "Batches whose sequence was applied before.", labels: labels)
        corruptEntries = telemetry.counter(
            "varve_storage_corrupt_entries_total",
            help: "Log entries that no version wrote.", labels: labels)
        removalFailures = telemetry.counter(
            "varve_storage_removal_failures_total",
            help: "Files that could not be removed; the next start tries again.",
            labels: labels)
        damagedSegments = telemetry.gauge(
            "varve_storage_damaged_segments",
            help: "Segments that a compaction could not read; `varve inspect` names the place.",
            labels: labels)
    }

    func note(_ batch: WriteBatch, _ rejections: [AppendReceipt.Rejection]) {
        samples.add(
            batch.samples.count + batch.histograms.count + batch.increments.count
                + batch.histogramIncrements.count + batch.setIncrements.count)
        lines.add(batch.lines.count)
        for rejection in rejections {
            telemetry.counter(
                "varve_storage_rejected_items_total",
                help: "Samples and lines refused, by limit.",
                labels: labels + [("reason", rejection.reason)]
            ).add(rejection.itemCount)
        }
    }
}
