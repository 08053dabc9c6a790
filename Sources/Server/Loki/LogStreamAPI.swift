internal import Model
internal import Platform
internal import Query
internal import Synchronization

/// Our own ways to read lines, one JSON object each: `/api/v1/logs/stream` writes results of any
/// size page by page and `/api/v1/logs/follow` what comes in from now on. The query is LogQL or
/// bare words.
struct LogStreamAPI: Sendable {
    let engine: LogQLEngine
    let context: QueryContext
    let timers: any Timers
    let time: any TimeSource

    /// Lines that one read of the storage brings, and so what is held in memory.
    private static let pageLineCount = 2_000
    /// A blank line this often tells a quiet follower's connection from a dead one.
    private static let heartbeatNanos: Int64 = 10_000_000_000
    /// How often a search says how far it is.
    private static let progressNanos: Int64 = 500_000_000
    /// Pieces that a follower may be behind before it is cut off.
    private static let backlogMax = 4_096
    private static let contentType = "application/x-ndjson"

    func addRoutes(to table: inout RouteTable) {
        table.add([.get], "/api/v1/logs/stream", .query, stream)
        table.add([.get], "/api/v1/logs/follow", .follow, follow)
    }

    /// Parameters: `query`, `ignore_case=1`, `start`, `end`, `limit` (0 or none: all),
    /// `direction`, `progress=1` (notes of the bytes searched so far among the lines), `stats=1` (a note
    /// at the end: what it took, and whether all could be read).
    func stream(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query = try self.query(call)
        guard query.kind == .lines else {
            throw HTTPFailure.invalid("query", "it is about numbers, not lines")
        }
        let limit = try call.count("limit") ?? 0
        let request = LogQLRequest(
            tenant: call.tenant, query: query,
            start: try call.logTime("start", .distantPast),
            end: try call.logTime("end", context.now().advanced(byNanos: 1)),
            limit: limit == 0 ? nil : limit,
            direction: call.parameters["direction"] == "forward" ? .forward : .backward,
            budget: try context.budget(for: call))
        let (engine, timers) = (engine, timers)
        let wantsProgress = call.parameters["progress"] == "1"
        let time = call.parameters["stats"] == "1" ? time : nil
        return HTTPAnswer(
            contentType: Self.contentType,
            body: .stream { write in
                guard wantsProgress else {
                    return try await Self.search(request, engine, time, write)
                }
                let (ticks, clock) = AsyncStream.makeStream(
                    of: Void.self, bufferingPolicy: .bufferingNewest(1))
                let ticker = timers.every(
                    Self.progressNanos, aligned: false, name: "log-progress"
                ) { _ in clock.yield() }
                defer { ticker.cancel() }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for await _ in ticks {
                            try await write(Self.progress(request.budget.bytesCharged))
                        }
                    }
                    do {
                        defer { clock.finish() }
                        try await Self.search(request, engine, time, write)
                    }
                    try await group.waitForAll()
                }
            })
    }

    private static func search(
        _ request: LogQLRequest, _ engine: LogQLEngine, _ time: (any TimeSource)?,
        _ write: @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let start = time?.monotonicNanos() ?? 0
        var (lineCount, isComplete) = (0, true)
        do {
            var pages = LogPages(request: request, pageLineCount: pageLineCount)
            while let (page, missing) = try await pages.next(engine) {
                try await write(LokiJSON.lines(page))
                for sentence in missing { try await write(note("warning", sentence)) }
                lineCount += page.lines.count
                isComplete = isComplete && missing.isEmpty
            }
            guard let time else { return }
            let micros = (time.monotonicNanos() - start) / 1_000
            let bytes = request.budget.bytesCharged
            try await write(
                Array(
                    ("{\"stats\":{\"bytes\":\(bytes),\"lines\":\(lineCount),\"micros\":\(micros),"
                        + "\"complete\":\(isComplete)}}\n").utf8))
        } catch let error as QueryError {
            try await write(note("error", error.description))
        }
    }

    /// Parameters: `query`, `ignore_case=1`. Ends with `{"gap":"ns"}` when lines came in since about
    /// then that are not sent: who comes again and reads from there on has them.
    func follow(_ call: HTTPCall) async throws -> HTTPAnswer {
        let follower = SharedFollower(try LogFollower(try query(call)))
        let context = context
        let timers = timers
        let tenant = call.tenant
        return HTTPAnswer(
            contentType: Self.contentType,
            body: .stream { write in
                let (pieces, outbox) = AsyncStream.makeStream(
                    of: [UInt8].self, bufferingPolicy: .bufferingOldest(Self.backlogMax))
                let offer: @Sendable ([UInt8]) -> Void = { piece in
                    if case .dropped = outbox.yield(piece) { outbox.finish() }
                }
                let gap = Gap()
                let subscription = context.querier.follow(
                    tenant: tenant,
                    onGap: { since in
                        // What waits is still sent; whoever comes again reads what lacks.
                        gap.set(since)
                        outbox.finish()
                    }
                ) { batch in
                    let entries = follower.process(batch)
                    if entries.lines.count > 0 { offer(LokiJSON.lines(entries)) }
                }
                let heartbeat = timers.every(
                    Self.heartbeatNanos, aligned: false, name: "tail-heartbeat"
                ) { _ in offer([UInt8(ascii: "\n")]) }
                defer {
                    subscription.cancel()
                    heartbeat.cancel()
                }
                // The head of the answer leaves with its first piece.
                try await write([UInt8(ascii: "\n")])
                for await piece in pieces { try await write(piece) }
                if Task.isCancelled { return }
                if let since = gap.since { return try await write(Self.gap(since)) }
                let sentence = "the reader was too slow: lines were skipped"
                try await write(Self.note("error", sentence))
            })
    }

    private func query(_ call: HTTPCall) throws -> LogQLQuery {
        try LogSearch.compile(
            call.parameters["query"] ?? "", ignoresCase: call.parameters["ignore_case"] == "1")
    }

    private static func progress(_ byteCount: Int) -> [UInt8] {
        Array("{\"progress\":{\"bytes\":\(byteCount)}}\n".utf8)
    }

    private static func gap(_ since: Timestamp) -> [UInt8] {
        Array("{\"gap\":\"\(since.nanos)\"}\n".utf8)
    }

    private static func note(_ kind: String, _ sentence: String) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"\(kind)\":")
        json.string(sentence)
        json.raw("}\n")
        return json.bytes
    }
}

/// Since when lines came in that a follower is not given; the earliest that was said.
private final class Gap: Sendable {
    private let earliest = Mutex<Timestamp?>(nil)

    var since: Timestamp? { earliest.withLock { $0 } }

    func set(_ since: Timestamp) {
        earliest.withLock { $0 = min($0 ?? since, since) }
    }
}

/// A follower that the tasks which apply batches share.
private final class SharedFollower: Sendable {
    private let follower: Mutex<LogFollower>

    init(_ follower: LogFollower) { self.follower = Mutex(follower) }

    func process(_ batch: WriteBatch) -> LogEntryBatch {
        follower.withLock { $0.process(batch) }
    }
}

/// A result in pages: each reads on from the timestamp of the last line, leaving out the lines of
/// that timestamp which it had. Holds one page; the client's pace is the reader's.
struct LogPages {
    private var request: LogQLRequest
    private let pageLineCount: Int
    private var rest: Int?
    /// Lines at the boundary that the pages before had.
    private var skipCount = 0
    private var isAtEnd = false

    init(request: LogQLRequest, pageLineCount: Int) {
        self.request = request
        self.pageLineCount = pageLineCount
        rest = request.limit
    }

    /// The next lines and what could not be read; nil at the end.
    mutating func next(
        _ engine: LogQLEngine
    ) async throws(QueryError) -> (page: LogEntryBatch, missing: [String])? {
        guard !isAtEnd, rest != 0 else { return nil }
        // Where lines depend on each other, all are one page.
        let isWhole = request.query.isWhole
        let wanted = min(pageLineCount, rest ?? .max)
        request.limit = isWhole ? rest : wanted + skipCount
        var page = LogEntryBatch()
        var skipped = 0
        let skipCount = skipCount
        let summary = try await engine.stream(request) { batch in
            let base = UInt32(page.streams.count)
            page.streams += batch.streams
            for index in 0..<batch.lines.count {
                if skipped < skipCount {
                    skipped += 1
                    continue
                }
                page.lines.append(
                    streamIndex: base + batch.lines.streamIndexes[index],
                    timestamp: batch.lines.timestamps[index],
                    line: batch.lines.bytes[batch.lines.lineRange(index)])
            }
            return true
        }
        isAtEnd = isWhole || page.lines.count < wanted
        rest = rest.map { $0 - page.lines.count }
        advance(behind: page.lines)
        if page.lines.isEmpty, summary.completeness.isComplete { return nil }
        return (page, summary.completeness.missing)
    }

    private mutating func advance(behind lines: LineColumns) {
        guard let last = lines.timestamps.last else { return }
        let atBoundary = lines.timestamps.reversed().prefix { $0 == last }.count
        let isSameBoundary = atBoundary == lines.count && boundary == last
        skipCount = isSameBoundary ? skipCount + atBoundary : atBoundary
        switch request.direction {
        case .forward: request.start = Timestamp(nanos: last)
        case .backward: request.end = Timestamp(nanos: last).advanced(byNanos: 1)
        }
        boundary = last
    }

    private var boundary: Int64?
}
