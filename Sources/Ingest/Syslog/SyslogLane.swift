internal import Model
internal import Platform
internal import Synchronization

/// Collects lines and appends them, one batch at a time: while one is on its way the next one
/// grows. So a lone line leaves at once, a flood makes large batches, and lines of one connection
/// stay in order.
///
/// Bound: at `batchBytesMax` of waiting lines, `accept` says that the lane is full; TCP stops
/// reading, UDP refuses and counts. A batch that the appender cannot take now is offered again at
/// the next `tick`; its stamp keeps it from being applied twice.
final class SyslogLane: Sendable {
    private struct State {
        var intake: SyslogIntake
        /// A task is sending, or a held batch waits for the next tick.
        var isSending = false
        /// The batch to offer again.
        var held: WriteBatch?
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
    private let source: UInt64
    private let batchBytesMax: Int

    /// `source`: the lane's number in the stamps of its batches, random.
    init(
        intake: SyslogIntake, appender: any Appender, figures: SyslogFigures, source: UInt64,
        batchBytesMax: Int
    ) {
        state = Mutex(State(intake: intake))
        self.appender = appender
        self.figures = figures
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
            body(&state.intake)
            figures.add(state.intake.counts, since: before)
            let isFull = state.intake.batchBytes >= batchBytesMax
            if isFull, let connection { state.paused.append(connection) }
            if !state.isSending, !state.intake.batch.isEmpty { startSending(&state) }
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
                intake.datagram(datagrams.slab, range, arrival: datagrams.wallNanos)
            }
        }
    }

    /// Reads messages by another intake from the next batch on.
    func reload(_ intake: SyslogIntake) {
        state.withLock { state in
            if state.intake.batch.isEmpty {
                state.intake = intake
            } else {
                state.nextIntake = intake
            }
        }
    }

    /// Offers a held batch again.
    func tick() {
        state.withLock { state in
            if state.held != nil { startSending(&state) }
        }
    }

    /// Sends what is left and returns when nothing is. What the appender refuses now is lost and
    /// counted. Nothing may be accepted any more.
    func finish() async {
        while true {
            let task = state.withLock { state -> Task<Void, Never>? in
                state.isStopping = true
                if state.held != nil || (!state.isSending && !state.intake.batch.isEmpty) {
                    startSending(&state)
                }
                return state.isSending ? state.task : nil
            }
            guard let task else { return }
            await task.value
        }
    }

    private func startSending(_ state: inout State) {
        state.isSending = true
        let batch = state.held ?? stamped(&state)
        state.held = nil
        state.task = Task { await self.send(batch) }
    }

    private func stamped(_ state: inout State) -> WriteBatch {
        state.sequence += 1
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
