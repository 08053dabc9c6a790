import Encoding
import Model

/// Counts the samples of each series without histograms, and the lines of each stream. A partial
/// result is one part per series: its labels and the count.
struct CountingReducers: ReducerSource {
    static let plan: [UInt8] = [7]

    func reducer(
        of plan: [UInt8], for signal: SignalKind, budget: QueryBudget
    ) -> (any Reducer)? {
        plan == CountingReducers.plan ? Counting() : nil
    }

    private final class Counting: Reducer {
        private var counts: [(Labels, Int)] = []

        func add(_ batch: [SeriesData]) throws -> [SeriesData] {
            counts += batch.filter(\.histograms.isEmpty).map { ($0.labels, $0.values.count) }
            return batch.filter { !$0.histograms.isEmpty }
        }

        func add(_ data: LineData) throws -> Bool {
            for stream in data.lines.streamIndexes {
                counts.append((data.streams[Int(stream)].labels ?? .empty, 1))
            }
            return true
        }

        func finish(_ send: ([UInt8]) throws -> Void) throws {
            for (labels, count) in counts {
                var writer = ByteWriter()
                writer.lengthPrefixed(labels.bytes)
                writer.varint(UInt64(count))
                try send(writer.bytes)
            }
        }
    }
}

/// What came of each series, whichever way.
struct Counted: Equatable {
    var counts: [Labels: Int] = [:]
    /// Parts of partial results.
    var parts = 0

    mutating func merge(_ part: [UInt8]) throws {
        var reader = ByteReader(part)
        let labels = Labels(checking: Array(try reader.lengthPrefixed())) ?? .empty
        counts[labels, default: 0] += try reader.count(limit: .max)
        parts += 1
    }

    mutating func add(_ batch: [SeriesData]) {
        for series in batch {
            counts[series.labels, default: 0] += series.values.count + series.histograms.count
        }
    }

    mutating func add(_ data: LineData) {
        for stream in data.lines.streamIndexes {
            counts[data.streams[Int(stream)].labels ?? .empty, default: 0] += 1
        }
    }
}
