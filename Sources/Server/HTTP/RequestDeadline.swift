internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes
internal import Platform

/// Closes a connection whose client is too slow: with its request's head, with the body, or with
/// reading the answer; tells the watch when it sends no more. How long the server takes for its
/// answer is not this handler's business.
///
/// Not `Sendable`: all calls come on the connection's event loop.
final class RequestDeadline: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// How long each may take, in seconds.
    struct Limits: Sendable, Hashable {
        /// From the connection, or the last answer, to the end of the next request's head: also how
        /// long an idle connection is kept.
        var headSeconds: Int64 = 120
        /// From the head to the end of the body.
        var bodySeconds: Int64 = 300
        /// What is left of a body whose request was answered already.
        var restSeconds: Int64 = 5
        /// How long a client may take nothing of an answer.
        var writeSeconds: Int64 = 300
    }

    private enum Reason: String {
        case head, body, write
    }

    private let limits: Limits
    private let telemetry: Telemetry
    private let watch: ConnectionWatch
    private var reading: Scheduled<Void>?
    private var writing: Scheduled<Void>?
    private var isInBody = false

    init(limits: Limits, telemetry: Telemetry, watch: ConnectionWatch) {
        self.limits = limits
        self.telemetry = telemetry
        self.watch = watch
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { expectHead(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { cancelAll() }

    func channelActive(context: ChannelHandlerContext) {
        expectHead(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        cancelAll()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            isInBody = true
            expect(.body, within: limits.bodySeconds, context)
        case .body: break
        case .end:
            isInBody = false
            reading?.cancel()
            reading = nil
        }
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { watch.inputClosed(of: context.channel) }
        context.fireUserInboundEventTriggered(event)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) {
            if isInBody {
                expect(.body, within: limits.restSeconds, context)
            } else {
                expectHead(context)
            }
        }
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        writing?.cancel()
        writing = nil
        if !context.channel.isWritable {
            writing = schedule(.write, within: limits.writeSeconds, context)
        }
        context.fireChannelWritabilityChanged()
    }

    private func expectHead(_ context: ChannelHandlerContext) {
        expect(.head, within: limits.headSeconds, context)
    }

    private func expect(
        _ reason: Reason, within seconds: Int64, _ context: ChannelHandlerContext
    ) {
        reading?.cancel()
        reading = schedule(reason, within: seconds, context)
    }

    private func schedule(
        _ reason: Reason, within seconds: Int64, _ context: ChannelHandlerContext
    ) -> Scheduled<Void> {
        let channel = context.channel
        let telemetry = telemetry
        return context.eventLoop.scheduleTask(in: .seconds(seconds)) {
            telemetry.counter(
                "varve_http_connections_cut_total",
                help: "Connections closed because the client was too slow, by what it was slow at.",
                labels: [("reason", reason.rawValue)]
            ).add()
            channel.close(promise: nil)
        }
    }

    private func cancelAll() {
        reading?.cancel()
        writing?.cancel()
        (reading, writing) = (nil, nil)
    }
}
