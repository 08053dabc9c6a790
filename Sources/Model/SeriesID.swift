internal import Encoding

/// The fingerprint of a series or stream: 128 bits of a stable hash over tenant and labels. Two
/// label sets that share one are refused by the shard, which keeps the labels of each.
package struct SeriesID: Hashable, Comparable, Sendable {
    package let high: UInt64
    package let low: UInt64

    @inlinable
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Stable across processes, machines and versions: it is written to disk.
    package init(tenant: Tenant, labels: Labels) {
        let seed = StableHash.hash64(Array(tenant.name.utf8), seed: 0)
        let (high, low) = StableHash.hash128(labels.bytes, seed: seed)
        self.init(high: high, low: low)
    }

    /// The shard that owns it, of `shardCount`.
    @inlinable
    package func shard(of shardCount: Int) -> Int { Int(high % UInt64(shardCount)) }

    @inlinable
    package static func < (a: SeriesID, b: SeriesID) -> Bool {
        a.high != b.high ? a.high < b.high : a.low < b.low
    }

    /// The hash is a hash already.
    @inlinable
    package func hash(into hasher: inout Hasher) { hasher.combine(low) }
}
