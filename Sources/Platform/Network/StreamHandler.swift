internal import NIOCore
internal import NIOPosix

/// Between a NIO channel and a `StreamSession`. Reads are asked for one by one (autoRead is off),
/// so that a paused session really stops them.
///
/// Invariants: `session.ended` is called once, last, and not while the session is paused with
/// bytes waiting, unless the connection broke or the listener stops.
final class StreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// What other threads may do to the channel. The handler lives on the event loop.
    struct Handle: Sendable {
        let loop: any EventLoop
        let handler: NIOLoopBound<StreamHandler>

        func wake() { loop.execute { handler.value.wake() } }
        func close() { loop.execute { handler.value.end(.closedBySession) } }
    }

    /// The event that says the listener stops.
    struct Stop: Sendable {}

    private let session: any StreamSession
    private let connection: StreamConnection
    private let unreadBytesMax: Int
    private let onBytes: @Sendable (Int) -> Void
    private let onEnd: @Sendable (StreamEnd) -> Void
    private var unread = ByteBuffer()
    private var isPaused = false
    private var isInputOver = false
    private var hasEnded = false
    private var context: ChannelHandlerContext?

    init(
        session: any StreamSession, connection: StreamConnection, unreadBytesMax: Int,
        onBytes: @escaping @Sendable (Int) -> Void, onEnd: @escaping @Sendable (StreamEnd) -> Void
    ) {
        self.session = session
        self.connection = connection
        self.unreadBytesMax = unreadBytesMax
        self.onBytes = onBytes
        self.onEnd = onEnd
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        connection.attach(Handle(loop: context.eventLoop, handler: bound))
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(.stopping)
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) { context.read() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard !hasEnded else { return }
        onBytes(bytes.readableBytes)
        if unread.readableBytes == 0 {
            unread = bytes
        } else {
            unread.writeBuffer(&bytes)
        }
        // At a half-close NIO empties the kernel's buffer without being asked: those bytes wait.
        if !isPaused { deliver() }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !isPaused, !hasEnded { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            isInputOver = true
            if !isPaused { end(.finished) }
        case is IdleStateHandler.IdleStateEvent:
            if !isPaused { end(.idle) }
        case is Stop: end(.stopping)
        default: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(isInputOver ? .finished : .failed(reason: "the connection was reset"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(.failed(reason: "\(error)"))
    }

    /// Hands the session what is unread until it pauses.
    private func deliver() {
        guard !hasEnded else { return }
        _ = connection.takeResume()
        let verdict = session.received(&unread)
        switch verdict {
        case .more: break
        case .pause: isPaused = !connection.takeResume()
        case .close: return end(.closedBySession)
        }
        if unread.readableBytes == 0 {
            unread = ByteBuffer()
        } else if unread.readableBytes > unreadBytesMax, verdict != .pause {
            return end(.tooMuchUnread)
        } else if unread.readerIndex > 65_536 {
            unread.discardReadBytes()
        }
    }

    /// The pause is over.
    func wake() {
        guard isPaused, !hasEnded else { return }
        isPaused = false
        if unread.readableBytes > 0 { deliver() }
        guard !isPaused, !hasEnded else { return }
        if isInputOver { end(.finished) } else { context?.read() }
    }

    func end(_ reason: StreamEnd) {
        guard !hasEnded else { return }
        hasEnded = true
        connection.detach()
        session.ended(reason, rest: &unread)
        onEnd(reason)
        context?.close(promise: nil)
    }
}

// The handler stays on its event loop; `NIOLoopBound` checks it.
@available(*, unavailable)
extension StreamHandler: Sendable {}
