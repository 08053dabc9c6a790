internal import Model

/// `</` and `>/`: what is left of a histogram when the observations on one side of a value are
/// taken away. Follows Prometheus: a bucket that the value cuts is split by interpolation, count
/// and sum are estimated anew from the middles of buckets, and a trim that takes nothing away
/// changes nothing.
enum HistogramTrim {
    /// What is left: up to `bound` when `keepsLower`, else from there on.
    static func trim(
        _ histogram: Histogram, at bound: Double, keepsLower: Bool
    ) -> Histogram {
        var trim = Trim(histogram, bound, keepsLower)
        let hasPositive = trim.passSide(isPositive: true)
        let hasNegative = trim.passSide(isPositive: false)
        trim.passZeroBucket(hasPositive: hasPositive, hasNegative: hasNegative)
        return trim.result
    }

    /// What is kept of a bucket, and the value that stands for it.
    private struct Share {
        var count: Double
        var middle: Double
    }

    private struct Trim {
        private var histogram: Histogram
        private let bound: Double
        private let keepsLower: Bool
        private var isChanged = false
        private var count = 0.0
        private var sum = 0.0

        init(_ histogram: Histogram, _ bound: Double, _ keepsLower: Bool) {
            self.histogram = histogram
            self.bound = bound
            self.keepsLower = keepsLower
        }

        /// The original when nothing was taken away.
        var result: Histogram {
            guard isChanged else { return histogram }
            var trimmed = histogram
            trimmed.count = count
            trimmed.sum = sum
            return trimmed.compacted()
        }

        private mutating func add(_ share: Share) {
            count += share.count
            sum += share.middle * share.count
        }

        /// Goes from zero outwards. Returns whether any bucket held something.
        mutating func passSide(isPositive: Bool) -> Bool {
            var buckets = isPositive ? histogram.positive : histogram.negative
            var hasAny = false
            for place in buckets.counts.indices where buckets.counts[place] != 0 {
                hasAny = true
                let bucket = histogram.bucket(place, isPositive: isPositive)
                let share = share(of: bucket, isPositive: isPositive)
                add(share)
                if share.count != bucket.count {
                    buckets.counts[place] = share.count
                    isChanged = true
                }
            }
            if isPositive { histogram.positive = buckets } else { histogram.negative = buckets }
            return hasAny
        }

        /// Reaches to both sides of zero, unless observations lie on one side only.
        mutating func passZeroBucket(hasPositive: Bool, hasNegative: Bool) {
            guard histogram.zeroCount > 0 else { return }
            let lower = hasPositive && !hasNegative ? 0 : -histogram.zeroThreshold
            let upper = hasNegative && !hasPositive ? 0 : histogram.zeroThreshold
            let all = histogram.zeroCount
            let share: Share
            switch (bound <= lower, bound >= upper) {
            case (true, _):
                share = Share(
                    count: keepsLower ? 0 : all, middle: keepsLower ? 0 : (lower + upper) / 2)
            case (_, true):
                share = Share(
                    count: keepsLower ? all : 0, middle: keepsLower ? (lower + upper) / 2 : 0)
            default:
                let width = upper - lower
                share =
                    keepsLower
                    ? Share(
                        count: all * ((bound - lower) / width), middle: (lower + bound) / 2)
                    : Share(
                        count: all * ((upper - bound) / width), middle: (bound + upper) / 2)
            }
            add(share)
            if share.count != all {
                histogram.zeroCount = share.count
                isChanged = true
            }
        }

        private func share(of bucket: HistogramBucket, isPositive: Bool) -> Share {
            let isKept = keepsLower ? bucket.upper <= bound : bucket.lower >= bound
            if isKept {
                return Share(
                    count: bucket.count, middle: middle(bucket.lower, bucket.upper, isPositive))
            }
            let isCut = keepsLower ? bucket.lower < bound : bucket.upper > bound
            guard isCut else { return Share(count: 0, middle: 0) }
            if bucket.lower == -.infinity || bucket.upper == .infinity {
                return shareOfOpen(bucket)
            }
            let below = bucket.count * fraction(below: bound, bucket, isPositive)
            return keepsLower
                ? Share(count: below, middle: middle(bucket.lower, bound, isPositive))
                : Share(
                    count: bucket.count - below, middle: middle(bound, bucket.upper, isPositive))
        }

        private func fraction(
            below value: Double, _ bucket: HistogramBucket, _ isPositive: Bool
        ) -> Double {
            if value <= bucket.lower { return 0 }
            if value >= bucket.upper { return 1 }
            if histogram.usesCustomBounds {
                return (value - bucket.lower) / (bucket.upper - bucket.lower)
            }
            let low = FloatMath.logarithm2(abs(bucket.lower))
            let high = FloatMath.logarithm2(abs(bucket.upper))
            let place = FloatMath.logarithm2(abs(value))
            return isPositive
                ? (place - low) / (high - low) : 1 - (place - high) / (low - high)
        }

        private func middle(_ lower: Double, _ upper: Double, _ isPositive: Bool) -> Double {
            if lower.isInfinite {
                return upper.isInfinite ? 0 : upper > 0 ? upper / 2 : upper
            }
            if upper.isInfinite { return lower }
            if histogram.usesCustomBounds { return (lower + upper) / 2 }
            let mean = abs(lower * upper).squareRoot()
            return isPositive ? mean : -mean
        }

        /// Of a bucket without an end. How its observations are spread is not known: it goes
        /// whole, but that one which ends above zero is taken to begin there.
        private func shareOfOpen(_ bucket: HistogramBucket) -> Share {
            let nothing = Share(count: 0, middle: 0)
            guard bucket.lower == -.infinity else {
                return !keepsLower && bound >= bucket.lower
                    ? Share(count: bucket.count, middle: bound) : nothing
            }
            let isBoundedAbove = bucket.upper != .infinity
            if keepsLower {
                if bound > 0, bucket.upper > 0, isBoundedAbove {
                    return Share(
                        count: bucket.count * bound / bucket.upper, middle: bound / 2)
                }
                return bucket.upper <= 0 ? Share(count: bucket.count, middle: bound) : nothing
            }
            guard bound >= 0, bucket.upper > bound, isBoundedAbove else { return nothing }
            return Share(
                count: bucket.count * (1 - bound / bucket.upper),
                middle: (bound + bucket.upper) / 2)
        }
    }
}
