internal import NIOCore

/// The frames that wait for one connection: bounded in bytes, filled by any thread, emptied by the
/// connection's event loop in pieces that it can write.
final class PeerOutbox: Sendable {
    /// What became of a frame that was offered.
    enum Offer: Hashable {
        /// Queued; `wake`: the event loop is not at work on the queue and must be told.
        case queued(wake: Bool)
        case full
        case closed
    }

    private struct State {
        var frames: [PeerFrame] = []
        /// Frames before this index are gone.
        var taken = 0
        /// How much of the first waiting frame is written: its head, then parts.
        var isHeadWritten = false
        var part = 0
        var offset = 0
        /// Bytes that wait.
        var byteCount = 0
        var isOpen = true
        /// The event loop will come, or waits until it can write.
        var isBeingEmptied = false
        /// Threads that wait for room.
        var waiterCount = 0
    }

    private let byteCountMax: Int
    private let lowMarkBytes: Int
    private let state = Monitor(State())

    init(byteCountMax: Int, lowMarkBytes: Int) {
        self.byteCountMax = byteCountMax
        self.lowMarkBytes = lowMarkBytes
    }

    /// Queues the frame if there is room: an empty queue has room for any.
    func offer(_ frame: PeerFrame) -> Offer {
        let count = frame.wireByteCount
        return state.withLock { state in
            guard state.isOpen else { return .closed }
            guard state.byteCount == 0 || state.byteCount + count <= byteCountMax else {
                return .full
            }
            return .queued(wake: append(frame, count, &state))
        }
    }

    /// Queues the frame as soon as less than the low mark waits.
    func offer(_ frame: PeerFrame, upToNanos nanos: Int64) -> Offer {
        let count = frame.wireByteCount
        state.withLock { $0.waiterCount += 1 }
        defer { state.withLock { $0.waiterCount -= 1 } }
        let offer: Offer? = state.wait(upToNanos: nanos) { state in
            guard state.isOpen else { return .closed }
            guard state.byteCount < lowMarkBytes,
                state.byteCount == 0 || state.byteCount + count <= byteCountMax
            else { return nil }
            return .queued(wake: append(frame, count, &state))
        }
        return offer ?? .full
    }

    /// Queues a frame that says that the sender lives, if nothing else will.
    func offerKeepAlive() -> Offer {
        state.withLock { state in
            guard state.isOpen else { return .closed }
            guard state.byteCount == 0 else { return .full }
            let frame = PeerFrame.keepAlive
            return .queued(wake: append(frame, frame.wireByteCount, &state))
        }
    }

    private func append(_ frame: PeerFrame, _ count: Int, _ state: inout State) -> Bool {
        state.frames.append(frame)
        state.byteCount += count
        defer { state.isBeingEmptied = true }
        return !state.isBeingEmptied
    }

    /// The next waiting bytes, about `pieceBytes` of them. Nil when nothing waits: the next offer
    /// says `wake`.
    func take(pieceBytes: Int) -> ByteBuffer? {
        let (piece, isAwaited) = state.withLock { state in
            let before = state.byteCount
            var piece = ByteBuffer()
            piece.reserveCapacity(min(before, pieceBytes))
            while state.taken < state.frames.count, piece.readableBytes < pieceBytes {
                PeerOutbox.copy(from: &state, into: &piece, pieceBytes)
            }
            if state.taken == state.frames.count || state.taken >= 1_024 {
                state.frames.removeFirst(state.taken)
                state.taken = 0
            }
            if piece.readableBytes == 0 { state.isBeingEmptied = false }
            let isRoom = before != state.byteCount && state.byteCount < lowMarkBytes
            return (piece, isRoom && state.waiterCount > 0)
        }
        if isAwaited { state.update { _ in } }
        return piece.readableBytes > 0 ? piece : nil
    }

    /// Copies of the first waiting frame what the piece has room for.
    private static func copy(
        from state: inout State, into buffer: inout ByteBuffer, _ pieceBytes: Int
    ) {
        let frame = state.frames[state.taken]
        let before = buffer.readableBytes
        if !state.isHeadWritten {
            frame.writeHead(into: &buffer)
            state.isHeadWritten = true
        }
        while state.part < frame.parts.count, buffer.readableBytes < pieceBytes {
            let part = frame.parts[state.part]
            let count = min(part.count - state.offset, pieceBytes - buffer.readableBytes)
            buffer.writeBytes(part[state.offset..<state.offset + count])
            state.offset += count
            if state.offset == part.count {
                state.part += 1
                state.offset = 0
            }
        }
        state.byteCount -= buffer.readableBytes - before
        if state.part == frame.parts.count {
            // The payload is let go of before the array shrinks.
            state.frames[state.taken] = .keepAlive
            state.taken += 1
            state.part = 0
            state.isHeadWritten = false
        }
    }

    /// Takes no more, and lets go of what waits. Returns the number of frames that are lost,
    /// keepalives not counted.
    func close() -> Int {
        state.update { state in
            let lost = state.frames[state.taken...].count { $0.kind != PeerFrame.keepAliveKind }
            let waiterCount = state.waiterCount
            state = State()
            state.isOpen = false
            state.waiterCount = waiterCount
            return lost
        }
    }

    /// Bytes that wait.
    var byteCount: Int { state.withLock { $0.byteCount } }
}
