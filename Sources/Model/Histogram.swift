/// A sample that is a distribution: the exponential ("native") histogram of Prometheus 3.
///
/// Bucket `i` of a non-negative schema n holds values in (2^((i−1)/2^n), 2^(i/2^n)]; `negative`
/// mirrors it; |value| ≤ `zeroThreshold` is in the zero bucket. Schema −53 has custom bounds:
/// bucket i holds (customBounds[i−1], customBounds[i]], the last is (…, +Inf].
/// Counts are floating point, because sampled timers and rates are not whole.
/// Source: Prometheus, "Native histograms" specification.
package struct Histogram: Hashable, Sendable {
    package static let customBoundsSchema: Int32 = -53
    package static let schemaMin: Int32 = -4
    package static let schemaMax: Int32 = 8

    /// Whether a decrease to the previous sample is a reset; a gauge histogram has none.
    package enum ResetHint: UInt8, Sendable {
        case unknown = 0
        case reset = 1
        case notReset = 2
        case gauge = 3
    }

    /// Buckets that are not empty. indexes: ascending, each once; counts: as many.
    package struct Buckets: Hashable, Sendable {
        package var indexes: [Int32]
        package var counts: [Double]

        package init(indexes: [Int32] = [], counts: [Double] = []) {
            self.indexes = indexes
            self.counts = counts
        }

        package var isEmpty: Bool { indexes.isEmpty }
    }

    package var schema: Int32
    package var resetHint: ResetHint
    package var zeroThreshold: Double
    package var zeroCount: Double
    package var count: Double
    package var sum: Double
    package var positive: Buckets
    package var negative: Buckets
    /// Ascending upper bounds, for schema −53 only.
    package var customBounds: [Double]

    package init(
        schema: Int32, resetHint: ResetHint = .unknown, zeroThreshold: Double = 0,
        zeroCount: Double = 0, count: Double = 0, sum: Double = 0,
        positive: Buckets = Buckets(), negative: Buckets = Buckets(), customBounds: [Double] = []
    ) {
        self.schema = schema
        self.resetHint = resetHint
        self.zeroThreshold = zeroThreshold
        self.zeroCount = zeroCount
        self.count = count
        self.sum = sum
        self.positive = positive
        self.negative = negative
        self.customBounds = customBounds
    }

    /// A stale marker is a histogram whose sum is the marker.
    package var isStaleMarker: Bool { sum.isStaleMarker }
}
