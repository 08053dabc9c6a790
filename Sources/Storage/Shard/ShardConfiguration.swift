/// The settings of a shard. What changes the meaning of entries must be the same on all replicas:
/// it comes from the cluster's configuration, never from one node's.
package struct ShardConfiguration: Sendable, Hashable {
    /// Series that a shard knows at once; samples of further ones are refused. Same everywhere.
    package var seriesMax: Int
    /// Streams that a shard knows at once. Same everywhere.
    package var streamsMax: Int
    /// Metrics per tenant with metadata. Same everywhere.
    package var metadataMax: Int
    /// Seconds of silence after which a series leaves the registry and its total is forgotten.
    /// Same everywhere.
    package var idleSeconds: UInt32
    /// Bytes in memtables at which the leader proposes a seal.
    package var sealBytes: Int
    /// Time since the last seal at which it does, nanoseconds.
    package var sealAgeNanos: Int64
    /// How often a compaction tries inputs that are damaged before it leaves them out: with other
    /// replicas that can repair them it waits, so that all do the same.
    package var damageAttemptsMax = 1

    package init(
        seriesMax: Int = 1_000_000, streamsMax: Int = 200_000, metadataMax: Int = 20_000,
        idleSeconds: UInt32 = 24 * 3_600, sealBytes: Int = 64 << 20,
        sealAgeNanos: Int64 = 3_600_000_000_000
    ) {
        self.seriesMax = seriesMax
        self.streamsMax = streamsMax
        self.metadataMax = metadataMax
        self.idleSeconds = idleSeconds
        self.sealBytes = sealBytes
        self.sealAgeNanos = sealAgeNanos
    }
}
