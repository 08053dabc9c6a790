/// The bounds of this room in one place, each with its reason. Those that decide what an entry does
/// are constants of the format: replicas that disagreed on them would diverge.
package enum StorageLimits {
    /// Sources whose last sequence is remembered per shard: nodes and their listeners, with room
    /// for a fleet that is replaced many times between two checkpoints. 24 bytes each.
    package static let sourcesMax = 65_536

    /// Attempts at a compaction whose input the disk refuses to read; then it is taken for lost.
    package static let readAttemptsMax = 3

    /// The registry is rebuilt without idle series when these are at least so many …
    package static let evictionSeriesMin = 1_024
    /// … and at least one in so many of all: a rebuild costs about 2 µs per series kept.
    package static let evictionFractionDenominator = 4

    /// Members of a set interval counted exactly; above, HyperLogLog with about 1.6 % error.
    package static let setMembersExactMax = 1_024

    /// Interval ends of one set that stay open for more members: late nodes' batches.
    package static let setIntervalsOpenMax = 4

    /// Label bytes that one shard's memory holds: offsets are 32 bits.
    package static let labelBytesMax = 2 << 30

    /// Frozen memtables that wait for their seal job; the leader proposes no further seal.
    package static let frozenMemtablesMax = 4

    /// Rejections told apart in one outcome; further ones are counted under the same reasons.
    package static let rejectionExamplesMax = 16

    /// Bytes of a decoded block: refuses garbage before allocating.
    package static let blockBytesMax = 256 << 20

    /// Series of one batch of an answer.
    package static let seriesPerBatch = 64
    /// … and samples, but for the last series: 128 KiB of values stay near the processor that
    /// decoded them.
    package static let samplesPerBatch = 16_384

    /// Samples of one value vector before and after compaction (DESIGN §5).
    package static let hotVectorSamples = 1_024
    package static let denseVectorSamples = 8_192

    /// Segments that one compaction takes: bounds open files and the work of one job.
    package static let compactionInputsMax = 32

    /// Bytes of the files that one compaction takes, data and index: bounds the time of one job.
    package static let compactionBytesMax = 1 << 30
}
