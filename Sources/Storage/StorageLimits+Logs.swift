/// The bounds of log storage and of index files, each with its reason.
extension StorageLimits {
    /// Raw bytes of lines after which a log block is closed: decodes in 0.2 ms. Streams that have
    /// less than half of it share blocks.
    package static let logBlockBytes = 256 << 10
    /// The same after compaction: zstd gains with size and the index has fewer blocks to name, but
    /// a query that needs one line expands a block.
    package static let logBlockBytesDense = 512 << 10

    /// Levels of zstd for sealing, for compaction, and for trying which form packs smaller:
    /// docs/decisions/005-zstd-for-logs.md.
    static let zstdLevelHot = 1
    static let zstdLevelDense = 9
    static let zstdLevelTaste = 3

    /// Lines of a block, so that row numbers and figures stay small.
    package static let logBlockLinesMax = 65_536

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

    /// So many series or fewer are looked for in the postings of values; of more, a set is made.
    package static let mergeTestSeriesMax = 4_096

    /// Estimate of what a line in memory costs beside its bytes: timestamp, ends, stream number.
    package static let lineMemoryBytes = 24
    /// Estimate of what a stream in memory costs beside its labels.
    package static let streamMemoryBytes = 400

    /// Longest word in the dictionary: longer than any hash in hexadecimal. The blocks that hold a
    /// longer one (encoded data mostly) are marked, and read for whatever may be inside of it.
    package static let tokenBytesMax = 256

    /// Words of a page of the dictionary: about 10 KiB, decoded in 50 µs.
    package static let wordsPerPage = 4_096

    /// Bytes of decoded word pages in memory, of all segments together: the words of about 2 GB of
    /// raw lines.
    package static let wordCacheBytesMax = 64 << 20
}
