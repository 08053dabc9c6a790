internal import Model

/// Makes a native histogram of numbers, eight buckets per power of two.
struct HistogramBuilder {
    private static let schema: Int32 = 3
    /// That of Prometheus' client libraries.
    private static let zeroThreshold = 2.938735877055719e-39
    /// Of infinity: one past the last bucket of numbers.
    private static let infinityIndex: Int32 = 1024 * 8 + 1

    private var positive: [Int32: Double] = [:]
    private var negative: [Int32: Double] = [:]
    private var zeroCount = 0.0
    private var count = 0.0
    private var sum = KahanSum()

    /// NaNs count, but are in no bucket.
    mutating func add(_ value: Double) {
        count += 1
        sum.add(value)
        if value.isNaN { return }
        if abs(value) <= HistogramBuilder.zeroThreshold {
            zeroCount += 1
        } else if value > 0 {
            positive[HistogramBuilder.index(of: value), default: 0] += 1
        } else {
            negative[HistogramBuilder.index(of: -value), default: 0] += 1
        }
    }

    private static func index(of value: Double) -> Int32 {
        guard value.isFinite else { return infinityIndex }
        var index = Int32((FloatMath.logarithm2(value) * 8).rounded(.up))
        // Bounds belong to the lower bucket, whatever rounding made of them.
        while Histogram.bound(index - 1, schema: schema) >= value { index -= 1 }
        while Histogram.bound(index, schema: schema) < value { index += 1 }
        return index
    }

    var histogram: Histogram {
        Histogram(
            schema: HistogramBuilder.schema, resetHint: .gauge,
            zeroThreshold: HistogramBuilder.zeroThreshold, zeroCount: zeroCount, count: count,
            sum: sum.total, positive: HistogramBuilder.buckets(positive),
            negative: HistogramBuilder.buckets(negative))
    }

    private static func buckets(_ counts: [Int32: Double]) -> Histogram.Buckets {
        let indexes = counts.keys.sorted()
        return Histogram.Buckets(indexes: indexes, counts: indexes.map { counts[$0] ?? 0 })
    }

    /// Of the floats of each window; nil where there are none.
    static func histograms(of windows: FloatWindows) -> [HistogramBox?] {
        windows.index.lows.indices.map { step in
            let low = Int(windows.index.lows[step])
            let high = Int(windows.index.highs[step])
            guard low < high else { return nil }
            var builder = HistogramBuilder()
            for place in low..<high { builder.add(windows.values[place]) }
            return HistogramBox(builder.histogram)
        }
    }
}
