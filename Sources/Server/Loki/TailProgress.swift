internal import Model
internal import Platform
internal import Query

/// What a live tail has sent, for telling what it still has to.
struct TailProgress: Sendable {
    /// Since the tail subscribed, or did so again.
    private var repeats: TailRepeats
    private var sent: SentLines

    /// `beganNanos`: wall time, before the tail subscribed: no gap is said to begin earlier.
    init(beganNanos: Int64) {
        repeats = TailRepeats(sinceNanos: beganNanos)
        sent = SentLines(sinceNanos: beganNanos)
    }

    /// Lines that were read and sent before what comes live.
    mutating func noteRead(_ batch: LogEntryBatch) {
        repeats.noteRead(batch)
        sent.note(batch)
    }

    /// What is to be sent of a batch that came in live.
    mutating func takeLive(_ batch: LogEntryBatch) -> LogEntryBatch {
        let rest = repeats.rest(of: batch)
        sent.note(rest)
        return rest
    }

    /// A line that was read is not expected to come live any more.
    mutating func forgetRead() { repeats.removeAll() }

    /// Begins a gap's reading: from when on, and what is left out; nil when that is not known any more.
    fileprivate func missed(since gap: Timestamp) -> (start: Timestamp, sieve: SentLines.Sieve)? {
        sent.resumeNanos(gapNanos: gap.nanos).map { (Timestamp(nanos: $0), sent.sieve) }
    }

    fileprivate mutating func beginReading(nowNanos: Int64) {
        repeats = TailRepeats(sinceNanos: nowNanos)
    }

    /// A page of it; what of it is to be sent.
    fileprivate mutating func takeMissed(
        _ page: LogEntryBatch, _ sieve: inout SentLines.Sieve
    ) -> LogEntryBatch {
        repeats.noteRead(page)
        let rest = sieve.rest(of: page)
        sent.note(rest)
        return rest
    }
}

/// Reads what came in while a tail could not be given it, after the tail has subscribed again. Where a
/// node went away its shards can not be read for a moment: it is tried until they can.
struct TailGap: Sendable {
    let engine: LogQLEngine
    let context: QueryContext
    let timers: any Timers

    private static let pageLineCount = 2_000
    private static let pauseNanos: Int64 = 500_000_000
    private static let attemptCountMax = 60

    /// Gives `send` the lines of `request`'s query that came in from `gap` on and were not sent; calls
    /// `whileWaiting` before each attempt but the first. False when that can not be told, or not all of
    /// it could be read in half a minute.
    func read(
        _ request: LogQLRequest, since gap: Timestamp, _ progress: inout TailProgress,
        whileWaiting: () async throws -> Void, _ send: (LogEntryBatch) async throws -> Void
    ) async throws -> Bool {
        guard let start = progress.missed(since: gap)?.start else { return false }
        var request = request
        request.start = start
        request.end = .distantFuture
        request.limit = nil
        request.direction = .forward
        let subscribedNanos = context.now().nanos
        for attempt in 1...Self.attemptCountMax {
            if attempt > 1 {
                try await whileWaiting()
                await pause()
            }
            if Task.isCancelled { return false }
            guard var sieve = progress.missed(since: gap)?.sieve else { return false }
            progress.beginReading(nowNanos: subscribedNanos)
            request.budget = context.budget()
            var pages = LogPages(request: request, pageLineCount: Self.pageLineCount)
            var isComplete = true
            while let (page, missing) = try await pages.next(engine) {
                let rest = progress.takeMissed(page, &sieve)
                if rest.lines.count > 0 { try await send(rest) }
                isComplete = isComplete && missing.isEmpty
            }
            if isComplete { return true }
        }
        return false
    }

    private func pause() async {
        let (ticks, clock) = AsyncStream.makeStream(of: Void.self)
        let timer = timers.every(Self.pauseNanos, aligned: false, name: "tail-gap") { _ in
            clock.yield()
            clock.finish()
        }
        defer { timer.cancel() }
        for await _ in ticks {}
    }
}
