internal import Model
package import Query

/// Leaves out lines that follow the one before them in their stream by less than an interval: what
/// the parameter `interval` of Loki's range queries asks for.
package struct LineThinning: Sendable {
    private let intervalNanos: Int64
    /// Of the last line of each stream that was kept.
    private var lastNanos: [LogStreamLabels: Int64] = [:]

    package init(intervalNanos: Int64) { self.intervalNanos = intervalNanos }

    /// The lines of `batch` that stay, at most `limit`. Batches come in order of time, either way.
    package mutating func thinned(_ batch: LogEntryBatch, limit: Int) -> LogEntryBatch {
        var kept = LogEntryBatch()
        var numbers = [UInt32?](repeating: nil, count: batch.streams.count)
        for index in 0..<batch.lines.count where kept.lines.count < limit {
            let stream = Int(batch.lines.streamIndexes[index])
            let labels = batch.streams[stream]
            let nanos = batch.lines.timestamps[index]
            if let last = lastNanos[labels], distance(last, nanos) < UInt64(intervalNanos) {
                continue
            }
            lastNanos[labels] = nanos
            let number = numbers[stream] ?? UInt32(kept.streams.count)
            if numbers[stream] == nil {
                numbers[stream] = number
                kept.streams.append(labels)
            }
            kept.lines.append(
                streamIndex: number, timestamp: nanos,
                line: batch.lines.bytes[batch.lines.lineRange(index)])
        }
        return kept
    }

    private func distance(_ a: Int64, _ b: Int64) -> UInt64 {
        a < b ? UInt64(bitPattern: b &- a) : UInt64(bitPattern: a &- b)
    }
}
