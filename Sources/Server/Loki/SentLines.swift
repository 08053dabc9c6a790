internal import Model
internal import Query

/// The lines that a live tail sent last, by their hashes: so that what came in while lines could not be
/// given to it is read from the store and sent, and nothing twice.
struct SentLines: Sendable {
    /// Lines that are known; a tail of more than some hundreds a second is not whole again after a gap.
    static let countMax = 4_096
    /// Lines may come in this much later than their timestamps say, and a node be silent for that long
    /// before it is said to lack.
    private static let latenessNanos: Int64 = 60_000_000_000

    private struct Line {
        var nanos: Int64
        var hash: Int
    }

    /// How often each was sent.
    private var counts: [Int: Int] = [:]
    /// The last ones, at `next` the oldest once there are `countMax`.
    private var lines: [Line] = []
    private var next = 0
    /// Lines up to this timestamp are not known.
    private var unknownNanos: Int64

    /// `sinceNanos`: when the tail began, wall time.
    init(sinceNanos: Int64) { unknownNanos = sinceNanos - 1 }

    mutating func note(_ batch: LogEntryBatch) {
        for index in 0..<batch.lines.count {
            let line = Line(
                nanos: batch.lines.timestamps[index], hash: Self.hash(batch, index))
            counts[line.hash, default: 0] += 1
            guard lines.count == Self.countMax else {
                lines.append(line)
                continue
            }
            let oldest = lines[next]
            lines[next] = line
            next = (next + 1) % Self.countMax
            unknownNanos = max(unknownNanos, oldest.nanos)
            let count = counts[oldest.hash] ?? 1
            counts[oldest.hash] = count > 1 ? count - 1 : nil
        }
    }

    /// From when on to read, when lines that came in from `gapNanos` on may lack; nil when too many were
    /// sent since to tell which do.
    func resumeNanos(gapNanos: Int64) -> Int64? {
        guard gapNanos > unknownNanos else { return nil }
        return max(gapNanos - Self.latenessNanos, unknownNanos + 1)
    }

    /// Of lines read from there on, in pages, those that were not sent.
    var sieve: Sieve { Sieve(counts: counts) }

    struct Sieve: Sendable {
        fileprivate var counts: [Int: Int]

        mutating func rest(of page: LogEntryBatch) -> LogEntryBatch {
            var rest = LogEntryBatch(streams: page.streams)
            for index in 0..<page.lines.count {
                let hash = SentLines.hash(page, index)
                if let count = counts[hash] {
                    counts[hash] = count > 1 ? count - 1 : nil
                    continue
                }
                rest.lines.append(
                    streamIndex: page.lines.streamIndexes[index],
                    timestamp: page.lines.timestamps[index],
                    line: page.lines.bytes[page.lines.lineRange(index)])
            }
            return rest
        }
    }

    private static func hash(_ batch: LogEntryBatch, _ index: Int) -> Int {
        var hasher = Hasher()
        hasher.combine(batch.lines.timestamps[index])
        hasher.combine(batch.streams[Int(batch.lines.streamIndexes[index])].labels)
        hasher.combine(batch.lines.bytes[batch.lines.lineRange(index)])
        return hasher.finalize()
    }
}
