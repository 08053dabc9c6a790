internal import Model

/// Which timestamps are taken: not older than the retention, not further ahead than a clock can be
/// wrong. With retention off, any time.
struct TimeBounds {
    let nowNanos: Int64
    let retentionNanos: Int64?
    let futureNanosMax: Int64

    /// Removes what is out of bounds; one rejection per reason.
    func trim(_ batch: inout WriteBatch) -> [AppendReceipt.Rejection] {
        guard let retentionNanos else { return [] }
        let oldest = nowNanos - retentionNanos
        let newest = nowNanos + futureNanosMax
        func isIn(_ nanos: Int64) -> Bool { nanos >= oldest && nanos <= newest }
        let samplesFit = batch.samples.timestamps.allSatisfy(isIn)
        let linesFit = batch.lines.timestamps.allSatisfy(isIn)
        let histogramsFit = batch.histograms.allSatisfy { isIn($0.timestamp) }
        if samplesFit, linesFit, histogramsFit { return [] }

        var late = 0
        var early = 0
        func keeps(_ nanos: Int64) -> Bool {
            if nanos < oldest { late += 1 } else if nanos > newest { early += 1 }
            return isIn(nanos)
        }
        var samples = SampleColumns()
        for i in 0..<batch.samples.count where keeps(batch.samples.timestamps[i]) {
            samples.append(
                seriesIndex: batch.samples.seriesIndexes[i],
                timestamp: batch.samples.timestamps[i], value: batch.samples.values[i])
        }
        batch.samples = samples
        batch.histograms = batch.histograms.filter { keeps($0.timestamp) }
        var lines = LineColumns()
        for i in 0..<batch.lines.count where keeps(batch.lines.timestamps[i]) {
            lines.append(
                streamIndex: batch.lines.streamIndexes[i], timestamp: batch.lines.timestamps[i],
                line: batch.lines.bytes[batch.lines.lineRange(i)],
                metadata: batch.lines.metadataBytes[batch.lines.metadataRange(i)])
        }
        batch.lines = lines
        return [
            rejection("retention", late, "older than the retention"),
            rejection("future", early, "further ahead of the clock than two days"),
        ].filter { $0.itemCount > 0 }
    }

    private func rejection(
        _ reason: String, _ count: Int, _ example: String
    ) -> AppendReceipt.Rejection {
        AppendReceipt.Rejection(reason: reason, itemCount: count, example: example)
    }
}
