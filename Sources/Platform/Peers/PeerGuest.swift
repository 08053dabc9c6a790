internal import NIOCore
internal import NIOPosix

/// Asks a node one question without being a member: how a node joins.
package enum PeerGuest {
    /// Sends `frame` to the node at `endpoint` and returns its answer. `hello` is of node 0; its
    /// cluster may be 0, if the guest does not know it.
    package static func ask(
        _ endpoint: Endpoint, hello: PeerHello, frame: PeerFrame, timeoutNanos: Int64,
        security: PeerSecurity = .plain
    ) async throws(PeerGuestError) -> PeerFrame {
        precondition(hello.node == nil, "a member is no guest")
        let tls: PeerTLS?
        do throws(PeerSecurityError) {
            tls = try security.load()
        } catch {
            throw .network(.cannotConnect(endpoint: "\(endpoint)", reason: "\(error)"))
        }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: PeerFrame.self)
        let timeout = loop.scheduleTask(in: .nanoseconds(timeoutNanos)) {
            answer.fail(
                PeerGuestError.network(
                    .timedOut(
                        endpoint: "\(endpoint)", afterMillis: Int(timeoutNanos / 1_000_000))))
        }
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(timeoutNanos))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try tls?.secure(channel, isServer: false)
                    try channel.pipeline.syncOperations.addHandler(
                        GuestHandler(endpoint, hello, frame, answer))
                }
            }
        let connecting =
            switch endpoint {
            case .inet(let host, let port): bootstrap.connect(host: host, port: port)
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        connecting.whenComplete { result in
            switch result {
            case .success(let channel):
                answer.futureResult.whenComplete { _ in channel.close(promise: nil) }
            case .failure(let error):
                answer.fail(
                    PeerGuestError.network(
                        .cannotConnect(
                            endpoint: "\(endpoint)", reason: NIOErrorText.of(error))))
            }
        }
        defer { timeout.cancel() }
        do {
            return try await answer.futureResult.get()
        } catch let error as PeerGuestError {
            throw error
        } catch {
            throw .network(.broken(endpoint: "\(endpoint)", reason: "\(error)"))
        }
    }
}

/// Why a guest got no answer.
package enum PeerGuestError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The other side's reason, or ours.
    case refused(PeerRefusal)
    case network(NetworkError)

    package var description: String {
        switch self {
        case .refused(let refusal): "refused: \(refusal)"
        case .network(let error): "\(error)"
        }
    }
}

/// The guest's side of a connection: hello, hello, question, answer.
private final class GuestHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let endpoint: Endpoint
    private let hello: PeerHello
    private let question: PeerFrame
    private let answer: EventLoopPromise<PeerFrame>
    private var unread = ByteBuffer()
    private var assembler = PeerFrameAssembler()
    private var isWelcome = false

    init(
        _ endpoint: Endpoint, _ hello: PeerHello, _ question: PeerFrame,
        _ answer: EventLoopPromise<PeerFrame>
    ) {
        self.endpoint = endpoint
        self.hello = hello
        self.question = question
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(
            wrapOutboundOut(ByteBuffer(bytes: hello.encoded())), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        unread.writeBuffer(&bytes)
        do throws(PeerFormatError) {
            if !isWelcome {
                guard let heard = try PeerAnswer.next(&unread) else { return }
                guard greet(heard, context) else { return }
            }
            while let frame = try assembler.next(&unread) {
                if frame.kind != PeerFrame.keepAliveKind { return answer.succeed(frame) }
            }
            unread.discardReadBytes()
        } catch {
            answer.fail(PeerGuestError.refused(PeerRefusal(error, from: "\(endpoint)")))
        }
    }

    /// Asks the question, if there is one to ask.
    private func greet(_ heard: PeerAnswer, _ context: ChannelHandlerContext) -> Bool {
        switch heard {
        case .refusal(let refusal):
            answer.fail(PeerGuestError.refused(refusal))
            return false
        case .hello(let other):
            let isOurs = hello.clusterID == 0 || hello.clusterID == other.clusterID
            guard isOurs else {
                let refusal = PeerRefusal(
                    .wrongCluster,
                    "\(other.title) belongs to cluster \(PeerAdmission.hex(other.clusterID)), "
                        + "not to \(PeerAdmission.hex(hello.clusterID))")
                answer.fail(PeerGuestError.refused(refusal))
                return false
            }
            isWelcome = true
            for piece in question.pieces() { context.write(wrapOutboundOut(piece), promise: nil) }
            context.flush()
            return true
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail("the connection was closed before an answer came")
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let refusal = PeerTLS.refusal(error, from: "\(endpoint)") {
            answer.fail(PeerGuestError.refused(refusal))
        } else {
            fail(SystemError.text(of: error))
        }
        context.close(promise: nil)
    }

    private func fail(_ reason: String) {
        answer.fail(
            PeerGuestError.network(.broken(endpoint: "\(endpoint)", reason: reason)))
    }
}
