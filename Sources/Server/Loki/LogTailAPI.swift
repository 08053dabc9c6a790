internal import Model
internal import Platform
internal import Query
internal import Synchronization

/// `/loki/api/v1/tail`: lines over a WebSocket, first some that are there, then what comes in.
/// Messages are `{"streams":[{"stream":{…},"values":[["ns","line"],…]},…],"dropped_entries":…}`; a
/// client that takes them too slowly is told which lines it did not get. Lines that another node was to
/// give when it went away are read and sent late (`TailGap`). Where that can not be, or when the server
/// stops, the connection ends without a close frame: Grafana and logcli come again after that, and only
/// then.
/// Source: Grafana Loki documentation, "HTTP API", stream logs.
struct LogTailAPI: Sendable {
    let engine: LogQLEngine
    let context: QueryContext
    let timers: any Timers

    private static let limitStandard = 100
    /// Lines of the past.
    private static let limitMax = 5_000
    private static let delaySecondsMax = 5
    /// A ping this often tells a quiet connection from a dead one.
    private static let heartbeatNanos: Int64 = 15_000_000_000
    /// Pings after which a line that was read is not expected to come live any more.
    private static let repeatPings = 2

    func addRoutes(to table: inout RouteTable) {
        table.add([.get], "/loki/api/v1/tail", .follow, tail)
    }

    /// Parameters: `query`; `limit`, of lines of the past; `start`, of these, an hour ago when it is
    /// missing; `delay_for`, 0 to 5: a promise of Loki's to wait for late lines, which has no
    /// meaning here: lines are sent in the order in which they came in.
    func tail(_ call: HTTPCall) async throws -> HTTPAnswer {
        let key = try LogTailAPI.handshake(call)
        let query = try LogQLQuery(try call.required("query"))
        guard query.kind == .lines else {
            throw HTTPFailure.invalid("query", "only log queries can be followed")
        }
        let follower = try LogFollower(query)
        let limit = try call.count("limit") ?? LogTailAPI.limitStandard
        guard limit <= LogTailAPI.limitMax else {
            throw HTTPFailure.invalid("limit", "0 to \(LogTailAPI.limitMax) is expected")
        }
        guard try call.count("delay_for") ?? 0 <= LogTailAPI.delaySecondsMax else {
            throw HTTPFailure.invalid("delay_for", "0 to \(LogTailAPI.delaySecondsMax) is expected")
        }
        let now = context.now()
        let past = LogQLRequest(
            tenant: call.tenant, query: query,
            start: try call.logTime("start", now.advanced(byNanos: -LokiAPI.spanNanosStandard)),
            end: .distantFuture, limit: limit, direction: .backward,
            budget: try context.budget(for: call))
        let tenant = call.tenant
        return HTTPAnswer(
            status: 101,
            headers: [
                ("Upgrade", "websocket"), ("Connection", "Upgrade"),
                ("Sec-WebSocket-Accept", WebSocketFrames.accept(key)),
            ],
            body: .stream { write in try await run(follower, past, tenant, write) })
    }

    private func run(
        _ follower: LogFollower, _ past: LogQLRequest, _ tenant: Tenant,
        _ write: @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let beganNanos = context.now().nanos
        var (queue, subscription) = follow(follower, tenant)
        defer { subscription.cancel() }
        await subscription.ready()
        var progress = TailProgress(beganNanos: beganNanos)
        try await sendPast(past, &progress, write)
        let missed = TailGap(engine: engine, context: context, timers: timers)
        while true {
            try await send(queue, &progress, write)
            if Task.isCancelled { return }
            let (next, nextSubscription) = follow(queue.follower, tenant)
            subscription.cancel()
            // Told until the next one is there.
            guard let gap = queue.gap else { return nextSubscription.cancel() }
            (queue, subscription) = (next, nextSubscription)
            await subscription.ready()
            let isWhole = try await missed.read(
                past, since: gap, &progress,
                whileWaiting: { try await write(WebSocketFrames.ping) }
            ) { lines in
                try await write(WebSocketFrames.text(TailJSON.message([lines], [])))
            }
            guard isWhole else { return }
        }
    }

    private func follow(
        _ follower: LogFollower, _ tenant: Tenant
    ) -> (TailQueue, any FollowSubscription) {
        let queue = TailQueue(follower)
        let subscription = context.querier.follow(
            tenant: tenant, onGap: queue.finish(gap:), queue.offer)
        return (queue, subscription)
    }

    /// What comes in, until that ends.
    private func send(
        _ queue: TailQueue, _ progress: inout TailProgress,
        _ write: @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let heartbeat = timers.every(
            LogTailAPI.heartbeatNanos, aligned: false, name: "tail-heartbeat"
        ) { _ in queue.wake() }
        defer { heartbeat.cancel() }
        var pings = 0
        for await _ in queue.wakes {
            if Task.isCancelled { return }
            if try await !send(queue.take(), &progress, write) {
                pings += 1
                if pings == LogTailAPI.repeatPings { progress.forgetRead() }
                try await write(WebSocketFrames.ping)
            }
        }
        _ = try await send(queue.take(), &progress, write)
    }

    /// Whether there was something.
    private func send(
        _ taken: (batches: [LogEntryBatch], dropped: [TailQueue.Dropped]),
        _ progress: inout TailProgress, _ write: @Sendable ([UInt8]) async throws -> Void
    ) async throws -> Bool {
        guard !taken.batches.isEmpty || !taken.dropped.isEmpty else { return false }
        let news = taken.batches.map { progress.takeLive($0) }
        if news.contains(where: { $0.lines.count > 0 }) || !taken.dropped.isEmpty {
            try await write(WebSocketFrames.text(TailJSON.message(news, taken.dropped)))
        }
        return true
    }

    private func sendPast(
        _ request: LogQLRequest, _ progress: inout TailProgress,
        _ write: @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        guard request.limit != 0 else { return }
        var batches: [LogEntryBatch] = []
        _ = try await engine.stream(request) { batch in
            batches.append(batch)
            return true
        }
        guard !batches.isEmpty else { return }
        for batch in batches { progress.noteRead(batch) }
        let oldestFirst = batches.reversed().map(TailJSON.reversed)
        try await write(WebSocketFrames.text(TailJSON.message(oldestFirst, [])))
    }

    /// The client's key. Errors: 400 when it does not ask for a WebSocket of version 13.
    private static func handshake(_ call: HTTPCall) throws(HTTPFailure) -> String {
        let upgrade = call.headers["upgrade"]?.lowercased() ?? ""
        guard upgrade.contains("websocket"), let key = call.headers["sec-websocket-key"],
            key.utf8.count == 24
        else {
            throw HTTPFailure.badData(
                "tail is a WebSocket: the headers Upgrade and Sec-WebSocket-Key are expected")
        }
        guard call.headers["sec-websocket-version"] == "13" else {
            throw HTTPFailure.badData("Sec-WebSocket-Version: 13 is expected")
        }
        return key
    }
}
