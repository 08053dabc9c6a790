internal import Model
internal import Query

/// A place in a tail, for whoever comes again: the newest timestamp of the lines that were sent, and how
/// many of that timestamp were. As text `1767225600000000000.2`.
struct TailPlace: Sendable, Equatable {
    /// ns
    var nanos: Int64
    var count: Int

    init(nanos: Int64, count: Int = 0) {
        self.nanos = nanos
        self.count = count
    }

    /// Nil for what `text` did not write.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let nanos = Int64(parts[0]), let count = Int(parts[1]), count >= 0
        else { return nil }
        (self.nanos, self.count) = (nanos, count)
    }

    var text: String { "\(nanos).\(count)" }

    mutating func note(_ timestamp: Int64) {
        if timestamp > nanos {
            (nanos, count) = (timestamp, 1)
        } else if timestamp == nanos {
            count += 1
        }
    }
}

/// Lines that a resumed tail read from the store after it had subscribed: those that come live as well
/// are not sent again.
struct TailRepeats: Sendable {
    private struct Line: Hashable {
        var nanos: Int64
        var text: ArraySlice<UInt8>
        var labels: Labels
    }

    /// Older lines that are read came in before the subscription, but for late ones: so many ns.
    private static let latenessNanos: Int64 = 60_000_000_000

    private var counts: [Line: Int] = [:]
    private let sinceNanos: Int64

    /// `sinceNanos`: when the tail subscribed, wall time.
    init(sinceNanos: Int64) { self.sinceNanos = sinceNanos - Self.latenessNanos }

    mutating func noteRead(_ batch: LogEntryBatch) {
        for index in 0..<batch.lines.count where batch.lines.timestamps[index] >= sinceNanos {
            counts[line(batch, index), default: 0] += 1
        }
    }

    mutating func removeAll() { counts = [:] }

    /// The lines of a live batch that were not read before.
    mutating func rest(of batch: LogEntryBatch) -> LogEntryBatch {
        guard !counts.isEmpty else { return batch }
        var rest = LogEntryBatch(streams: batch.streams)
        for index in 0..<batch.lines.count {
            let line = line(batch, index)
            if let count = counts[line] {
                counts[line] = count > 1 ? count - 1 : nil
                continue
            }
            rest.lines.append(
                streamIndex: batch.lines.streamIndexes[index], timestamp: line.nanos,
                line: line.text)
        }
        return rest
    }

    private func line(_ batch: LogEntryBatch, _ index: Int) -> Line {
        Line(
            nanos: batch.lines.timestamps[index],
            text: batch.lines.bytes[batch.lines.lineRange(index)],
            labels: batch.streams[Int(batch.lines.streamIndexes[index])].labels)
    }
}
