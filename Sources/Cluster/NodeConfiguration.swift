package import Storage

/// What a node is started with.
package struct NodeConfiguration: Sendable {
    /// Shards of a new data directory; an existing one keeps its own number.
    package var shardCount = 16
    /// Age at which samples and lines go, ns; nil keeps all and takes samples of any time.
    package var retentionNanos: Int64? = 400 * 86_400_000_000_000
    /// Size of all segments at which the oldest go, bytes; nil for no bound.
    package var retentionBytesMax: Int?
    /// How far ahead of the clock a sample or line may be, ns, unless retention is off.
    package var futureNanosMax: Int64 = 2 * 86_400_000_000_000
    /// Bytes in all memtables at which the largest are sealed early.
    package var memoryBytesMax = 512 << 20
    /// Bytes of proposals that wait for the journal; above, writes are refused for a while.
    package var inFlightBytesMax = 128 << 20
    /// Bytes of one entry of a shard's log; larger batches are cut. What applies at once, and so
    /// how long a shard's readers wait.
    package var entryBytesMax = 4 << 20
    /// Length of a file of the journal, bytes; whole pages of 4 KiB.
    package var journalFileBytes = 64 << 20
    /// Segment files of the journal above which the shards that pin the oldest are sealed.
    package var journalSegmentsMax = 16
    /// Bytes of images and repairs that the node asks others for per second; nil for no bound.
    package var imageBytesPerSecond: Int? = 256 << 20
    /// For how long a newcomer asks for segments that nobody has given it whole, ns: whoever has them
    /// may be away. Then it takes its place with what there is.
    package var damagePatienceNanos: Int64 = 3_600_000_000_000
    package var shard = ShardConfiguration()
    /// What shards' limits are to be; nil leaves them as they are.
    package var shardLimits: ShardLimits?
    /// Age at which what is in memory is sealed, ns.
    package var sealAgeNanos: Int64 {
        get { shard.sealAgeNanos }
        set { shard.sealAgeNanos = newValue }
    }

    package init() {}

    /// What of it can change while the node runs.
    var bounds: NodeBounds {
        NodeBounds(
            retentionNanos: retentionNanos, retentionBytesMax: retentionBytesMax,
            memoryBytesMax: memoryBytesMax, sealAgeNanos: sealAgeNanos,
            shardLimits: shardLimits)
    }
}

/// Bounds that can change while a node runs, each as in `NodeConfiguration`.
struct NodeBounds: Sendable {
    var retentionNanos: Int64?
    var retentionBytesMax: Int?
    var memoryBytesMax: Int
    var sealAgeNanos: Int64
    var shardLimits: ShardLimits?
}

/// What keeps a node from starting or running, as one line for a person.
package enum NodeError: Error, Sendable, CustomStringConvertible {
    /// The directory belongs to a later version.
    case newerFormat(found: Int, known: Int)
    /// The file that names the format is not one.
    case notADataDirectory(reason: String)
    /// Disk, journal or shard, in their words.
    case failed(String)

    package var description: String {
        switch self {
        case .newerFormat(let found, let known):
            "the data directory has format \(found), this varve reads up to \(known): install a "
                + "newer varve"
        case .notADataDirectory(let reason): "not a data directory: \(reason)"
        case .failed(let reason): reason
        }
    }
}
