/// Calls back again and again. The system's is a thread per timer; the simulator's fires when
/// its clock is moved.
package protocol Timers: Sendable {
    /// Calls `body` every `intervalNanos` (> 0) with the wall-clock time it was due, ns, until it
    /// is cancelled. Aligned timers are due when the wall clock is at a multiple of the interval;
    /// others one interval after the last. A body that runs longer than the interval skips what it
    /// missed: it is never called twice at once. `name` (at most 15 bytes are shown) names the
    /// thread.
    func every(
        _ intervalNanos: Int64, aligned: Bool, name: String,
        _ body: @escaping @Sendable (_ dueNanos: Int64) -> Void
    ) -> any Cancellable
}

/// Something under way that can be stopped.
package protocol Cancellable: AnyObject, Sendable {
    /// No call starts after this returns; one that runs on another thread has ended. Called by
    /// the body itself it stops what comes after. Twice is no error.
    func cancel()
}

extension Timers {
    /// One element per interval, the last one kept when nobody looks. The timer ends with the
    /// stream: when who reads it is cancelled or lets go of it.
    package func ticks(every intervalNanos: Int64, name: String) -> AsyncStream<Void> {
        let (ticks, tick) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let timer = every(intervalNanos, aligned: false, name: name) { _ in tick.yield() }
        tick.onTermination = { _ in timer.cancel() }
        return ticks
    }
}
