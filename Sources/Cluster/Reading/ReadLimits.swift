/// The bounds of reading from other nodes, each with its reason.
enum ReadLimits {
    /// Of one call, whatever the query's own timeout: an answer that takes longer is not waited
    /// for by anybody.
    static let callNanosMax: Int64 = 600_000_000_000
    /// How long a query waits for answers before it asks its budget again.
    static let waitNanos: Int64 = 20_000_000
    /// Questions that a node answers at once, a thread each: a thread waits while who asked merges
    /// what others say, so threads must not run out before queries do.
    static let questionsMax = 128
    /// How long a question waits for a replica to be fresh: longer than the barrier's own bound.
    static let freshNanosMax: Int64 = 5_000_000_000
    /// How long a follower on another node waits for replicas to be fresh: those that are not by then
    /// are not among what it is given.
    static let followFreshNanosMax: Int64 = 1_000_000_000
    /// Lines per batch of a merged answer, and their bytes: as one node's.
    static let linesPerBatch = 4_096
    static let lineBytesPerBatch = 1 << 20
    /// Strings or label sets of one part.
    static let listItemsPerPart = 8_192
    /// Bytes of lines that wait for a follower on another node; one that is slower begins anew.
    static let followBytesMax = 16 << 20
}
