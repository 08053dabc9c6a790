/// What a search for lines reads of one segment, or of what is in memory, and what kept the rest from
/// being read.
package struct LogSourcePlan: Sendable, Hashable {
    /// The segment's data file; `memory` for what is not sealed.
    package var name: String
    package var blockCount: Int
    /// Blocks that overlap the time asked for.
    package var blocksInTime = 0
    /// Of these: that may hold lines of a selected stream.
    package var blocksOfStreams = 0
    /// Of these: that hold the words which the filters require.
    package var blocksToRead = 0
    /// Of the blocks to read, before compression.
    package var bytesToRead = 0
    /// Streams that are selected.
    package var streamCount = 0
    /// Why nothing is known.
    package var problem: String?

    package init(name: String = "", blockCount: Int = 0, problem: String? = nil) {
        self.name = name
        self.blockCount = blockCount
        self.problem = problem
    }

    /// Counts a piece that is read as a whole, without a look at its words.
    package mutating func noteUnindexed(bytes: Int) {
        blockCount += 1
        blocksInTime += 1
        blocksOfStreams += 1
        blocksToRead += 1
        bytesToRead += bytes
    }
}

/// What a search for lines reads of a shard.
package struct LogShardPlan: Sendable, Hashable {
    package var shard: Int
    /// Segments that do not overlap the time asked for.
    package var segmentsOutOfTime: Int
    package var sources: [LogSourcePlan]

    package init(shard: Int, segmentsOutOfTime: Int, sources: [LogSourcePlan]) {
        self.shard = shard
        self.segmentsOutOfTime = segmentsOutOfTime
        self.sources = sources
    }
}
