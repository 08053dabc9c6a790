/// The bounds of log storage and of index files, each with its reason.
extension StorageLimits {
    /// Raw bytes of lines after which a log block is closed: holds 97 % of LZ4's gain and decodes
    /// in well under a millisecond.
    package static let logBlockBytes = 256 << 10

    /// How much of a block is tried in both forms to see which packs smaller.
    package static let logSampleBytes = 64 << 10

    /// Lines of a block, so that row numbers and figures stay small.
    package static let logBlockLinesMax = 65_536

    /// A stream with so many raw bytes begins a block of its own; smaller ones share one.
    package static let logBlockSharedBytes = 128 << 10

    /// Raw bytes of a memtable chunk: what a reader's copy may cost the writer once.
    package static let logChunkBytes = 64 << 10

    /// Bytes of the files that one compaction of log segments takes: their merger is made in memory
    /// before it is written, with the words of some ten times as many bytes of lines.
    package static let logCompactionBytesMax = 128 << 20

    /// Lines per batch of an answer, and their bytes.
    package static let linesPerBatch = 4_096
    package static let lineBytesPerBatch = 1 << 20

    /// Page size of the SQLite files: small, because their rows are compressed pages that spill
    /// into overflow chains, and half a page per row is lost.
    package static let indexPageBytes = 1_024

    /// Bytes of keys and postings before compression that fill one page of an index file.
    package static let dictionaryPageBytes = 16 << 10

    /// Bytes of one decoded page of an index file: refuses garbage before allocating.
    package static let dictionaryPageBytesMax = 256 << 20

    /// Series per row of an index file: about 2 KiB compressed, a few µs to decode.
    package static let seriesPerPage = 64

    /// So many series or fewer are tested by their own labels instead of by all values of a name.
    package static let directTestSeriesMax = 64

    /// Estimate of what a line in memory costs beside its bytes: timestamp, ends, stream number.
    package static let lineMemoryBytes = 24
    /// Estimate of what a stream in memory costs beside its labels.
    package static let streamMemoryBytes = 400

    /// Longest token in the dictionary; the blocks that hold a longer one are marked.
    package static let tokenBytesMax = 128
}
