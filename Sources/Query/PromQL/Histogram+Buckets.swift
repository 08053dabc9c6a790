package import Model

/// One bucket with its bounds: (lower, upper], for negative ones [lower, upper).
package struct HistogramBucket: Sendable, Hashable {
    package var lower: Double
    package var upper: Double
    package var count: Double
}

extension Histogram {
    var usesCustomBounds: Bool { schema == Histogram.customBoundsSchema }

    /// The upper bound of positive bucket `index`.
    static func bound(_ index: Int32, schema: Int32) -> Double {
        if schema <= 0 {
            let exponent = Int(index) << Int(-schema)
            return power2(exponent)
        }
        let whole = Int(index >> schema)
        let part = index & ((1 << schema) - 1)
        let factor = FloatMath.power2(Double(part) / Double(1 << schema))
        return factor * power2(whole)
    }

    private static func power2(_ exponent: Int) -> Double {
        exponent > 1023
            ? .infinity
            : exponent < -1022
                ? FloatMath.power2(Double(exponent))
                : Double(sign: .plus, exponent: exponent, significand: 1)
    }

    private func positiveBucket(_ place: Int) -> HistogramBucket {
        let index = positive.indexes[place]
        let count = positive.counts[place]
        if usesCustomBounds {
            let position = min(max(Int(index), 0), customBounds.count)
            return HistogramBucket(
                lower: position == 0 ? -.infinity : customBounds[position - 1],
                upper: position < customBounds.count ? customBounds[position] : .infinity,
                count: count)
        }
        return HistogramBucket(
            lower: Histogram.bound(index &- 1, schema: schema),
            upper: Histogram.bound(index, schema: schema), count: count)
    }

    /// The bucket at `place` of one side, with its bounds.
    func bucket(_ place: Int, isPositive: Bool) -> HistogramBucket {
        if isPositive { return positiveBucket(place) }
        let index = negative.indexes[place]
        return HistogramBucket(
            lower: -Histogram.bound(index, schema: schema),
            upper: -Histogram.bound(index &- 1, schema: schema), count: negative.counts[place])
    }

    /// All buckets ascending by bounds, the zero bucket among them, empty ones left out.
    package var allBuckets: [HistogramBucket] {
        var result: [HistogramBucket] = []
        for place in negative.indexes.indices.reversed() where negative.counts[place] != 0 {
            result.append(bucket(place, isPositive: false))
        }
        if zeroCount != 0 {
            result.append(
                HistogramBucket(lower: -zeroThreshold, upper: zeroThreshold, count: zeroCount))
        }
        for place in positive.indexes.indices where positive.counts[place] != 0 {
            result.append(positiveBucket(place))
        }
        return result
    }

    /// Without buckets whose count is zero.
    func compacted() -> Histogram {
        var result = self
        result.positive = positive.withoutZeros
        result.negative = negative.withoutZeros
        return result
    }

    /// At the coarser `target` schema.
    func reduced(to target: Int32) -> Histogram {
        guard target < schema, !usesCustomBounds else { return self }
        var result = self
        result.schema = target
        result.positive = positive.reduced(by: schema - target)
        result.negative = negative.reduced(by: schema - target)
        return result
    }

    /// With a zero bucket of at least `threshold`.
    func widened(toZeroThreshold threshold: Double) -> Histogram {
        var result = self
        var target = threshold
        // A populated bucket that reaches beyond the threshold is taken in whole.
        for indexes in [positive, negative] {
            for (place, index) in indexes.indexes.enumerated() where indexes.counts[place] != 0 {
                let lower = Histogram.bound(index &- 1, schema: schema)
                let upper = Histogram.bound(index, schema: schema)
                if lower < target, upper > target { target = upper }
            }
        }
        result.zeroThreshold = target
        result.zeroCount +=
            result.positive.removeAll(schema: schema, upTo: target)
            + result.negative.removeAll(schema: schema, upTo: target)
        return result
    }

    /// With only `bounds`, which must be among its own.
    func rebucketed(toBounds bounds: [Double]) -> Histogram {
        var result = self
        result.customBounds = bounds
        result.positive = Buckets()
        for place in positive.indexes.indices {
            let upper = positiveBucket(place).upper
            let index = Int32(bounds.firstIndex { $0 >= upper } ?? bounds.count)
            if result.positive.indexes.last == index {
                result.positive.counts[result.positive.counts.count - 1] +=
                    positive.counts[place]
            } else {
                result.positive.indexes.append(index)
                result.positive.counts.append(positive.counts[place])
            }
        }
        return result
    }

    /// Whether a counter was reset between `previous` and this one.
    func isReset(after previous: Histogram) -> Bool {
        if resetHint == .reset { return true }
        if resetHint == .notReset { return false }
        if count < previous.count { return true }
        if usesCustomBounds != previous.usesCustomBounds { return true }
        if usesCustomBounds, customBounds != previous.customBounds { return true }
        if schema > previous.schema { return true }
        if zeroThreshold < previous.zeroThreshold { return true }
        let wide = previous.widened(toZeroThreshold: zeroThreshold)
        if wide.zeroThreshold != zeroThreshold || zeroCount < wide.zeroCount { return true }
        let reduced = wide.reduced(to: schema)
        return positive.isBelow(reduced.positive) || negative.isBelow(reduced.negative)
    }

    /// Equality of what is measured: empty buckets and the hint do not count.
    func isSame(as other: Histogram) -> Bool {
        func same(_ a: Double, _ b: Double) -> Bool { a.bitPattern == b.bitPattern }
        guard schema == other.schema, same(count, other.count), same(sum, other.sum) else {
            return false
        }
        if usesCustomBounds, customBounds != other.customBounds { return false }
        return zeroThreshold == other.zeroThreshold && same(zeroCount, other.zeroCount)
            && positive.withoutZeros == other.positive.withoutZeros
            && negative.withoutZeros == other.negative.withoutZeros
    }
}

extension Histogram.Buckets {
    var withoutZeros: Histogram.Buckets {
        guard counts.contains(0) else { return self }
        var result = Histogram.Buckets()
        for (place, count) in counts.enumerated() where count != 0 {
            result.indexes.append(indexes[place])
            result.counts.append(count)
        }
        return result
    }

    fileprivate func reduced(by shift: Int32) -> Histogram.Buckets {
        var result = Histogram.Buckets()
        for (place, index) in indexes.enumerated() {
            let target = ((index &- 1) >> shift) &+ 1
            if result.indexes.last == target {
                result.counts[result.counts.count - 1] += counts[place]
            } else {
                result.indexes.append(target)
                result.counts.append(counts[place])
            }
        }
        return result
    }

    /// Takes out the buckets up to `threshold` and returns what they held.
    fileprivate mutating func removeAll(schema: Int32, upTo threshold: Double) -> Double {
        var removed = 0.0
        var kept = Histogram.Buckets()
        for (place, index) in indexes.enumerated() {
            if Histogram.bound(index, schema: schema) <= threshold {
                removed += counts[place]
            } else {
                kept.indexes.append(index)
                kept.counts.append(counts[place])
            }
        }
        self = kept
        return removed
    }

    /// Whether any bucket holds less than in `previous`.
    fileprivate func isBelow(_ previous: Histogram.Buckets) -> Bool {
        var own = 0
        for (place, index) in previous.indexes.enumerated() {
            while own < indexes.count, indexes[own] < index { own += 1 }
            let count = own < indexes.count && indexes[own] == index ? counts[own] : 0
            if count < previous.counts[place] { return true }
        }
        return false
    }
}
