internal import Synchronization

/// Hands pieces of an answer from who makes them to who writes them, one at a time: `send`
/// returns when its piece was taken. One receiver; senders that wait are served in order.
final class PieceChannel: Sendable {
    /// Thrown at the sender when nobody receives any more: the client went away.
    struct Closed: Error {}

    private enum End {
        case open
        case finished
        case failed(any Error)
        /// By the receiver.
        case closed
    }

    private struct State {
        var waiting: [(piece: [UInt8], sender: CheckedContinuation<Void, any Error>)] = []
        var end = End.open
        var receiver: CheckedContinuation<[UInt8]?, any Error>?
    }

    private let state = Mutex(State())

    func send(_ piece: [UInt8]) async throws {
        guard !piece.isEmpty else { return }
        try await withCheckedThrowingContinuation { continuation in
            let isClosed = state.withLock { state in
                if case .closed = state.end { return true }
                if let receiver = state.receiver {
                    state.receiver = nil
                    receiver.resume(returning: piece)
                    continuation.resume()
                } else {
                    state.waiting.append((piece, continuation))
                }
                return false
            }
            if isClosed { continuation.resume(throwing: Closed()) }
        }
    }

    /// No more pieces; nil for a good end.
    func finish(_ error: (any Error)?) {
        state.withLock { state in
            guard case .open = state.end else { return }
            state.end = error.map { .failed($0) } ?? .finished
            guard let receiver = state.receiver else { return }
            state.receiver = nil
            if let error {
                receiver.resume(throwing: error)
            } else {
                receiver.resume(returning: nil)
            }
        }
    }

    /// The next piece; nil at the end. Throws what the sender failed with.
    func receive() async throws -> [UInt8]? {
        try await withCheckedThrowingContinuation { continuation in
            state.withLock { state in
                if !state.waiting.isEmpty {
                    let (piece, sender) = state.waiting.removeFirst()
                    sender.resume()
                    continuation.resume(returning: piece)
                    return
                }
                switch state.end {
                case .open: state.receiver = continuation
                case .finished, .closed: continuation.resume(returning: nil)
                case .failed(let error): continuation.resume(throwing: error)
                }
            }
        }
    }

    /// The receiver leaves; the sender learns it at its next piece.
    func close() {
        state.withLock { state in
            state.end = .closed
            for (_, sender) in state.waiting { sender.resume(throwing: Closed()) }
            state.waiting = []
        }
    }
}
