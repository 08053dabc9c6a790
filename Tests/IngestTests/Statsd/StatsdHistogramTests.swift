import Ingest
import Model
import Testing

@Suite("Statsd timers")
struct StatsdHistogramTests {
    private static func histogram(
        _ text: String, bucketsMax: Int = 1024
    ) -> Histogram? {
        let options = StatsdFixture.options { $0.limits.histogramBucketsMax = bucketsMax }
        var aggregator = StatsdAggregator(options: options, seed: 9)
        let bytes = Array(text.utf8)
        aggregator.take(bytes, ranges: [0..<bytes.count], arrivedNanos: 0)
        return aggregator.flush(endNanos: 1).flatMap(\.histogramIncrements).first?.histogram
    }

    private static func bucket(_ value: Double) -> Int32? {
        histogram("t:\(value)|ms")?.positive.indexes.first
    }

    /// Bounds that are exact doubles: 2^k, where k/32 is whole, and √2 rounded, where it is not.
    @Test("a value at a bucket's upper bound is in it, the next double in the next")
    func bounds() {
        for exponent in [-100, -20, -1, 0, 1, 7, 60, 1000] {
            var power = 1.0
            for _ in 0..<abs(exponent) { power *= exponent < 0 ? 0.5 : 2 }
            let index = Int32(exponent * 32)
            #expect(Self.bucket(power) == index)
            #expect(Self.bucket(power.nextUp) == index + 1)
            #expect(Self.bucket(power.nextDown) == index)
            #expect(Self.bucket(power * 2.0.squareRoot()) == index + 16)
            #expect(Self.bucket((power * 2.0.squareRoot()).nextUp) == index + 17)
        }
    }

    @Test("buckets ascend with the value, 32 to a power of two, none skipped")
    func monotone() {
        var last: Int32 = 0
        var seen: Set<Int32> = []
        for step in 1...4096 {
            let value = 1 + Double(step) / 4096
            guard let index = Self.bucket(value) else { continue }
            #expect(index == last || index == last + 1)
            last = index
            seen.insert(index)
        }
        #expect(seen == Set(1...32))
    }

    @Test("tiny, huge and negative values have their buckets")
    func extremes() {
        let histogram = Self.histogram("t:1e-300:5e-324:0:-0:1.7976931348623157e308:-8|ms")
        #expect(histogram?.zeroCount == 4)
        #expect(histogram?.positive.indexes == [32768])
        #expect(histogram?.negative.indexes == [96])
        #expect(histogram?.count == 6)
        #expect(histogram?.zeroThreshold == 2.938735877055719e-39)
    }

    @Test("rates weigh values")
    func weights() {
        let histogram = Self.histogram("t:3|ms|@0.1\nt:3|h\nt:5|d|@0.5")
        #expect(histogram?.count == 13)
        #expect(histogram?.sum == 43)
        #expect(histogram?.positive.counts == [11, 2])
    }

    @Test("too many buckets halve the resolution and lose no count")
    func halving() {
        let values = (0..<300).map { "\(1 + $0 * $0)" }.joined(separator: ":")
        let full = Self.histogram("t:\(values):-5|d")
        let small = Self.histogram("t:\(values):-5|d", bucketsMax: 40)
        guard let full, let small else {
            Issue.record("no histogram")
            return
        }
        #expect(full.schema == 5)
        #expect(small.schema < 5)
        #expect(small.positive.indexes.count <= 40)
        #expect(small.count == full.count && small.sum == full.sum)
        // Merging the full one by hand gives the same.
        var merged: [Int32: Double] = [:]
        for (index, count) in zip(full.positive.indexes, full.positive.counts) {
            var index = index
            for _ in 0..<(full.schema - small.schema) { index = (index + 1) >> 1 }
            merged[index, default: 0] += count
        }
        #expect(small.positive.indexes == merged.keys.sorted())
        #expect(small.positive.counts == merged.keys.sorted().compactMap { merged[$0] })
    }
}
