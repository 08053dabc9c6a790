internal import Model

/// A sum of histograms with Neumaier's compensation in every count, as Prometheus adds them up.
struct CompensatedHistogram {
    /// What happened beside the addition.
    struct Outcome {
        var hasResetCollision: Bool
        var hasReconciledBounds: Bool
    }

    private var sum: Histogram
    /// What rounding lost, in the form of `sum`.
    private var rest: Histogram

    init(_ first: Histogram) {
        sum = first
        rest = CompensatedHistogram.nothing(like: first)
    }

    private static func nothing(like histogram: Histogram) -> Histogram {
        Histogram(
            schema: histogram.schema, zeroThreshold: histogram.zeroThreshold,
            customBounds: histogram.customBounds)
    }

    mutating func add(
        _ other: Histogram
    ) throws(HistogramArithmetic.IncompatibleSchemas) -> Outcome {
        let hasReconciledBounds =
            sum.usesCustomBounds && sum.customBounds != other.customBounds
        var (a, b) = try HistogramArithmetic.reconciled(sum, other)
        var c = CompensatedHistogram.aligned(rest, to: a)
        CompensatedHistogram.add(b.count, to: &a.count, &c.count)
        CompensatedHistogram.add(b.sum, to: &a.sum, &c.sum)
        CompensatedHistogram.add(b.zeroCount, to: &a.zeroCount, &c.zeroCount)
        CompensatedHistogram.add(b.positive, to: &a.positive, &c.positive)
        CompensatedHistogram.add(b.negative, to: &a.negative, &c.negative)
        let hasCollision = HistogramArithmetic.adjustHint(&a, by: other)
        sum = a
        rest = c
        return Outcome(
            hasResetCollision: hasCollision, hasReconciledBounds: hasReconciledBounds)
    }

    var total: Histogram {
        var result = sum
        result.count = CompensatedHistogram.total(sum.count, rest.count)
        result.sum = CompensatedHistogram.total(sum.sum, rest.sum)
        result.zeroCount = CompensatedHistogram.total(sum.zeroCount, rest.zeroCount)
        result.positive = HistogramArithmetic.merge(sum.positive, rest.positive, sign: 1)
        result.negative = HistogramArithmetic.merge(sum.negative, rest.negative, sign: 1)
        return result
    }

    private static func total(_ sum: Double, _ rest: Double) -> Double {
        sum.isInfinite ? sum : sum + rest
    }

    private static func aligned(_ rest: Histogram, to target: Histogram) -> Histogram {
        if target.usesCustomBounds {
            return rest.customBounds == target.customBounds
                ? rest : rest.rebucketed(toBounds: target.customBounds)
        }
        var result = rest
        if result.zeroThreshold < target.zeroThreshold {
            result = result.widened(toZeroThreshold: target.zeroThreshold)
        }
        return result.reduced(to: target.schema)
    }

    @inline(__always)
    private static func add(_ value: Double, to sum: inout Double, _ rest: inout Double) {
        var state = KahanSum(sum, compensation: rest)
        state.add(value)
        sum = state.sum
        rest = state.compensation
    }

    /// Buckets of the sum and of the rest come out with the same indexes.
    private static func add(
        _ other: Histogram.Buckets, to sum: inout Histogram.Buckets,
        _ rest: inout Histogram.Buckets
    ) {
        if sum.indexes == other.indexes, sum.indexes == rest.indexes {
            for place in sum.counts.indices {
                add(other.counts[place], to: &sum.counts[place], &rest.counts[place])
            }
            return
        }
        var wide = Histogram.Buckets()
        var wideRest = Histogram.Buckets()
        var (i, j, k) = (0, 0, 0)
        while i < sum.indexes.count || j < other.indexes.count || k < rest.indexes.count {
            let index = min(
                i < sum.indexes.count ? sum.indexes[i] : .max,
                j < other.indexes.count ? other.indexes[j] : .max,
                k < rest.indexes.count ? rest.indexes[k] : .max)
            var (count, lost) = (0.0, 0.0)
            if k < rest.indexes.count, rest.indexes[k] == index {
                lost = rest.counts[k]
                k += 1
            }
            if i < sum.indexes.count, sum.indexes[i] == index {
                count = sum.counts[i]
                i += 1
            }
            if j < other.indexes.count, other.indexes[j] == index {
                add(other.counts[j], to: &count, &lost)
                j += 1
            }
            wide.indexes.append(index)
            wide.counts.append(count)
            wideRest.indexes.append(index)
            wideRest.counts.append(lost)
        }
        sum = wide
        rest = wideRest
    }
}
