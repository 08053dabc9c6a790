internal import Model

/// The weighted values of a timer in one interval as exponential buckets of schema 5: 32 per power
/// of two, so that a bucket's middle is within 1.1 % of its values.
///
/// Bucket i holds (2^((i−1)/32), 2^(i/32)], exact at its bounds; magnitudes up to 2^−128 are in the
/// zero bucket; negative values have buckets of their own. Memory is bounded: with more than
/// `bucketsMax` buckets of a sign, all are merged two by two into the next schema.
/// Source: Prometheus, "Native histograms" specification.
struct StatsdHistogram: Sendable {
    static let schema: Int32 = 5
    /// The width that Prometheus's clients use, 2^−128.
    static let zeroThreshold = 2.938735877055719e-39
    private static let schemaMin: Int32 = -4

    private var schema = StatsdHistogram.schema
    private var zeroCount = 0.0
    private var count = 0.0
    private var sum = 0.0
    private var positive = Buckets()
    private var negative = Buckets()

    /// Sorted by index. The place of the last hit is tried first: values of a timer cluster.
    private struct Buckets: Sendable {
        var indexes: [Int32] = []
        var counts: [Double] = []
        var last = 0

        @inline(__always)
        mutating func add(_ index: Int32, _ weight: Double) {
            if last < indexes.count, indexes[last] == index {
                counts[last] += weight
            } else {
                search(index, weight)
            }
        }

        private mutating func search(_ index: Int32, _ weight: Double) {
            var low = 0
            var high = indexes.count
            while low < high {
                let middle = (low + high) / 2
                if indexes[middle] < index { low = middle + 1 } else { high = middle }
            }
            last = low
            if low < indexes.count, indexes[low] == index {
                counts[low] += weight
            } else {
                indexes.insert(index, at: low)
                counts.insert(weight, at: low)
            }
        }

        /// Bucket i of one schema lies in bucket ⌈i/2⌉ of the next.
        mutating func halve() {
            let old = self
            self = Buckets()
            for (index, count) in zip(old.indexes, old.counts) { add((index + 1) >> 1, count) }
        }
    }

    /// Adds `value`, which is finite, as if it had come `weight` times.
    mutating func add(_ value: Double, weight: Double, bucketsMax: Int) {
        count += weight
        sum += value * weight
        let magnitude = abs(value)
        if magnitude <= StatsdHistogram.zeroThreshold {
            zeroCount += weight
            return
        }
        var index = StatsdHistogram.bucketIndex(magnitude)
        var merges = StatsdHistogram.schema - schema
        while merges > 0 {
            index = (index + 1) >> 1
            merges -= 1
        }
        if value > 0 { positive.add(index, weight) } else { negative.add(index, weight) }
        while positive.indexes.count > bucketsMax || negative.indexes.count > bucketsMax,
            schema > StatsdHistogram.schemaMin
        {
            positive.halve()
            negative.halve()
            schema -= 1
        }
    }

    /// What was collected, as a delta; starts over.
    mutating func take() -> Histogram {
        defer { self = StatsdHistogram() }
        return Histogram(
            schema: schema, zeroThreshold: StatsdHistogram.zeroThreshold, zeroCount: zeroCount,
            count: count, sum: sum,
            positive: .init(indexes: positive.indexes, counts: positive.counts),
            negative: .init(indexes: negative.indexes, counts: negative.counts))
    }

    /// The bucket of schema 5 of `magnitude`, finite and above 0: the smallest i with
    /// magnitude ≤ 2^(i/32). Found from the bits: the exponent, then a table of the first bound at
    /// or above each 64th of [1, 2), which holds one bound at most.
    @inline(__always)
    static func bucketIndex(_ magnitude: Double) -> Int32 {
        let exponent = magnitude.exponent
        let significand = magnitude.significand
        let cell = Int(truncatingIfNeeded: significand.bitPattern &>> 46) & 63
        var step = Int(firstBound[cell])
        if significand > bounds[step] { step += 1 }
        return Int32(truncatingIfNeeded: exponent &* 32 &+ step)
    }

    /// The bounds 2^(k/32), each the nearest double.
    static let bounds: [Double] = [
        0x1.0000000000000p+0, 0x1.059b0d3158574p+0, 0x1.0b5586cf9890fp+0, 0x1.11301d0125b51p+0,
        0x1.172b83c7d517bp+0, 0x1.1d4873168b9aap+0, 0x1.2387a6e756238p+0, 0x1.29e9df51fdee1p+0,
        0x1.306fe0a31b715p+0, 0x1.371a7373aa9cbp+0, 0x1.3dea64c123422p+0, 0x1.44e086061892dp+0,
        0x1.4bfdad5362a27p+0, 0x1.5342b569d4f82p+0, 0x1.5ab07dd485429p+0, 0x1.6247eb03a5585p+0,
        0x1.6a09e667f3bcdp+0, 0x1.71f75e8ec5f74p+0, 0x1.7a11473eb0187p+0, 0x1.82589994cce13p+0,
        0x1.8ace5422aa0dbp+0, 0x1.93737b0cdc5e5p+0, 0x1.9c49182a3f090p+0, 0x1.a5503b23e255dp+0,
        0x1.ae89f995ad3adp+0, 0x1.b7f76f2fb5e47p+0, 0x1.c199bdd85529cp+0, 0x1.cb720dcef9069p+0,
        0x1.d5818dcfba487p+0, 0x1.dfc97337b9b5fp+0, 0x1.ea4afa2a490dap+0, 0x1.f50765b6e4540p+0,
        0x1.0000000000000p+1,
    ]

    /// For each 64th of [1, 2): the first bound that is not below its start.
    private static let firstBound: [UInt8] = (0..<64).map { cell in
        UInt8(bounds.firstIndex { $0 >= 1 + Double(cell) / 64 } ?? 32)
    }
}
