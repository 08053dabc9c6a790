internal import Platform

/// Wakes a thread: something may be to be done.
final class JobSignal: Sendable {
    enum Wake {
        /// Something has happened.
        case asked
        /// Nothing but time has gone on.
        case time
    }

    private struct State {
        var isRaised = false
        var hasTicked = false
        var isStopping = false
    }

    private let state = Monitor(State())

    func raise() { state.update { $0.isRaised = true } }

    /// Time has gone on.
    func tick() { state.update { $0.hasTicked = true } }

    func stop() { state.update { $0.isStopping = true } }

    /// Waits until raised or ticked; nil when it is time to stop.
    func wait() -> Wake? {
        state.wait { state -> Wake?? in
            if state.isStopping { return .some(nil) }
            return JobSignal.take(&state).map { .some($0) }
        }
    }

    /// The same without waiting: nil when neither has happened.
    func take() -> Wake? { state.withLock { JobSignal.take(&$0) } }

    private static func take(_ state: inout State) -> Wake? {
        guard state.isRaised || state.hasTicked else { return nil }
        defer { (state.isRaised, state.hasTicked) = (false, false) }
        return state.isRaised ? .asked : .time
    }
}
