package import Platform
internal import Synchronization

/// A clock that only the test moves, and timers that fire when it does.
package final class ManualTime: TimeSource, Timers {
    private struct Timer {
        let id: Int
        let intervalNanos: Int64
        let isAligned: Bool
        var dueNanos: Int64
        let body: @Sendable (Int64) -> Void
    }

    private struct State {
        var wallNanos: Int64
        var monotonicNanos: Int64 = 0
        var timers: [Timer] = []
        var nextID = 0
    }

    private let state: Mutex<State>

    /// Starts at 2024-01-01T00:00:00Z unless told otherwise.
    package init(wallNanos: Int64 = 1_704_067_200_000_000_000) {
        state = Mutex(State(wallNanos: wallNanos))
    }

    package func wallNanos() -> Int64 { state.withLock { $0.wallNanos } }

    package func monotonicNanos() -> Int64 { state.withLock { $0.monotonicNanos } }

    /// Moves both clocks on and calls what is due on the way, in order of time, on this thread.
    package func advance(byNanos delta: Int64) {
        precondition(delta >= 0, "time does not go back; see setWall")
        let end = state.withLock { $0.wallNanos + delta }
        while let (due, body) = takeDue(before: end) { body(due) }
        state.withLock { state in
            state.monotonicNanos += end - state.wallNanos
            state.wallNanos = end
        }
    }

    /// Sets the wall clock as a person would; no timer fires.
    package func setWall(nanos: Int64) {
        state.withLock { state in
            state.wallNanos = nanos
            for index in state.timers.indices {
                state.timers[index].dueNanos = ManualTime.next(state.timers[index], nanos)
            }
        }
    }

    package func every(
        _ intervalNanos: Int64, aligned: Bool, name: String,
        _ body: @escaping @Sendable (_ dueNanos: Int64) -> Void
    ) -> any Cancellable {
        precondition(intervalNanos > 0, "a timer needs an interval")
        let id = state.withLock { state in
            state.nextID += 1
            var timer = Timer(
                id: state.nextID, intervalNanos: intervalNanos, isAligned: aligned, dueNanos: 0,
                body: body)
            timer.dueNanos = ManualTime.next(timer, state.wallNanos)
            state.timers.append(timer)
            return state.nextID
        }
        return Handle(time: self, id: id)
    }

    private static func next(_ timer: Timer, _ now: Int64) -> Int64 {
        timer.isAligned
            ? (now / timer.intervalNanos + 1) * timer.intervalNanos : now + timer.intervalNanos
    }

    private func takeDue(before end: Int64) -> (Int64, @Sendable (Int64) -> Void)? {
        state.withLock { state in
            let first = state.timers.indices.min { a, b in
                (state.timers[a].dueNanos, state.timers[a].id)
                    < (state.timers[b].dueNanos, state.timers[b].id)
            }
            guard let first, state.timers[first].dueNanos <= end else { return nil }
            let due = state.timers[first].dueNanos
            state.monotonicNanos += max(0, due - state.wallNanos)
            state.wallNanos = max(state.wallNanos, due)
            state.timers[first].dueNanos = ManualTime.next(state.timers[first], due)
            return (due, state.timers[first].body)
        }
    }

    private func cancel(_ id: Int) { state.withLock { $0.timers.removeAll { $0.id == id } } }

    private final class Handle: Cancellable {
        private let time: ManualTime
        private let id: Int

        init(time: ManualTime, id: Int) {
            self.time = time
            self.id = id
        }

        func cancel() { time.cancel(id) }
    }
}
