internal import Model

/// Sums, differences and scaling of native histograms, with their schemas, zero buckets and custom
/// bounds brought to a common form first. Follows Prometheus' FloatHistogram.
enum HistogramArithmetic {
    /// An exponential histogram and one with custom bounds have no common form.
    struct IncompatibleSchemas: Error {}

    /// What happened beside the sum.
    struct Outcome {
        var histogram: Histogram
        /// One side said "reset", the other "no reset".
        var hasResetCollision = false
        /// Custom bounds differed, and only those that both had are left.
        var hasReconciledBounds = false
    }

    static func add(
        _ a: Histogram, _ b: Histogram
    ) throws(IncompatibleSchemas) -> Outcome {
        try combine(a, b, sign: 1)
    }

    static func subtract(
        _ a: Histogram, _ b: Histogram
    ) throws(IncompatibleSchemas) -> Outcome {
        try combine(a, b, sign: -1)
    }

    private static func combine(
        _ first: Histogram, _ second: Histogram, sign: Double
    ) throws(IncompatibleSchemas) -> Outcome {
        var (a, b) = try reconciled(first, second)
        a.zeroCount += sign * b.zeroCount
        a.count += sign * b.count
        a.sum += sign * b.sum
        a.positive = merge(a.positive, b.positive, sign: sign)
        a.negative = merge(a.negative, b.negative, sign: sign)
        var outcome = Outcome(histogram: a)
        outcome.hasReconciledBounds =
            a.usesCustomBounds && first.customBounds != second.customBounds
        outcome.hasResetCollision = adjustHint(&outcome.histogram, by: second)
        return outcome
    }

    /// Both in their common form.
    static func reconciled(
        _ first: Histogram, _ second: Histogram
    ) throws(IncompatibleSchemas) -> (Histogram, Histogram) {
        guard first.usesCustomBounds == second.usesCustomBounds else {
            throw IncompatibleSchemas()
        }
        var a = first
        var b = second
        if a.usesCustomBounds {
            reconcileBounds(&a, &b)
        } else {
            reconcileZeroBuckets(&a, &b)
            let schema = min(a.schema, b.schema)
            a = a.reduced(to: schema)
            b = b.reduced(to: schema)
        }
        return (a, b)
    }

    /// Every count times `factor`; a negative one makes a gauge.
    static func scale(_ histogram: Histogram, by factor: Double) -> Histogram {
        var result = histogram
        result.zeroCount *= factor
        result.count *= factor
        result.sum *= factor
        for index in result.positive.counts.indices { result.positive.counts[index] *= factor }
        for index in result.negative.counts.indices { result.negative.counts[index] *= factor }
        if factor < 0 { result.resetHint = .gauge }
        return result
    }

    /// Every count divided by `divisor`; zero leaves no buckets, as Prometheus does.
    static func divide(_ histogram: Histogram, by divisor: Double) -> Histogram {
        var result = histogram
        result.zeroCount /= divisor
        result.count /= divisor
        result.sum /= divisor
        if divisor == 0 {
            result.positive = .init()
            result.negative = .init()
            return result
        }
        for index in result.positive.counts.indices { result.positive.counts[index] /= divisor }
        for index in result.negative.counts.indices { result.negative.counts[index] /= divisor }
        if divisor < 0 { result.resetHint = .gauge }
        return result
    }

    /// The hint of a sum. Returns whether one side was reset and the other was not.
    static func adjustHint(_ result: inout Histogram, by other: Histogram) -> Bool {
        switch (result.resetHint, other.resetHint) {
        case (let a, let b) where a == b: return false
        case (.gauge, _): return false
        case (_, .gauge): result.resetHint = .gauge
        case (.unknown, _): return false
        case (_, .unknown): result.resetHint = .unknown
        default:
            result.resetHint = .unknown
            return true
        }
        return false
    }

    static func merge(
        _ a: Histogram.Buckets, _ b: Histogram.Buckets, sign: Double
    ) -> Histogram.Buckets {
        var result = Histogram.Buckets()
        var i = 0
        var j = 0
        while i < a.indexes.count || j < b.indexes.count {
            let left = i < a.indexes.count ? a.indexes[i] : .max
            let right = j < b.indexes.count ? b.indexes[j] : .max
            if left <= right {
                var count = a.counts[i]
                if left == right, j < b.indexes.count {
                    count += sign * b.counts[j]
                    j += 1
                }
                result.indexes.append(left)
                result.counts.append(count)
                i += 1
            } else {
                result.indexes.append(right)
                result.counts.append(sign * b.counts[j])
                j += 1
            }
        }
        return result
    }

    /// Widens the narrower zero bucket until both are equal; a populated bucket that the
    /// threshold would cut moves the threshold to its far end.
    private static func reconcileZeroBuckets(_ a: inout Histogram, _ b: inout Histogram) {
        while a.zeroThreshold != b.zeroThreshold {
            if a.zeroThreshold < b.zeroThreshold {
                a = a.widened(toZeroThreshold: b.zeroThreshold)
            } else {
                b = b.widened(toZeroThreshold: a.zeroThreshold)
            }
        }
    }

    /// Leaves only the bounds that both have.
    private static func reconcileBounds(_ a: inout Histogram, _ b: inout Histogram) {
        guard a.customBounds != b.customBounds else { return }
        let common = a.customBounds.filter(b.customBounds.contains)
        a = a.rebucketed(toBounds: common)
        b = b.rebucketed(toBounds: common)
    }
}
