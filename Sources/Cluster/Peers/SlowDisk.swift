internal import Platform

/// Whether a node's disk is so slow beside those of others that others should lead. A value
/// without clock, asked again and again; it says the other only when that has been so for a while,
/// and what makes it slow is more than what keeps it slow.
struct SlowDisk: Sendable {
    /// Times the others' median at which a disk becomes slow, and from which it stays so.
    static let becomesAt: Int64 = 3
    static let remainsAt: Int64 = 2
    /// Syncs that take no longer are never slow: noise on fast disks moves nobody.
    static let leastNanos: Int64 = 50_000_000
    /// For how long it must have been so.
    static let holdNanos: Int64 = 30_000_000_000

    private(set) var isSlow = false
    /// Since when what is seen is the other.
    private var sinceNanos: Int64?

    /// `own`: 99 of 100 syncs took no longer, ns; `others`: the same of those that could lead
    /// instead, where it is known. Of an even number, the median is the quicker of both in the
    /// middle.
    mutating func judge(own: Int64?, others: [Int64], nowNanos: Int64) {
        guard looksSlow(own, others) != isSlow else {
            sinceNanos = nil
            return
        }
        let since = sinceNanos ?? nowNanos
        sinceNanos = since
        guard nowNanos - since >= SlowDisk.holdNanos else { return }
        isSlow.toggle()
        sinceNanos = nil
    }

    private func looksSlow(_ own: Int64?, _ others: [Int64]) -> Bool {
        guard let own, own > SlowDisk.leastNanos, !others.isEmpty,
            !Mutant.isOn(.slowDiskLeadsOn)
        else { return false }
        let median = others.sorted()[(others.count - 1) / 2]
        return own / (isSlow ? SlowDisk.remainsAt : SlowDisk.becomesAt) > median
    }
}
