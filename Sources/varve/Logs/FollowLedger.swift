/// Which lines of the recent past were printed: so that following goes on after a connection was
/// lost, with what came in meanwhile, and prints no line twice. Lines may be equal in everything;
/// they are counted.
///
/// A new connection is subscribed first and then reads what is there from `resumeNanos` on, so a
/// line can come both ways: as many copies are printed as there are known to be. Only copies of one
/// line, equal in time, labels and text, that come in just before and just after a new connection
/// cannot be told apart; then one too few may be printed.
struct FollowLedger {
    /// Lines may arrive this much later than lines with later times.
    static let overlapNanos: Int64 = 60_000_000_000
    /// Beyond it the older half is forgotten, and what was lost is read from there on.
    private static let countMax = 100_000

    private var printed: [LogEntry: Int] = [:]
    /// As of the beginning of this connection.
    private var before: [LogEntry: Int] = [:]
    /// By the two ways of this connection.
    private var fetched: [LogEntry: Int] = [:]
    private var followed: [LogEntry: Int] = [:]
    private var floorNanos: Int64
    private var newestNanos: Int64
    private var contactNanos: Int64
    /// From when on the connection before may have lacked lines.
    private var gapNanos = Int64.max
    /// From where what lacks is read; nil when nothing does.
    private var readingNanos: Int64?

    /// `startNanos`: earlier lines were not asked for, or are known to have been printed.
    init(startNanos: Int64, nowNanos: Int64) {
        floorNanos = startNanos
        newestNanos = nowNanos
        contactNanos = nowNanos
    }

    /// What came in before the connection has not been read, or not all of it.
    var lacksLines: Bool { readingNanos != nil }

    /// From where a new connection has to read. A line from the future does not move it.
    var resumeNanos: Int64 {
        max(
            floorNanos,
            readingNanos ?? min(newestNanos, contactNanos, gapNanos) - Self.overlapNanos)
    }

    /// A line that was printed before there was a connection.
    mutating func note(_ entry: LogEntry) {
        guard entry.nanos >= floorNanos else { return }
        newestNanos = max(newestNanos, entry.nanos)
        printed[entry, default: 0] += 1
    }

    /// The server says that lines since then may not have come.
    mutating func noteGap(sinceNanos: Int64) { gapNanos = min(gapNanos, sinceNanos) }

    mutating func noteContact(nowNanos: Int64) { contactNanos = nowNanos }

    mutating func beginConnection() {
        forget()
        readingNanos = resumeNanos
        gapNanos = .max
        before = printed
        fetched = [:]
        followed = [:]
    }

    /// What lacks is read from the beginning.
    mutating func beginReading() { fetched = [:] }

    /// All of it was read.
    mutating func endReading() { readingNanos = nil }

    /// A line of what was read at the beginning of the connection; whether to print it.
    mutating func takeFetched(_ entry: LogEntry) -> Bool {
        fetched[entry, default: 0] += 1
        return isNew(entry, count: fetched[entry] ?? 0)
    }

    /// A line that came in live; whether to print it.
    mutating func takeFollowed(_ entry: LogEntry) -> Bool {
        guard entry.nanos >= floorNanos else { return true }
        followed[entry, default: 0] += 1
        let count = (before[entry] ?? 0) + (followed[entry] ?? 0)
        if printed.count + followed.count > Self.countMax { forget() }
        return isNew(entry, count: max(count, fetched[entry] ?? 0))
    }

    private mutating func isNew(_ entry: LogEntry, count: Int) -> Bool {
        newestNanos = max(newestNanos, entry.nanos)
        guard count > printed[entry] ?? 0 else { return false }
        printed[entry] = count
        return true
    }

    /// What no later connection will read again.
    private mutating func forget() {
        floorNanos = resumeNanos
        if printed.keys.count(where: { $0.nanos >= floorNanos }) > Self.countMax / 2 {
            let times = printed.keys.map(\.nanos).sorted()
            floorNanos = max(floorNanos, times[times.count / 2] + 1)
        }
        let floor = floorNanos
        printed = printed.filter { $0.key.nanos >= floor }
        before = before.filter { $0.key.nanos >= floor }
        fetched = fetched.filter { $0.key.nanos >= floor }
        followed = followed.filter { $0.key.nanos >= floor }
    }
}
