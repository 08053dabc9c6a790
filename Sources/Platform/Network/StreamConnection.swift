internal import NIOCore
internal import Synchronization

/// A session's handle on its connection. From any thread, also after the end.
package final class StreamConnection: Sendable {
    /// The numeric address of the other side, without port; empty for a unix socket.
    package let peerHost: String

    private struct State {
        /// Calls of `resume` that no `pause` has answered yet.
        var isResumed = false
        var context: StreamHandler.Handle?
    }

    private let state = Mutex(State())

    init(peerHost: String) { self.peerHost = peerHost }

    /// Ends a pause: the session gets what waited, then new bytes. When it is called between
    /// `received` and its `pause`, that pause is void.
    package func resume() {
        let handle = state.withLock { state in
            state.isResumed = true
            return state.context
        }
        handle?.wake()
    }

    /// Ends the connection as if the session had returned `close`.
    package func close() { state.withLock { $0.context }?.close() }

    func attach(_ handle: StreamHandler.Handle) { state.withLock { $0.context = handle } }

    func detach() { state.withLock { $0.context = nil } }

    /// Whether `resume` was called since the last time this was asked.
    func takeResume() -> Bool {
        state.withLock { state in
            defer { state.isResumed = false }
            return state.isResumed
        }
    }
}
