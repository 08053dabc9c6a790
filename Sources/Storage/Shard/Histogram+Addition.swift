internal import Model

/// Adding histograms, as the totals of timers need it (Prometheus, "Native histograms": merging).
extension Histogram {
    /// Adds `other`. The coarser of two schemas is kept; the wider zero bucket too, with the
    /// buckets it swallows. Custom bounds that differ can not be added: `other` replaces `self`,
    /// which reads as a reset.
    mutating func add(_ other: Histogram) {
        let isCustom = schema == Histogram.customBoundsSchema
        let isOtherCustom = other.schema == Histogram.customBoundsSchema
        guard isCustom == isOtherCustom, customBounds == other.customBounds else {
            self = other
            resetHint = .reset
            return
        }
        var addend = other
        if !isCustom {
            let coarser = min(schema, addend.schema)
            reduce(to: coarser)
            addend.reduce(to: coarser)
            let threshold = max(zeroThreshold, addend.zeroThreshold)
            widenZero(to: threshold)
            addend.widenZero(to: threshold)
        }
        count += addend.count
        sum += addend.sum
        zeroCount += addend.zeroCount
        positive.add(addend.positive)
        negative.add(addend.negative)
    }

    private mutating func reduce(to coarser: Int32) {
        guard coarser < schema else { return }
        let shift = schema - coarser
        positive.merge(shift: shift)
        negative.merge(shift: shift)
        schema = coarser
    }

    private mutating func widenZero(to threshold: Double) {
        guard threshold > zeroThreshold else { return }
        // A bucket goes into the zero bucket when its lower bound lies inside.
        zeroCount += positive.takeLow(threshold: threshold, schema: schema)
        zeroCount += negative.takeLow(threshold: threshold, schema: schema)
        zeroThreshold = threshold
    }
}

extension Histogram.Buckets {
    /// Adds bucket for bucket.
    fileprivate mutating func add(_ other: Histogram.Buckets) {
        guard !other.isEmpty else { return }
        if indexes == other.indexes {
            for place in counts.indices { counts[place] += other.counts[place] }
            return
        }
        var result = Histogram.Buckets()
        var i = 0
        var j = 0
        while i < indexes.count || j < other.indexes.count {
            let takesOwn =
                j == other.indexes.count || (i < indexes.count && indexes[i] <= other.indexes[j])
            let takesOther =
                i == indexes.count || (j < other.indexes.count && other.indexes[j] <= indexes[i])
            result.indexes.append(takesOwn ? indexes[i] : other.indexes[j])
            result.counts.append(
                (takesOwn ? counts[i] : 0) + (takesOther ? other.counts[j] : 0))
            if takesOwn { i += 1 }
            if takesOther { j += 1 }
        }
        self = result
    }

    /// Bucket i of schema n lies in bucket ⌈i / 2^shift⌉ of schema n − shift.
    fileprivate mutating func merge(shift: Int32) {
        var result = Histogram.Buckets()
        for (place, index) in indexes.enumerated() {
            let coarse = Int32((Int64(index) - 1) >> Int64(shift)) + 1
            if result.indexes.last == coarse {
                result.counts[result.counts.count - 1] += counts[place]
            } else {
                result.indexes.append(coarse)
                result.counts.append(counts[place])
            }
        }
        self = result
    }

    fileprivate mutating func takeLow(threshold: Double, schema: Int32) -> Double {
        var taken = 0.0
        var kept = Histogram.Buckets()
        for (place, index) in indexes.enumerated() {
            if Histogram.Buckets.lowerBound(index, schema: schema) < threshold {
                taken += counts[place]
            } else {
                kept.indexes.append(index)
                kept.counts.append(counts[place])
            }
        }
        self = kept
        return taken
    }

    /// 2^((index − 1) / 2^schema), the factors exact for whole powers. Only square roots, which
    /// IEEE 754 rounds the same on every machine: replicas must agree.
    private static func lowerBound(_ index: Int32, schema: Int32) -> Double {
        let place = Int64(index) - 1
        if schema <= 0 { return power(place << Int64(-schema)) }
        var bound = power(place >> Int64(schema))
        var root = 2.0
        for bit in stride(from: Int64(schema) - 1, through: 0, by: -1) {
            root = root.squareRoot()
            if place >> bit & 1 == 1 { bound *= root }
        }
        return bound
    }

    private static func power(_ exponent: Int64) -> Double {
        Double(
            sign: .plus, exponent: Int(Swift.max(-1_080, Swift.min(1_024, exponent))),
            significand: 1)
    }
}
