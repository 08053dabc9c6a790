/// Where log lines are, and what of them is deleted.
package struct LogSource: Sendable {
    enum Lines: Sendable {
        case memtable(LogMemtable)
        case segment(LogSegment)
    }

    let lines: Lines
    var deleted = DeletionMask([])
    /// The shard's segment that `lines` are of; nil for others.
    var live: LiveSegment?

    /// Lines in memory.
    package static func memtable(_ table: LogMemtable) -> LogSource {
        LogSource(lines: .memtable(table))
    }

    /// Sealed ones.
    package static func segment(_ segment: LogSegment) -> LogSource {
        LogSource(lines: .segment(segment))
    }
}
