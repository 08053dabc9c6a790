internal import Glibc

/// A value behind a lock on which threads can wait: the one blocking primitive of the house.
/// Anything that only needs the lock uses `Mutex`.
///
/// `@unchecked Sendable`: the state is touched only between lock and unlock.
@safe package final class Monitor<State>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    package init(_ state: sending State) {
        self.state = state
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe changed.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        let made = unsafe [
            pthread_mutex_init(mutex, nil),
            pthread_condattr_init(&attributes),
            // Deadlines must not move when somebody sets the clock.
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC),
            pthread_cond_init(changed, &attributes),
        ]
        precondition(made == [0, 0, 0, 0], "BUG: no mutex to be had")
    }

    deinit {
        unsafe pthread_cond_destroy(changed)
        unsafe pthread_mutex_destroy(mutex)
        unsafe changed.deallocate()
        unsafe mutex.deallocate()
    }

    /// Changes the state and wakes whoever waits for it to change.
    package func update<R, E>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        unsafe pthread_mutex_lock(mutex)
        defer {
            unsafe pthread_mutex_unlock(mutex)
            // Who wakes finds the lock free and does not fall asleep again for it.
            unsafe pthread_cond_broadcast(changed)
        }
        return try body(&state)
    }

    /// Looks at or changes the state and wakes nobody.
    package func withLock<R, E>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Waits until `body` returns a value; it is asked now and after every `update`.
    package func wait<R>(_ body: (inout State) -> R?) -> R {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&state) { return result }
            unsafe pthread_cond_wait(changed, mutex)
        }
    }

    /// Waits until `body` returns a value, or nil after `nanos` nanoseconds.
    package func wait<R>(upToNanos nanos: Int64, _ body: (inout State) -> R?) -> R? {
        let deadline = SystemTime().monotonicNanos() + max(0, nanos)
        var until = timespec(
            tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&state) { return result }
            if unsafe pthread_cond_timedwait(changed, mutex, &until) == ETIMEDOUT {
                return body(&state)
            }
        }
    }
}
