internal import Model
internal import Query
internal import Synchronization

/// Lines between those who bring them in and a connection that takes them: bounded, what does not fit
/// is noted instead.
final class TailQueue: Sendable {
    /// A line that was left out.
    struct Dropped: Sendable {
        var labels: Labels
        var timestamp: Int64
    }

    private struct State {
        var follower: LogFollower
        var batches: [LogEntryBatch] = []
        var lineCount = 0
        var byteCount = 0
        var dropped: [Dropped] = []
        var gap: Timestamp?
    }

    static let lineCountMax = 10_000
    static let byteCountMax = 16 << 20
    /// Of those that are noted; further ones are not named.
    static let droppedCountMax = 1_000

    /// Something to take, or only a sign of life; ends with `finish(gap:)`.
    let wakes: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation
    private let state: Mutex<State>

    init(_ follower: LogFollower) {
        state = Mutex(State(follower: follower))
        (wakes, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes what the query keeps of `batch`. Any thread; does not wait.
    @Sendable func offer(_ batch: WriteBatch) {
        let isNews = state.withLock { state in
            let kept = state.follower.process(batch)
            guard kept.lines.count > 0 else { return false }
            guard state.lineCount + kept.lines.count <= TailQueue.lineCountMax,
                state.byteCount + kept.lines.bytes.count <= TailQueue.byteCountMax
            else {
                for index in 0..<kept.lines.count
                where state.dropped.count < TailQueue.droppedCountMax {
                    let stream = kept.streams[Int(kept.lines.streamIndexes[index])]
                    state.dropped.append(
                        Dropped(labels: stream.labels, timestamp: kept.lines.timestamps[index]))
                }
                return true
            }
            state.batches.append(kept)
            state.lineCount += kept.lines.count
            state.byteCount += kept.lines.bytes.count
            return true
        }
        if isNews { wakeUp.yield() }
    }

    /// All that waits.
    func take() -> (batches: [LogEntryBatch], dropped: [Dropped]) {
        state.withLock { state in
            defer {
                state.batches = []
                state.dropped = []
                (state.lineCount, state.byteCount) = (0, 0)
            }
            return (state.batches, state.dropped)
        }
    }

    func wake() { wakeUp.yield() }

    /// Ends: from `gap` on lines may have come in that are not offered.
    @Sendable func finish(gap: Timestamp) {
        state.withLock { $0.gap = min($0.gap ?? gap, gap) }
        wakeUp.finish()
    }

    /// Why it ended; nil while it has not.
    var gap: Timestamp? { state.withLock { $0.gap } }

    /// As it stands now: for the queue that comes after this one.
    var follower: LogFollower { state.withLock { $0.follower } }
}
