/// The settings of a shard on one node.
package struct ShardConfiguration: Sendable, Hashable {
    /// What a new shard begins with. Same on all replicas: in a cluster the defaults.
    package var limits: ShardLimits
    /// Bytes in memtables at which the leader proposes a seal.
    package var sealBytes: Int
    /// Time since the last seal at which it does, nanoseconds.
    package var sealAgeNanos: Int64
    /// How often a compaction tries inputs that are damaged before it leaves them out: with other
    /// replicas that can repair them it waits, so that all do the same.
    package var damageAttemptsMax = 1

    package init(
        limits: ShardLimits = ShardLimits(), sealBytes: Int = 64 << 20,
        sealAgeNanos: Int64 = 3_600_000_000_000
    ) {
        self.limits = limits
        self.sealBytes = sealBytes
        self.sealAgeNanos = sealAgeNanos
    }
}
