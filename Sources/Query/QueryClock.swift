/// The time, as a query may know it: the engine reads no clock of its own.
package struct QueryClock: Sendable {
    /// Nanoseconds since 1970, for `now()`.
    package let wallNanos: @Sendable () -> Int64
    /// Nanoseconds since whenever, for the timings of a query's statistics.
    package let monotonicNanos: @Sendable () -> Int64

    package init(
        wallNanos: @escaping @Sendable () -> Int64,
        monotonicNanos: @escaping @Sendable () -> Int64
    ) {
        self.wallNanos = wallNanos
        self.monotonicNanos = monotonicNanos
    }

    /// At 1970, always: for those who ask nothing that needs a time.
    package static let still = QueryClock(wallNanos: { 0 }, monotonicNanos: { 0 })
}
