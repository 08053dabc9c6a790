internal import Model
internal import Platform
internal import Synchronization

/// Collects lines and appends them, one batch at a time: while one is on its way the next one
/// grows. So a lone line leaves at once, a flood makes large batches, and lines of one connection
/// stay in order.
///
/// Bound: at `batchBytesMax` of waiting lines, `accept` says that the lane is full; TCP stops
/// reading, UDP refuses and counts. Records under way have bounds of their own (`SyslogJoining`).
/// A batch that the appender cannot take now is offered again at a later `tick`; its stamp keeps it
/// from being applied twice.
final class SyslogLane: Sendable {
    private struct State {
        var intake: SyslogIntake
        /// A task is sending, or a held batch waits for the next tick.
        var isSending = false
        /// The batch to offer again, and since when (monotonic ns).
        var held: WriteBatch?
        var heldNanos: Int64 = 0
        /// When the lane was last seen full, monotonic ns: what goes on with records then waits
        /// for us, not we for it.
        var fullNanos: Int64?
        var isStopping = false
        /// What reads messages from the next batch on.
        var nextIntake: SyslogIntake?
        var paused: [StreamConnection] = []
        var sequence: UInt64 = 0
        var task: Task<Void, Never>?
    }

    private let state: Mutex<State>
    private let appender: any Appender
    private let figures: SyslogFigures
    private let time: any TimeSource
    private let source: UInt64
    private let batchBytesMax: Int

    private static let retryNanos: Int64 = 250_000_000

    /// `options`: with the lane's share of bounds. `seed`, `source`: random; `source` is the
    /// lane's number in the stamps of its batches.
    init(
        options: SyslogOptions, seed: UInt64, appender: any Appender, figures: SyslogFigures,
        time: any TimeSource, source: UInt64, batchBytesMax: Int
    ) {
        state = Mutex(State(intake: SyslogIntake(options: options, seed: seed)))
        self.appender = appender
        self.figures = figures
        self.time = time
        self.source = source
        self.batchBytesMax = batchBytesMax
    }

    /// Runs `body` with the intake and sees to it that the lines leave. True when the lane is full:
    /// then `connection` is resumed when it no longer is.
    func accept(
        from connection: StreamConnection?, _ body: (inout SyslogIntake) -> Void
    ) -> Bool {
        state.withLock { state in
            let before = state.intake.counts
            state.intake.nowNanos = time.monotonicNanos()
            body(&state.intake)
            figures.add(state.intake.counts, since: before)
            let isFull = state.intake.batchBytes >= batchBytesMax
            if isFull {
                state.fullNanos = state.intake.nowNanos
                if let connection { state.paused.append(connection) }
            }
            sendIfIdle(&state)
            return isFull
        }
    }

    /// The datagrams of one receive call; those that find the lane full are refused and counted.
    func accept(_ datagrams: DatagramBatch) {
        _ = accept(from: nil) { intake in
            for (index, range) in datagrams.ranges.enumerated() {
                if intake.batchBytes >= batchBytesMax {
                    figures.refused("overloaded", datagrams.count - index)
                    return
                }
                intake.datagram(
                    datagrams.slab, range, arrival: datagrams.wallNanos,
                    sender: datagrams.senderKey(index))
            }
        }
    }

    /// Reads messages by other options from the next batch on; records under way are over.
    func reload(_ options: SyslogOptions, seed: UInt64) {
        let intake = SyslogIntake(options: options, seed: seed)
        state.withLock { state in
            state.intake.flushRecords()
            if state.intake.batch.isEmpty {
                state.intake = intake
            } else {
                state.nextIntake = intake
                sendIfIdle(&state)
            }
        }
    }

    /// Offers a held batch again when it is time, and lets go of records that nothing came for.
    func tick() {
        state.withLock { state in
            let now = time.monotonicNanos()
            if state.held != nil, now - state.heldNanos >= SyslogLane.retryNanos {
                startSending(&state)
            }
            guard state.intake.recordCount > 0 else { return }
            if state.intake.batchBytes >= batchBytesMax { state.fullNanos = now }
            if let full = state.fullNanos, now - full < state.intake.waitNanos { return }
            state.intake.flushRecords(waitingSince: now)
            sendIfIdle(&state)
        }
    }

    /// Sends what is left and returns when nothing is. What the appender refuses now is lost and
    /// counted. Nothing may be accepted any more.
    func finish() async {
        while true {
            let task = state.withLock { state -> Task<Void, Never>? in
                state.isStopping = true
                state.intake.flushRecords()
                if state.held != nil || (!state.isSending && !state.intake.batch.isEmpty) {
                    startSending(&state)
                }
                return state.isSending ? state.task : nil
            }
            guard let task else { return }
            await task.value
        }
    }

    private func sendIfIdle(_ state: inout State) {
        if !state.isSending, !state.intake.batch.isEmpty { startSending(&state) }
    }

    private func startSending(_ state: inout State) {
        state.isSending = true
        let batch = state.held ?? stamped(&state)
        state.held = nil
        state.task = Task { await self.send(batch) }
    }

    private func stamped(_ state: inout State) -> WriteBatch {
        state.sequence += 1
        if state.nextIntake != nil { state.intake.flushRecords() }
        var batch = state.intake.takeBatch()
        if let next = state.nextIntake {
            state.intake = next
            state.nextIntake = nil
        }
        batch.stamp = BatchStamp(source: source, sequence: state.sequence)
        for connection in state.paused { connection.resume() }
        state.paused.removeAll()
        return batch
    }

    private func send(_ first: WriteBatch) async {
        var batch = first
        while await append(batch) {
            let next = state.withLock { state -> WriteBatch? in
                guard !state.intake.batch.isEmpty else {
                    state.isSending = false
                    return nil
                }
                return stamped(&state)
            }
            guard let next else { return }
            batch = next
        }
    }

    /// False when the batch is held for another try.
    private func append(_ batch: WriteBatch) async -> Bool {
        do {
            let receipt = try await appender.append(batch)
            figures.appends.add()
            for rejection in receipt.rejections {
                figures.refused(rejection.reason, rejection.itemCount)
            }
            return true
        } catch .tooLarge(let limit, _, _) {
            figures.refused(limit, batch.lines.count)
            return true
        } catch {
            let isHeld = state.withLock { state in
                guard !state.isStopping else { return false }
                state.held = batch
                state.heldNanos = time.monotonicNanos()
                return true
            }
            if isHeld {
                figures.retries.add()
                return false
            }
            figures.refused("stopping", batch.lines.count)
            return true
        }
    }
}
