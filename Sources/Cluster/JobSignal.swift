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
