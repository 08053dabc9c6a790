internal import Model

/// Quantiles, fractions and moments of histograms, native and classic. Follows Prometheus 3:
/// exponential buckets are interpolated on a logarithmic scale, others on a linear one.
enum HistogramStatistics {
    static func value(_ field: HistogramField, of histogram: Histogram) -> Double {
        switch field {
        case .count: histogram.count
        case .sum: histogram.sum
        case .average: histogram.sum / histogram.count
        case .stdvar: variance(histogram)
        case .stddev: variance(histogram).squareRoot()
        }
    }

    private static func variance(_ histogram: Histogram) -> Double {
        let mean = histogram.sum / histogram.count
        var sum = KahanSum()
        for bucket in histogram.allBuckets {
            let middle: Double
            if histogram.usesCustomBounds {
                middle = (bucket.upper + bucket.lower) / 2
            } else if bucket.lower <= 0, bucket.upper >= 0 {
                middle = 0
            } else {
                let root = (bucket.upper * bucket.lower).squareRoot()
                middle = bucket.upper < 0 ? -root : root
            }
            let delta = middle - mean
            sum.add(bucket.count * delta * delta)
        }
        return (sum.sum + sum.compensation) / histogram.count
    }

    /// Whether NaNs were observed: they count, but are in no bucket.
    static func hasNotNumbers(_ histogram: Histogram) -> Bool {
        guard histogram.sum.isNaN else { return false }
        let inBuckets = histogram.allBuckets.reduce(0) { $0 + $1.count }
        return inBuckets < histogram.count
    }

    // MARK: Native

    static func quantile(_ quantile: Double, of histogram: Histogram) -> Double {
        if quantile < 0 { return -.infinity }
        if quantile > 1 { return .infinity }
        if histogram.count == 0 || quantile.isNaN { return .nan }
        let isForward = histogram.sum.isNaN || quantile < 0.5
        var rank = (isForward ? quantile : 1 - quantile) * histogram.count
        let buckets = histogram.allBuckets
        var bucket = HistogramBucket(lower: 0, upper: 0, count: 0)
        var count = 0.0
        for place in buckets.indices {
            bucket = buckets[isForward ? place : buckets.count - 1 - place]
            count += bucket.count
            if count >= rank { break }
        }
        bucket = adjusted(bucket, of: histogram)
        if histogram.usesCustomBounds {
            if bucket.lower == -.infinity {
                if bucket.upper <= 0 { return bucket.upper }
                bucket.lower = 0
            } else if bucket.upper == .infinity {
                return bucket.lower
            }
        }
        count = min(count, histogram.count)
        if count < rank { return histogram.sum.isNaN ? .nan : bucket.upper }
        rank = isForward ? rank - (count - bucket.count) : count - rank
        let fraction = rank / bucket.count
        if histogram.usesCustomBounds || (bucket.lower <= 0 && bucket.upper >= 0) {
            return bucket.lower + (bucket.upper - bucket.lower) * fraction
        }
        let low = FloatMath.logarithm2(abs(bucket.lower))
        let high = FloatMath.logarithm2(abs(bucket.upper))
        if bucket.lower > 0 { return FloatMath.power2(low + (high - low) * fraction) }
        return -FloatMath.power2(high + (low - high) * (1 - fraction))
    }

    /// The zero bucket of a histogram with values on one side only ends at zero.
    private static func adjusted(
        _ bucket: HistogramBucket, of histogram: Histogram
    ) -> HistogramBucket {
        var result = bucket
        guard !histogram.usesCustomBounds, bucket.lower < 0, bucket.upper > 0 else {
            return result
        }
        if histogram.negative.isEmpty, !histogram.positive.isEmpty {
            result.lower = 0
        } else if histogram.positive.isEmpty, !histogram.negative.isEmpty {
            result.upper = 0
        }
        return result
    }

    /// The share of observations between the bounds.
    static func fraction(
        from lower: Double, to upper: Double, of histogram: Histogram
    ) -> Double {
        if histogram.count == 0 || lower.isNaN || upper.isNaN { return .nan }
        if lower >= upper { return 0 }
        var cursor = RankCursor(lower, upper)
        for raw in histogram.allBuckets {
            var bucket = adjusted(raw, of: histogram)
            if histogram.usesCustomBounds, bucket.lower == -.infinity, bucket.upper > 0 {
                bucket.lower = 0
            }
            let isLinear =
                histogram.usesCustomBounds || (bucket.lower <= 0 && bucket.upper >= 0)
            cursor.pass(bucket) { value in
                isLinear ? linear(value, bucket) : logarithmic(value, bucket)
            }
        }
        return cursor.fraction(of: histogram.count)
    }

    private static func linear(_ value: Double, _ bucket: HistogramBucket) -> Double {
        // A bucket without an end counts as if all of it lay there.
        if bucket.lower == -.infinity { return 1 }
        return (value - bucket.lower) / (bucket.upper - bucket.lower)
    }

    private static func logarithmic(_ value: Double, _ bucket: HistogramBucket) -> Double {
        let low = FloatMath.logarithm2(abs(bucket.lower))
        let high = FloatMath.logarithm2(abs(bucket.upper))
        let place = FloatMath.logarithm2(abs(value))
        return value > 0 ? (place - low) / (high - low) : 1 - (place - high) / (low - high)
    }

    // MARK: Classic

    /// A cumulative bucket.
    struct ClassicBucket {
        var upper: Double
        var count: Double
    }

    /// `buckets` ascending by bound; what must not fall is lifted, and the answer says so.
    static func quantile(
        _ quantile: Double, of buckets: [ClassicBucket]
    ) -> (value: Double, isForced: Bool) {
        if quantile.isNaN { return (.nan, false) }
        if quantile < 0 { return (-.infinity, false) }
        if quantile > 1 { return (.infinity, false) }
        guard buckets.last?.upper == .infinity else { return (.nan, false) }
        var merged = coalesced(buckets)
        let isForced = makeMonotonic(&merged)
        guard merged.count > 1, let total = merged.last?.count, total != 0 else {
            return (.nan, false)
        }
        var rank = quantile * total
        let last = merged.count - 1
        let place = merged[..<last].firstIndex { $0.count >= rank } ?? last
        if place == last { return (merged[last - 1].upper, isForced) }
        if place == 0, merged[0].upper <= 0 { return (merged[0].upper, isForced) }
        var start = 0.0
        var count = merged[place].count
        if place > 0 {
            start = merged[place - 1].upper
            count -= merged[place - 1].count
            rank -= merged[place - 1].count
        }
        return (start + (merged[place].upper - start) * (rank / count), isForced)
    }

    /// The share of observations between the bounds.
    static func fraction(
        from lower: Double, to upper: Double, of buckets: [ClassicBucket]
    ) -> Double {
        guard buckets.last?.upper == .infinity else { return .nan }
        let merged = coalesced(buckets)
        let total = merged.last?.count ?? 0
        if total == 0 || lower.isNaN || upper.isNaN { return .nan }
        if lower >= upper { return 0 }
        var cursor = RankCursor(lower, upper)
        var start = merged[0].upper > 0 ? 0.0 : -Double.infinity
        var before = 0.0
        for entry in merged {
            let bucket = HistogramBucket(
                lower: start, upper: entry.upper, count: entry.count - before)
            cursor.pass(bucket) { linear($0, bucket) }
            start = entry.upper
            before = entry.count
        }
        return cursor.fraction(of: total)
    }

    private static func coalesced(_ buckets: [ClassicBucket]) -> [ClassicBucket] {
        var result: [ClassicBucket] = []
        for bucket in buckets {
            if let last = result.last, last.upper == bucket.upper {
                result[result.count - 1].count += bucket.count
            } else {
                result.append(bucket)
            }
        }
        return result
    }

    /// Small differences, of 1e-12 at most, are rounding; larger falls are lifted and reported.
    private static func makeMonotonic(_ buckets: inout [ClassicBucket]) -> Bool {
        var isForced = false
        var before = buckets[0].count
        for place in buckets.indices.dropFirst() {
            let now = buckets[place].count
            let delta = abs(now - before)
            if delta == 0 { continue }
            if delta / now <= 1e-12 {
                buckets[place].count = before
            } else if now < before {
                buckets[place].count = before
                isForced = true
            } else {
                before = now
            }
        }
        return isForced
    }
}

/// Walks buckets upwards and notes how many observations lie below two bounds.
private struct RankCursor {
    private let lower: Double
    private let upper: Double
    private var rank = 0.0
    private var lowerRank: Double?
    private var upperRank: Double?

    init(_ lower: Double, _ upper: Double) {
        self.lower = lower
        self.upper = upper
    }

    /// `share`: how much of the bucket lies below a value within it.
    mutating func pass(_ bucket: HistogramBucket, _ share: (Double) -> Double) {
        if lowerRank == nil { lowerRank = rank(at: lower, bucket, share) }
        if upperRank == nil { upperRank = rank(at: upper, bucket, share) }
        rank += bucket.count
    }

    private func rank(
        at bound: Double, _ bucket: HistogramBucket, _ share: (Double) -> Double
    ) -> Double? {
        if bucket.lower >= bound { return rank }
        return bucket.upper > bound ? rank + bucket.count * share(bound) : nil
    }

    func fraction(of total: Double) -> Double {
        (min(upperRank ?? total, total) - min(lowerRank ?? total, total)) / total
    }
}
