internal import Platform

/// Prints what comes in from now on. A lost connection is made again, and what came in meanwhile
/// is read first.
struct LogFollow: Sendable {
    let client: ServerClient
    let query: String

    /// Between attempts to reach a server that went away.
    private static let pauseNanos: Int64 = 500_000_000
    /// The server says something every 10 s.
    private static let silenceSecondsMax: Int64 = 35
    /// Between attempts to read what lacks, when not all of it can be read: a shard may have lost its
    /// leader with the node that went away. Twice as long each time, up to a minute or so.
    private static let readingNanos: Int64 = 1_000_000_000
    private static let readingDoublingsMax = 6
    /// Attempts before it is said.
    private static let quietReadings = 5
    /// Lines that wait to be printed; beyond it the connection is made anew and they are read.
    private static let backlogMax = 65_536

    private enum Event: Sendable {
        case message(LogMessage)
        case ended(CommandFailure?)
    }

    /// Ends only with a failure that another attempt would not mend.
    func run(
        _ ledger: FollowLedger, _ body: @escaping @Sendable (LogEntry) -> Void
    ) async throws(CommandFailure) {
        var ledger = ledger
        var isLost = false
        while true {
            do {
                try await connect(&ledger, &isLost, body)
            } catch {
                if error.isFinal { throw error }
                if !isLost { Terminal.complain("\(error); trying again") }
                isLost = true
            }
            await Pause.nanos(Self.pauseNanos)
        }
    }

    /// One connection, to its end.
    private func connect(
        _ ledger: inout FollowLedger, _ isLost: inout Bool,
        _ body: @escaping @Sendable (LogEntry) -> Void
    ) async throws(CommandFailure) {
        let events = open()
        ledger.beginConnection()
        // The first word comes when nothing can be missed any more that came in later.
        var readings = 0
        var nextReadingNanos = Int64.min
        for await event in events {
            ledger.noteContact(nowNanos: SystemTime().wallNanos())
            switch event {
            case .message(let message):
                if ledger.lacksLines, SystemTime().monotonicNanos() >= nextReadingNanos {
                    let (entries, missing) = try await missed(from: ledger.resumeNanos)
                    let pause = Self.readingNanos << min(readings, Self.readingDoublingsMax)
                    readings += 1
                    nextReadingNanos = SystemTime().monotonicNanos() + pause
                    ledger.beginReading()
                    for entry in entries where ledger.takeFetched(entry) { body(entry) }
                    if missing.isEmpty { ledger.endReading() }
                    if !missing.isEmpty, readings == Self.quietReadings { Terminal.warn(missing) }
                    if isLost { Terminal.complain("connected again") }
                    isLost = false
                }
                switch message {
                case .entry(let entry): if ledger.takeFollowed(entry) { body(entry) }
                case .warning(let sentence): Terminal.warn([sentence])
                case .gap(let nanos): ledger.noteGap(sinceNanos: nanos)
                case .progress, .statistics, .heartbeat: break
                }
            case .ended(let failure):
                throw failure ?? CommandFailure("the server ended the connection")
            }
        }
        throw CommandFailure("printing is too slow for what comes in")
    }

    /// What the server says, as it comes. Ends early when nobody keeps up.
    private func open() -> AsyncStream<Event> {
        let (events, outbox) = AsyncStream.makeStream(
            of: Event.self, bufferingPolicy: .bufferingOldest(Self.backlogMax))
        let (client, parameters) = (client, parameters)
        let reading = Task {
            let failure = FailureSlot()
            do throws(CommandFailure) {
                try await client.stream(
                    "/api/v1/logs/follow", parameters, silenceSecondsMax: Self.silenceSecondsMax
                ) { bytes in
                    do throws(CommandFailure) {
                        if case .enqueued = outbox.yield(.message(try LogMessage(bytes))) {
                            return true
                        }
                    } catch {
                        failure.set(error)
                    }
                    return false
                }
                outbox.yield(.ended(failure.value))
            } catch {
                outbox.yield(.ended(failure.value ?? error))
            }
            outbox.finish()
        }
        outbox.onTermination = { _ in reading.cancel() }
        return events
    }

    private func missed(
        from nanos: Int64
    ) async throws(CommandFailure) -> (entries: [LogEntry], missing: [String]) {
        let span = [("start", "\(nanos)"), ("end", "\(Int64.max)"), ("direction", "forward")]
        return try await LogFetch(client: client, parameters: parameters + span).collectQuietly()
    }

    private var parameters: [(String, String)] {
        [("query", query)]
    }
}
