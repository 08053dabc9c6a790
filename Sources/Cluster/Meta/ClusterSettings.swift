package import Storage

/// Settings that must be the same on all nodes: applying an entry and admitting a batch depend on
/// them, and replicas must agree.
package struct ClusterSettings: Hashable, Sendable {
    /// As in `ShardConfiguration`.
    package var seriesMax: Int
    /// As in `ShardConfiguration`.
    package var streamsMax: Int
    /// As in `ShardConfiguration`.
    package var metadataMax: Int
    /// As in `ShardConfiguration`.
    package var idleSeconds: UInt32
    /// As in `NodeConfiguration`: age at which data goes, ns; nil keeps all.
    package var retentionNanos: Int64?
    /// As in `NodeConfiguration`: how far ahead of the clock data may be, ns.
    package var futureNanosMax: Int64

    package init(
        shard: ShardConfiguration = ShardConfiguration(),
        retentionNanos: Int64? = 400 * 86_400_000_000_000,
        futureNanosMax: Int64 = 2 * 86_400_000_000_000
    ) {
        seriesMax = shard.seriesMax
        streamsMax = shard.streamsMax
        metadataMax = shard.metadataMax
        idleSeconds = shard.idleSeconds
        self.retentionNanos = retentionNanos
        self.futureNanosMax = futureNanosMax
    }

    /// `configuration` with what the cluster has decided.
    package func decide(_ configuration: NodeConfiguration) -> NodeConfiguration {
        var decided = configuration
        decided.shard.seriesMax = seriesMax
        decided.shard.streamsMax = streamsMax
        decided.shard.metadataMax = metadataMax
        decided.shard.idleSeconds = idleSeconds
        decided.retentionNanos = retentionNanos
        decided.futureNanosMax = futureNanosMax
        return decided
    }

    /// The name of the first setting with a value that no cluster can have, or nil.
    var flaw: String? {
        if seriesMax <= 0 { return "seriesMax" }
        if streamsMax <= 0 { return "streamsMax" }
        if metadataMax <= 0 { return "metadataMax" }
        if let retentionNanos, retentionNanos <= 0 { return "retentionNanos" }
        if futureNanosMax < 0 { return "futureNanosMax" }
        return nil
    }
}
