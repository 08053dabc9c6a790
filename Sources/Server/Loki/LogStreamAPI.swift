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
    /// How often a search says how far it is.
    private static let progressNanos: Int64 = 500_000_000
    private static let contentType = "application/x-ndjson"

    func addRoutes(to table: inout RouteTable) {
        table.add([.get], "/api/v1/logs/stream", .query, stream)
        table.add([.get], "/api/v1/logs/follow", .follow, follow)
    }

    /// Parameters: `query`, `ignore_case=1`, `start`, `end`, `limit` (0 or none: all),
    /// `direction`, `progress=1` (notes of the bytes searched so far among the lines), `stats=1` (a note
    /// at the end: what it took, and whether all could be read), `cursor` (empty at first: a note behind
    /// each page, `{"cursor":"…"}`, which gives the rest to whoever sends it with the same parameters).
    /// Lines around matches (`| context`) may lie before `start` and after `end`, and say which stand
    /// together: `"group":n`.
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
            readsContextBeyond: true, budget: try context.budget(for: call))
        let (engine, timers) = (engine, timers)
        var first = LogPages(request: request, pageLineCount: Self.pageLineCount)
        let cursor = call.parameters["cursor"]
        if let cursor, !cursor.isEmpty {
            guard let place = TailPlace(cursor) else {
                throw HTTPFailure.invalid("cursor", "\"\(cursor)\" is none")
            }
            first.resume(at: place)
        }
        let pages = first
        let options = SearchNotes(
            time: call.parameters["stats"] == "1" ? time : nil, givesCursors: cursor != nil)
        let wantsProgress = call.parameters["progress"] == "1"
        return HTTPAnswer(
            contentType: Self.contentType,
            body: .stream { write in
                guard wantsProgress else {
                    return try await Self.search(pages, request.budget, engine, options, write)
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
                        try await Self.search(pages, request.budget, engine, options, write)
                    }
                    try await group.waitForAll()
                }
            })
    }

    private static func search(
        _ pages: LogPages, _ budget: QueryBudget, _ engine: LogQLEngine, _ notes: SearchNotes,
        _ write: @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        var pages = pages
        let start = notes.time?.monotonicNanos() ?? 0
        var (lineCount, isComplete) = (0, true)
        do {
            while let (page, missing) = try await pages.next(engine) {
                try await write(LokiJSON.lines(page))
                for sentence in missing { try await write(note("warning", sentence)) }
                if notes.givesCursors, let cursor = pages.cursor {
                    try await write(note("cursor", cursor))
                }
                lineCount += page.lines.count
                isComplete = isComplete && missing.isEmpty
            }
            guard let time = notes.time else { return }
            let micros = (time.monotonicNanos() - start) / 1_000
            let bytes = budget.bytesCharged
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
        let query = try query(call)
        // Refused before the answer begins.
        _ = try LogFollower(query)
        let (querier, timers, tenant) = (context.querier, timers, call.tenant)
        return HTTPAnswer(
            contentType: Self.contentType,
            body: .stream { write in
                let tail = try LiveTail(query, tenant: tenant, of: querier, timers: timers)
                defer { tail.close() }
                await tail.ready()
                // The head of the answer leaves with its first piece.
                try await write([UInt8(ascii: "\n")])
                for await item in tail.items {
                    switch item {
                    case .lines(let batch): try await write(LokiJSON.lines(batch))
                    case .heartbeat: try await write([UInt8(ascii: "\n")])
                    }
                }
                if Task.isCancelled { return }
                if let nanos = tail.gapNanos { return try await write(Self.gap(nanos)) }
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

    private static func gap(_ nanos: Int64) -> [UInt8] {
        Array("{\"gap\":\"\(nanos)\"}\n".utf8)
    }

    private static func note(_ kind: String, _ sentence: String) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"\(kind)\":")
        json.string(sentence)
        json.raw("}\n")
        return json.bytes
    }
}

/// What a search says beside its lines.
private struct SearchNotes: Sendable {
    /// Given: what it took, at the end.
    var time: (any TimeSource)?
    var givesCursors: Bool
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
            page.groupNumbers += batch.groupNumbers
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

    /// Where the next page begins; nil before the first.
    var cursor: String? { boundary.map { TailPlace(nanos: $0, count: skipCount).text } }

    /// Begins behind a place that `cursor` named, of the same search.
    mutating func resume(at place: TailPlace) {
        boundary = place.nanos
        skipCount = place.count
        move(to: place.nanos)
    }

    private mutating func move(to nanos: Int64) {
        switch request.direction {
        case .forward: request.start = max(request.start, Timestamp(nanos: nanos))
        case .backward:
            request.end = min(request.end, Timestamp(nanos: nanos).advanced(byNanos: 1))
        }
    }

    private mutating func advance(behind lines: LineColumns) {
        guard let last = lines.timestamps.last else { return }
        let atBoundary = lines.timestamps.reversed().prefix { $0 == last }.count
        let isSameBoundary = atBoundary == lines.count && boundary == last
        skipCount = isSameBoundary ? skipCount + atBoundary : atBoundary
        move(to: last)
        boundary = last
    }

    private var boundary: Int64?
}
