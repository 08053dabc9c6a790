internal import Synchronization

/// A number that only grows: one relaxed atomic add per change, from any thread.
package final class Counter: Sendable {
    private let total = Atomic<Int>(0)

    package init() {}

    /// `count` must not be negative.
    package func add(_ count: Int = 1) {
        assert(count >= 0, "a counter does not go down")
        total.wrappingAdd(count, ordering: .relaxed)
    }

    package var value: Int { total.load(ordering: .relaxed) }
}

/// A number that is set, or goes up and down.
package final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)

    package init() {}

    package func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    package func set(_ value: Int) { set(Double(value)) }

    /// Adds `delta`, which may be negative.
    package func add(_ delta: Double) {
        var seen = bits.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: seen) + delta).bitPattern
            let result = bits.compareExchange(expected: seen, desired: sum, ordering: .relaxed)
            if result.exchanged { return }
            seen = result.original
        }
    }

    package var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// How long something takes: a histogram with a bucket per power of two from 1 µs to 67 s.
package final class Latency: Sendable {
    /// Bucket i holds durations ≤ 2^i µs; the last one everything.
    private static let bucketCount = 28

    private let counts: [Counter]
    private let sumNanos = Counter()

    package init() { counts = (0..<Latency.bucketCount).map { _ in Counter() } }

    /// Adds one duration in nanoseconds; negative counts as zero.
    package func record(nanos: Int64) {
        let nanos = max(0, nanos)
        let micros = UInt64(nanos + 999) / 1000
        let bucket = micros <= 1 ? 0 : 64 - (micros - 1).leadingZeroBitCount
        counts[min(bucket, Latency.bucketCount - 1)].add(1)
        sumNanos.add(Int(nanos))
    }

    package var count: Int { counts.reduce(0) { $0 + $1.value } }

    /// An upper bound in nanoseconds of the `quantile` (0…1), within a factor of two; 0 when
    /// nothing was recorded.
    package func quantileNanos(_ quantile: Double) -> Int64 {
        let values = counts.map(\.value)
        let total = values.reduce(0, +)
        guard total > 0 else { return 0 }
        let rank = max(1, Int((quantile * Double(total)).rounded(.up)))
        var seen = 0
        for (bucket, value) in values.enumerated() {
            seen += value
            if seen >= rank { return 1000 << Int64(bucket) }
        }
        return 1000 << Int64(Latency.bucketCount - 1)
    }

    func samples(_ labels: [MetricLabel]) -> [MetricFamilySample.Sample] {
        var samples: [MetricFamilySample.Sample] = []
        var seen = 0
        for bucket in 0..<Latency.bucketCount {
            seen += counts[bucket].value
            let isLast = bucket == Latency.bucketCount - 1
            let bound = isLast ? "+Inf" : "\(Double(1 << bucket) / 1e6)"
            samples.append(
                .init(
                    suffix: "_bucket", labels: labels + [MetricLabel(name: "le", value: bound)],
                    value: Double(seen)))
        }
        samples.append(
            .init(suffix: "_sum", labels: labels, value: Double(sumNanos.value) / 1e9))
        samples.append(.init(suffix: "_count", labels: labels, value: Double(seen)))
        return samples
    }
}
