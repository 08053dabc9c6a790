internal import Model
internal import Platform
internal import Query

/// `/api/v1/logs/events`: a tail as server-sent events, which a browser's EventSource reads and resumes
/// by itself.
///
///     id: 1767225600000000000.2
///     data: {"ts":"1767225600000000000","line":"…","labels":{"app":"shop"}}
///
/// Parameters: `query` (LogQL of lines, or words), `ignore_case=1`, `start` (lines from there on come
/// first), `resume` or the header Last-Event-ID: the id of the last event that was read, from which on
/// lines come without a gap or a repeat. Lines that came in while nobody read, with a timestamp before
/// that of the id, are not among them; and for some seconds after a resumption a new line that is the same as one just
/// read, timestamp and all, can not be told from it and is left out. Lines that another node was to give
/// when it went away are read and sent late (`TailGap`); where that can not be, `event: gap` says since
/// when lines lack, ns, and ends the stream. `event: warning` names what could not be read.
/// Source: WHATWG HTML, "Server-sent events".
struct LogEventAPI: Sendable {
    let engine: LogQLEngine
    let context: QueryContext
    let timers: any Timers

    private static let pageLineCount = 2_000
    /// Heartbeats after which a line that was read is not expected to come live any more.
    private static let repeatHeartbeats = 2

    func addRoutes(to table: inout RouteTable) {
        table.add([.get], "/api/v1/logs/events", .follow, events)
    }

    private func events(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query = try LogSearch.compile(
            call.parameters["query"] ?? "", ignoresCase: call.parameters["ignore_case"] == "1")
        // Refused before the answer begins.
        _ = try LogFollower(query)
        let place = try place(call)
        let request = LogQLRequest(
            tenant: call.tenant, query: query,
            start: Timestamp(nanos: place?.nanos ?? context.now().nanos), end: .distantFuture,
            direction: .forward, budget: try context.budget(for: call))
        return HTTPAnswer(
            contentType: "text/event-stream",
            body: .stream { write in try await send(request, from: place, write) })
    }

    private func place(_ call: HTTPCall) throws(HTTPFailure) -> TailPlace? {
        let resumed = call.parameters["resume"] ?? call.headers["last-event-id"]
        if let text = resumed, !text.isEmpty {
            guard let place = TailPlace(text) else {
                throw HTTPFailure.invalid("resume", "\"\(text)\" is no id of an event")
            }
            return place
        }
        guard let text = call.parameters["start"], !text.isEmpty else { return nil }
        return TailPlace(nanos: try call.logTime("start", .distantPast).nanos)
    }

    /// `from`: nil for what comes from now on.
    private func send(
        _ request: LogQLRequest, from first: TailPlace?,
        _ write: @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let beganNanos = context.now().nanos
        var tail = try follow(request)
        defer { tail.close() }
        await tail.ready()
        // The head of the answer leaves with its first piece.
        try await write(Self.comment)
        var place = first ?? TailPlace(nanos: request.start.nanos)
        var progress = TailProgress(beganNanos: beganNanos)
        let missed = TailGap(engine: engine, context: context, timers: timers)
        do {
            if let first {
                var pages = LogPages(request: request, pageLineCount: Self.pageLineCount)
                pages.resume(at: first)
                while let (page, missing) = try await pages.next(engine) {
                    progress.noteRead(page)
                    try await write(Self.events(page, &place))
                    for sentence in missing {
                        try await write(Self.event("warning", sentence))
                    }
                }
            }
            while true {
                try await send(tail, &progress, &place, write)
                if Task.isCancelled { return }
                guard tail.gapNanos != nil else {
                    let sentence = "the reader was too slow: lines were skipped"
                    return try await write(Self.event("error", sentence))
                }
                let next = try follow(request)
                tail.close()
                // Told until the next one is there.
                let gap = tail.gapNanos ?? beganNanos
                tail = next
                await tail.ready()
                let isWhole = try await missed.read(
                    request, since: Timestamp(nanos: gap), &progress,
                    whileWaiting: { try await write(Self.comment) }
                ) { lines in try await write(Self.events(lines, &place)) }
                guard isWhole else { return try await write(Self.event("gap", "\(gap)")) }
            }
        } catch let error as QueryError {
            try await write(Self.event("error", error.description))
        }
    }

    private func follow(_ request: LogQLRequest) throws(QueryError) -> LiveTail {
        try LiveTail(
            request.query, tenant: request.tenant, of: context.querier, timers: timers)
    }

    /// What comes in, until that ends.
    private func send(
        _ tail: LiveTail, _ progress: inout TailProgress, _ place: inout TailPlace,
        _ write: @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        var heartbeats = 0
        for await item in tail.items {
            switch item {
            case .lines(let batch):
                let rest = progress.takeLive(batch)
                if rest.lines.count > 0 { try await write(Self.events(rest, &place)) }
            case .heartbeat:
                heartbeats += 1
                if heartbeats == Self.repeatHeartbeats { progress.forgetRead() }
                try await write(Self.comment)
            }
        }
    }

    private static let comment = Array(":\n\n".utf8)

    private static func event(_ kind: String, _ text: String) -> [UInt8] {
        var json = JSONWriter()
        json.raw("event: \(kind)\ndata: ")
        json.string(text)
        json.raw("\n\n")
        return json.bytes
    }

    /// An event a line, each with the place behind it.
    private static func events(_ batch: LogEntryBatch, _ place: inout TailPlace) -> [UInt8] {
        var json = JSONWriter(reserving: batch.lines.bytes.count + 160 * batch.lines.count)
        for index in 0..<batch.lines.count {
            place.note(batch.lines.timestamps[index])
            json.raw("id: \(place.text)\ndata: ")
            LokiJSON.line(batch, index, to: &json)
            json.raw("\n\n")
        }
        return json.bytes
    }
}
