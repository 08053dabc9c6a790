internal import Encoding

/// Limits that applying an entry depends on: part of the replicated state, and changed by an entry
/// (`ShardCommand.limit`), so that every replica refuses the same. The defaults are what a shard
/// begins with, on every node and in every version.
package struct ShardLimits: Hashable, Sendable {
    /// Series that a shard knows at once; samples of further ones are refused.
    package var seriesMax: Int
    /// Streams that a shard knows at once.
    package var streamsMax: Int
    /// Metrics per tenant with metadata.
    package var metadataMax: Int
    /// Seconds of silence after which a series leaves the registry and its total is forgotten.
    package var idleSeconds: UInt32

    package init(
        seriesMax: Int = 1_000_000, streamsMax: Int = 200_000, metadataMax: Int = 20_000,
        idleSeconds: UInt32 = 24 * 3_600
    ) {
        self.seriesMax = seriesMax
        self.streamsMax = streamsMax
        self.metadataMax = metadataMax
        self.idleSeconds = idleSeconds
    }
}

/// Layout in docs/format/shard-command.md; in a checkpoint the same.
extension ShardLimits {
    func write(to writer: inout ByteWriter) {
        writer.varint(UInt64(clamping: seriesMax))
        writer.varint(UInt64(clamping: streamsMax))
        writer.varint(UInt64(clamping: metadataMax))
        writer.u32(idleSeconds)
    }

    static func read(_ reader: inout ByteReader) throws(EncodingError) -> ShardLimits {
        ShardLimits(
            seriesMax: try reader.count(limit: Int.max),
            streamsMax: try reader.count(limit: Int.max),
            metadataMax: try reader.count(limit: Int.max), idleSeconds: try reader.u32())
    }
}
