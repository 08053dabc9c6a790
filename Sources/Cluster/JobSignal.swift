internal import Platform

/// Wakes the maintenance thread: something may be to be done.
final class JobSignal: Sendable {
    private struct State {
        var isRaised = false
        var isStopping = false
    }

    private let state = Monitor(State())

    func raise() { state.update { $0.isRaised = true } }

    func stop() { state.update { $0.isStopping = true } }

    /// Whether it was raised since; it no longer is.
    func take() -> Bool {
        state.withLock { state in
            defer { state.isRaised = false }
            return state.isRaised
        }
    }

    /// Waits until raised; false when it is time to stop.
    func wait() -> Bool {
        state.wait { state in
            if state.isStopping { return false }
            guard state.isRaised else { return nil }
            state.isRaised = false
            return true
        }
    }
}
