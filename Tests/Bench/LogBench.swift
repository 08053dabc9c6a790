internal import Encoding
internal import Glibc
internal import Ingest
internal import Model
internal import Platform
internal import Storage

/// Logs through the way in of one shard: received as syslog, applied, sealed every 64 MiB as the
/// leader does, compacted into one segment, searched. What it costs, in CPU time, and what stays
/// on disk. BENCH_SMALL takes the real files only.
func logBench() -> [BenchRow] {
    let isSmall = unsafe getenv("BENCH_SMALL") != nil
    var rows: [BenchRow] = []
    do {
        guard let real = LogCorpus.real() else { return [] }
        let store = try LogStore(real)
        rows += store.wayIn + [store.ratioRow(goal: 10)] + store.indexRows
        if isSmall { rows += try store.searchRows(goals: false) }
        try store.close()
        if isSmall { return rows }
    } catch { print("log bench, real files: \(error)") }
    do {
        guard let amplified = LogCorpus.amplified(rawBytesMin: 128 << 20) else { return rows }
        let store = try LogStore(amplified)
        rows += store.wayIn + [store.ratioRow(goal: nil)] + store.indexRows
        rows += try store.searchRows(goals: true)
        try store.close()
    } catch { print("log bench: \(error)") }
    return rows
}

/// The way of a corpus into a shard, step by step, with the CPU time of each.
private struct LogWayIn {
    let shard: Shard
    private(set) var receiveSeconds = 0.0
    private(set) var applySeconds = 0.0
    private(set) var sealSeconds = 0.0
    private var intake = SyslogIntake(options: SyslogOptions(), seed: 1)
    private var framer = SyslogFramer(frameBytesMax: 1 << 20)
    private var continuation = SyslogIntake.Continuation()
    private var index: UInt64 = 0

    init(_ shard: Shard) { self.shard = shard }

    /// Takes what one connection sent, as one batch.
    mutating func take(_ piece: [UInt8]) throws {
        var before = Stopwatch.cpuSeconds()
        for start in stride(from: 0, to: piece.count, by: 65_536) {
            framer.append(piece[start..<min(start + 65_536, piece.count)])
            intake.drain(
                &framer, &continuation, isOver: false, arrival: 1_795_564_800_000_000_000)
        }
        let payload = ShardCommand.payload(ofEncodedBatch: intake.takeBatch().encoded())
        receiveSeconds += Stopwatch.cpuSeconds() - before
        before = Stopwatch.cpuSeconds()
        try apply(payload)
        applySeconds += Stopwatch.cpuSeconds() - before
        if shard.memoryBytes >= shard.configuration.sealBytes { try seal() }
    }

    mutating func seal() throws {
        let before = Stopwatch.cpuSeconds()
        try apply(ShardCommand.seal(at: Timestamp(nanos: 0)).encoded())
        try shard.runJobs()
        sealSeconds += Stopwatch.cpuSeconds() - before
    }

    private mutating func apply(_ payload: [UInt8]) throws {
        index += 1
        _ = try shard.apply(index: index, payload: payload)
    }
}

/// A corpus in a shard's files.
private struct LogStore {
    private let corpus: LogCorpus
    private let rawBytes: Int
    private let disk: LocalDisk
    private let shard: Shard
    private let way: LogWayIn
    private let compactSeconds: Double
    private let compacted: LogSegment
    private let compactedBytes: (data: Int, index: Int)

    init(_ corpus: LogCorpus) throws {
        self.corpus = corpus
        rawBytes = corpus.rawBytes
        disk = try LocalDisk(root: "/tmp/varve-bench-\(getpid())-logs-\(corpus.name)")
        shard = try Shard.open(disk: disk, directory: "shard", number: 0, telemetry: Telemetry())
        var way = LogWayIn(shard)
        try corpus.forEachSyslogPiece { piece in try way.take(piece) }
        try way.seal()
        self.way = way
        let before = Stopwatch.cpuSeconds()
        var inputs: [LogSegment] = []
        for record in shard.manifest.segments {
            inputs.append(
                try LogSegment.open(
                    disk: disk, path: "shard" / record.data.name,
                    indexPath: "shard" / record.index.name))
        }
        let built = try LogMerge.merge(inputs) { _, _ in .distantPast }
        try disk.replaceDurably("compacted.log", with: built.data)
        try disk.replaceDurably("compacted.logidx", with: built.index)
        compactSeconds = Stopwatch.cpuSeconds() - before
        compacted = try LogSegment.open(
            disk: disk, path: "compacted.log", indexPath: "compacted.logidx")
        compactedBytes = (built.data.count, built.index.count)
        precondition(compacted.summary.lineCount == corpus.lineCount, "lines are missing")
    }

    /// Removes the files.
    func close() throws { try disk.removeTree(.root) }

    var wayIn: [BenchRow] {
        let seconds = way.receiveSeconds + way.applySeconds + way.sealSeconds
        let mega = Double(rawBytes) / 1e6
        func part(_ seconds: Double) -> String { "\(Int(mega / seconds)) MB/s" }
        let note =
            "\(corpus.lineCount) lines, \(Int(mega)) MB: received \(part(way.receiveSeconds)), "
            + "applied \(part(way.applySeconds)), sealed \(part(way.sealSeconds))"
        return [
            BenchRow(
                room: "logs", name: "\(corpus.name): syslog received, applied, sealed",
                unit: "MB/s", goal: 33, reached: mega / seconds, note: note),
            BenchRow(
                room: "logs", name: "\(corpus.name): the same", unit: "k lines/s", goal: 250,
                reached: Double(corpus.lineCount) / seconds / 1e3),
            BenchRow(
                room: "logs", name: "\(corpus.name): compacted", unit: "MB/s", goal: nil,
                reached: mega / compactSeconds,
                note: "\(shard.manifest.segments.count) segments into one"),
        ]
    }

    /// Raw bytes of the lines to bytes of both files.
    func ratioRow(goal: Double?) -> BenchRow {
        let sealed = shard.manifest.segments.reduce(0) { $0 + $1.byteCount }
        let all = compactedBytes.data + compactedBytes.index
        func ratio(_ bytes: Int) -> Double {
            Double(Int(Double(rawBytes) / Double(bytes) * 100)) / 100
        }
        return BenchRow(
            room: "logs", name: "\(corpus.name): compacted, index included", unit: "× smaller",
            goal: goal, reached: Double(rawBytes) / Double(all),
            note: "data alone \(ratio(compactedBytes.data)), sealed \(ratio(sealed))")
    }

    var indexRows: [BenchRow] {
        let sealed = shard.manifest.segments.reduce(0) { $0 + $1.index.byteCount }
        return [("sealed", sealed), ("compacted", compactedBytes.index)].map { name, bytes in
            BenchRow(
                room: "logs", name: "\(corpus.name): index, \(name)", unit: "% of raw", goal: 4,
                reached: Double(bytes) / Double(rawBytes) * 100, higherIsBetter: false,
                note: "\(bytes) B")
        }
    }

    /// The searches of DESIGN §9 over the compacted segment: every line that matches is handed
    /// over. `cold` is the first run after the segment was opened, `sealed` the same search over
    /// the segments before compaction.
    func searchRows(goals: Bool) throws -> [BenchRow] {
        let rare = rareWord()
        let inside = String(rare.dropFirst(3).dropLast(3))
        let searches: [(name: String, goal: Double?, pattern: LineFilter.Pattern)] = [
            ("rare token \(rare)", 2, .contains(Array(rare.utf8))),
            ("absent token", 2, .contains(Array("zq8x4v0absent".utf8))),
            ("any-case word timeout", 14, .containsFolded(Array("timeout".utf8))),
            ("any-case word error", 14, .containsFolded(Array("error".utf8))),
            (
                "regex level=error.*code = \\w+", 42,
                .matches(try RegularExpression("level=error.*code = \\w+"))
            ),
            (
                "regex Push \\(200\\) [0-9]{3}\\.", 42,
                .matches(try RegularExpression("Push \\(200\\) [0-9]{3}\\."))
            ),
            ("inside of a word \(inside)", nil, .contains(Array(inside.utf8))),
        ]
        return try searches.map { search in
            let filter = LineFilter([search.pattern])
            let fresh = try LogSegment.open(
                disk: disk, path: "compacted.log", indexPath: "compacted.logidx")
            let before = Stopwatch.cpuSeconds()
            _ = try count(filter, [.segment(fresh)])
            let cold = Stopwatch.cpuSeconds() - before
            var found = (lines: 0, bytesRead: 0)
            let sources = [LogSource.segment(compacted)]
            let seconds = try best { found = try count(filter, sources) }
            let (sealed, _) = shard.logSources(request([filter]))
            let sealedSeconds = try best { _ = try count(filter, sealed) }
            func millis(_ seconds: Double) -> String { "\(Double(Int(seconds * 1e5)) / 100)" }
            return BenchRow(
                room: "logs", name: search.name, unit: "ms", goal: goals ? search.goal : nil,
                reached: seconds * 1e3, higherIsBetter: false,
                note: "\(found.lines) lines, \(found.bytesRead >> 10) KiB read; "
                    + "cold \(millis(cold)), sealed \(millis(sealedSeconds))")
        }
    }

    private func best(_ body: () throws -> Void) throws -> Double {
        var failure: (any Error)?
        let seconds = Stopwatch.best(runs: 3) {
            do { try body() } catch { failure = error }
        }
        if let failure { throw failure }
        return seconds
    }

    private func request(
        _ filters: [LineFilter], budget: QueryBudget = QueryBudget()
    ) -> LineRequest {
        LineRequest(
            tenant: .standard, selector: .everything, start: .distantPast, end: .distantFuture,
            filters: filters, order: .any, budget: budget)
    }

    private func count(
        _ filter: LineFilter, _ sources: [LogSource]
    ) throws -> (lines: Int, bytesRead: Int) {
        let budget = QueryBudget()
        var lines = 0
        let completeness = try LogSearch(request([filter], budget: budget), sources: sources)
            .run { data in
                lines += data.lines.count
                return true
            }
        precondition(completeness.isComplete, "\(completeness.missing)")
        return (lines, budget.bytesCharged)
    }

    /// The first trace id past the middle of the corpus that stands in one line only.
    private func rareWord() -> String {
        let mark = Array("traceID=".utf8)
        for stream in corpus.streams where stream.app.hasPrefix("distributor") {
            var from = stream.bytes.count / 2
            while let place = ByteScan.firstRange(
                of: mark, in: stream.bytes, from: from, to: stream.bytes.count)
            {
                let word = Array(stream.bytes[(place + mark.count)..<(place + mark.count + 16)])
                if isUnique(word) { return String(decoding: word, as: UTF8.self) }
                from = place + 1
            }
        }
        return "absent0000000000"
    }

    private func isUnique(_ word: [UInt8]) -> Bool {
        let needle = Needle(word)
        var count = 0
        for stream in corpus.streams {
            var from = 0
            while let hit = needle.find(in: stream.bytes, from: from, to: stream.bytes.count) {
                count += 1
                from = hit + 1
            }
        }
        return count == 1
    }
}
