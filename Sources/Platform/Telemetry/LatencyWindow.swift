internal import Synchronization

/// How long something took lately: durations of the last minute, by size, in slots that are emptied
/// in turn. A value without clock: whoever records says what time it is, monotonic, ns.
///
/// A bucket is an eighth of a power of two wide, so what is read out is at most an eighth too much.
/// One outlier is no measure: of fewer than a hundred durations the largest does not count, so that
/// one hiccup says nothing of the next minute. Recording allocates nothing.
package struct LatencyWindow: Sendable {
    /// What counts is no older.
    package static let windowNanos: Int64 = 60_000_000_000
    private static let slotCount = 6
    private static let slotNanos = windowNanos / Int64(slotCount)
    /// Up to 2^20 ns, about 1 ms, all is one bucket.
    private static let leastBits = 20
    /// From 2^35 ns, about 34 s, all is one bucket.
    private static let mostBits = 35
    private static let bucketCount = 1 + (mostBits - leastBits) * 8

    /// Slot by slot.
    private var counts = [UInt32](repeating: 0, count: slotCount * bucketCount)
    private var totals = [UInt32](repeating: 0, count: slotCount)
    /// The number of the slot that is filled; slot n lies at n modulo `slotCount`.
    private var current: Int64 = 0

    package init() {}

    /// Adds a duration; negative counts as zero.
    package mutating func record(nanos: Int64, at now: Int64) {
        turn(to: now)
        let slot = Int(current % Int64(LatencyWindow.slotCount))
        counts[slot * LatencyWindow.bucketCount + LatencyWindow.bucket(of: nanos)] &+= 1
        totals[slot] &+= 1
    }

    /// What 99 of 100 durations did not exceed, ns; nil when there are too few to say.
    package func p99Nanos(at now: Int64) -> Int64? {
        let slots = slots(at: now)
        let rank = slots.reduce(0) { $0 + UInt64(totals[$1]) } * 99 / 100
        guard rank > 0 else { return nil }
        var seen: UInt64 = 0
        for bucket in 0..<LatencyWindow.bucketCount {
            for slot in slots {
                seen += UInt64(counts[slot * LatencyWindow.bucketCount + bucket])
            }
            if seen >= rank { return LatencyWindow.bound(of: bucket) }
        }
        return LatencyWindow.bound(of: LatencyWindow.bucketCount - 1)
    }

    /// Where the slots lie whose time is not over.
    private func slots(at now: Int64) -> [Int] {
        let count = Int64(LatencyWindow.slotCount)
        let oldest = max(now / LatencyWindow.slotNanos, current) - count + 1
        guard oldest <= current else { return [] }
        return (max(oldest, 0)...current).map { Int($0 % count) }
    }

    /// Empties the slots whose time is over.
    private mutating func turn(to now: Int64) {
        let number = max(now, 0) / LatencyWindow.slotNanos
        guard number > current else { return }
        let passed = min(number - current, Int64(LatencyWindow.slotCount))
        for step in 0..<passed {
            let slot = Int((number - step) % Int64(LatencyWindow.slotCount))
            totals[slot] = 0
            for bucket in 0..<LatencyWindow.bucketCount {
                counts[slot * LatencyWindow.bucketCount + bucket] = 0
            }
        }
        current = number
    }

    private static func bucket(of nanos: Int64) -> Int {
        guard nanos > 1 << Int64(leastBits) else { return 0 }
        // The largest of a bucket is its bound.
        let value = UInt64(nanos - 1)
        let bits = 63 - value.leadingZeroBitCount
        let eighth = Int(truncatingIfNeeded: value >> UInt64(bits - 3)) & 7
        return min(1 + (bits - leastBits) * 8 + eighth, bucketCount - 1)
    }

    private static func bound(of bucket: Int) -> Int64 {
        guard bucket > 0 else { return 1 << Int64(leastBits) }
        let bits = leastBits + (bucket - 1) / 8
        return Int64(8 + (bucket - 1) % 8 + 1) << Int64(bits - 3)
    }
}

/// A `LatencyWindow` for several threads, with a clock.
package final class LatencyMeter: Sendable {
    private let window = Mutex(LatencyWindow())
    private let time: any TimeSource

    package init(time: any TimeSource) { self.time = time }

    package func record(nanos: Int64) {
        let now = time.monotonicNanos()
        window.withLock { $0.record(nanos: nanos, at: now) }
    }

    /// As of the window, now.
    package var p99Nanos: Int64? {
        let now = time.monotonicNanos()
        return window.withLock { $0.p99Nanos(at: now) }
    }
}
