internal import Synchronization

/// Timers on threads of their own: a body may block.
package struct SystemTimers: Timers {
    package init() {}

    package func every(
        _ intervalNanos: Int64, aligned: Bool, name: String,
        _ body: @escaping @Sendable (_ dueNanos: Int64) -> Void
    ) -> any Cancellable {
        Ticker(intervalNanos: intervalNanos, aligned: aligned, name: name, body)
    }
}

/// One repeating timer on a thread of its own.
private final class Ticker: Cancellable {
    /// A wait is cut into these, so that a clock that was set is noticed.
    private static let napNanos: Int64 = 1_000_000_000

    private let isCancelled: Monitor<Bool>
    private let thread: WorkerThread

    init(
        intervalNanos: Int64, aligned: Bool, name: String,
        _ body: @escaping @Sendable (Int64) -> Void
    ) {
        precondition(intervalNanos > 0, "a timer needs an interval")
        let isCancelled = Monitor(false)
        self.isCancelled = isCancelled
        thread = WorkerThread(name: name) {
            Ticker.run(intervalNanos, aligned, isCancelled, body)
        }
    }

    deinit { isCancelled.update { $0 = true } }

    func cancel() {
        isCancelled.update { $0 = true }
        thread.join()
    }

    private static func run(
        _ interval: Int64, _ aligned: Bool, _ isCancelled: Monitor<Bool>,
        _ body: (Int64) -> Void
    ) {
        let time = SystemTime()
        func now() -> Int64 { aligned ? time.wallNanos() : time.monotonicNanos() }
        func next(after moment: Int64) -> Int64 {
            aligned ? (moment / interval + 1) * interval : moment + interval
        }
        var due = next(after: now())
        while true {
            let moment = now()
            // A clock that was set back would make the wait longer than the interval.
            if due - moment > interval { due = next(after: moment) }
            if moment < due {
                let nap = min(due - moment, napNanos)
                let stop: Bool? = isCancelled.wait(upToNanos: nap) { $0 ? true : nil }
                if stop != nil { return }
                continue
            }
            if isCancelled.withLock({ $0 }) { return }
            body(aligned ? due : time.wallNanos())
            due = aligned ? next(after: max(due, now() - 1)) : next(after: moment)
            if due <= now(), !aligned { due = now() }
        }
    }
}
