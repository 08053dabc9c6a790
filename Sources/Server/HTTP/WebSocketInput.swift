internal import NIOCore

/// Stands in front of the HTTP handlers once a connection speaks WebSocket: takes all that the client
/// sends from then on, answers pings, and ends the connection when the client wants it.
///
/// Not `Sendable`: all calls come on the connection's event loop.
final class WebSocketInput: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let watch: ConnectionWatch
    private var frames = WebSocketFrames()

    init(watch: ConnectionWatch) { self.watch = watch }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for event in frames.read(unwrapInboundIn(data).readableBytesView) {
            switch event {
            case .ping(let payload):
                context.writeAndFlush(
                    wrapOutboundOut(ByteBuffer(bytes: WebSocketFrames.pong(payload))),
                    promise: nil)
            case .close:
                watch.inputClosed(of: context.channel)
                let farewell = ByteBuffer(bytes: WebSocketFrames.close)
                context.writeAndFlush(wrapOutboundOut(farewell), promise: nil)
                context.close(promise: nil)
            }
        }
    }
}
