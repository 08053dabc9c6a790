internal import Glibc

/// What time it is. Rooms below Cluster get times with their data and ask nobody.
package protocol TimeSource: Sendable {
    /// Nanoseconds since 1970-01-01T00:00:00Z. May jump, also backwards.
    func wallNanos() -> Int64

    /// Nanoseconds since some moment before; never goes back. For durations.
    func monotonicNanos() -> Int64
}

/// The clocks of the machine.
package struct SystemTime: TimeSource {
    package init() {}

    package func wallNanos() -> Int64 { read(CLOCK_REALTIME) }

    package func monotonicNanos() -> Int64 { read(CLOCK_MONOTONIC) }

    /// CPU time of the calling thread, in nanoseconds: for benchmarks.
    package func threadNanos() -> Int64 { read(CLOCK_THREAD_CPUTIME_ID) }

    private func read(_ clock: clockid_t) -> Int64 {
        var now = timespec()
        let result = unsafe clock_gettime(clock, &now)
        precondition(result == 0, "BUG: clock \(clock) can not be read")
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }
}
