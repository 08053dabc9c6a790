internal import NIOCore

/// One connection between two nodes, from the hello to the end. Lives on the transport's event
/// loop.
///
/// The side that dialled says hello; the other answers with its own or with a refusal. The side
/// that dialled then refuses, or sends a frame: only with that frame the connection is open on
/// both sides, so that both always hear the same.
final class PeerConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Which side this is.
    enum Role {
        case dialler(of: PeerID, at: Endpoint)
        case acceptor(host: String)
    }

    private enum Stage {
        case awaitsHello
        case awaitsAnswer(from: PeerID)
        /// The other side knows our hello and has not said yet whether it will have us.
        case awaitsFrame(of: PeerHello)
        case open(PeerID)
        case awaitsQuestion(name: String)
        case answersQuestion
        /// A refusal was sent: what still comes is not read.
        case leaves
        case closed
    }

    /// What is written at once: enough to fill a socket's buffer, little enough to stay in cache.
    private static let pieceBytes = 256 << 10
    /// After a refusal the other side has so long to read it: a close at once could take the
    /// words out of the kernel's buffer.
    private static let lastWordsMillis = 1_000

    let outbox: PeerOutbox
    private let role: Role
    private let transport: TCPPeerTransport
    private let options: TCPPeerTransport.Options
    private var stage: Stage
    /// Whom people know it as: the node, as far as it is known, and where it is.
    private var who: String
    private let place: String
    private var unread = ByteBuffer()
    private var assembler = PeerFrameAssembler()
    private var context: ChannelHandlerContext?
    private var figures: PeerFigures?
    private var deadline: Scheduled<Void>?
    private var ticker: RepeatedTask?
    private var silentTickCount = 0
    private var hasWritten = false

    init(_ role: Role, _ transport: TCPPeerTransport) {
        self.role = role
        self.transport = transport
        options = transport.options
        outbox = PeerOutbox(
            byteCountMax: options.queueBytesMax, lowMarkBytes: options.queueLowBytes)
        switch role {
        case .dialler(let peer, let endpoint):
            stage = .awaitsAnswer(from: peer)
            place = "\(endpoint)"
            who = "\(peer) at \(place)"
        case .acceptor(let host):
            stage = .awaitsHello
            place = host.isEmpty ? "this machine" : host
            who = place
        }
    }

    /// Whom notices are about: without the port, which is another each time.
    private var subject: String {
        switch role {
        case .dialler(let peer, _): "\(peer)"
        case .acceptor(let host): host
        }
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        setDeadline(millis: options.handshakeMillis) { connection in
            connection.end(
                telling: "\(connection.who): closed, no hello within "
                    + "\(connection.options.handshakeMillis) ms")
        }
        if case .dialler = role { write(transport.own.encoded()) }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        silentTickCount = 0
        figures?.receivedBytes.add(bytes.readableBytes)
        if unread.readableBytes == 0 {
            unread = bytes
        } else {
            unread.writeBuffer(&bytes)
        }
        do throws(PeerFormatError) {
            while try step() {}
        } catch {
            malformed(error)
        }
        if unread.readableBytes == 0 { unread = ByteBuffer() } else { unread.discardReadBytes() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { drain() }

    func channelInactive(context: ChannelHandlerContext) {
        switch stage {
        case .awaitsAnswer, .awaitsHello:
            end(telling: "\(who): the connection was closed before a hello")
        default: end()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch stage {
        case .awaitsAnswer, .awaitsHello, .awaitsFrame:
            if let refusal = PeerTLS.refusal(error, from: who) {
                transport.notices.refused(
                    refusal.reason, "refused: \(refusal)", of: subject)
                return end()
            }
            end(telling: "\(who): \(PeerConnection.text(of: error))")
        case .open where PeerTLS.isEnd(error): end()
        case .open: end(telling: "\(who): the connection broke: \(SystemError.text(of: error))")
        default: end()
        }
    }

    private static func text(of error: any Error) -> String {
        PeerTLS.isEnd(error)
            ? "the connection was closed before a hello" : SystemError.text(of: error)
    }

    // MARK: Decisions

    /// Takes the next thing out of `unread`; false when more must come first.
    private func step() throws(PeerFormatError) -> Bool {
        switch stage {
        case .awaitsHello, .awaitsAnswer:
            guard let answer = try PeerAnswer.next(&unread) else { return false }
            heard(answer)
        case .awaitsFrame(let hello):
            guard unread.readableBytes >= PeerRefusal.magic.count else { return false }
            if unread.readableBytesView.starts(with: PeerRefusal.magic) {
                guard let answer = try PeerAnswer.next(&unread) else { return false }
                heard(answer)
            } else if let node = hello.node {
                open(node, hello)
            } else {
                stage = .awaitsQuestion(name: hello.name)
                setDeadline(millis: options.replyMillis) { $0.end() }
            }
        case .open(let peer):
            guard let frame = try assembler.next(&unread) else { return false }
            if frame.kind != PeerFrame.keepAliveKind { transport.received(frame, from: peer) }
        case .awaitsQuestion(let name):
            guard let frame = try assembler.next(&unread) else { return false }
            if frame.kind != PeerFrame.keepAliveKind { asked(frame, name) }
        case .answersQuestion, .leaves, .closed:
            unread.clear()
            return false
        }
        return true
    }

    private func heard(_ answer: PeerAnswer) {
        switch (answer, stage) {
        case (.refusal(let refusal), _):
            transport.notices.refused(
                refusal.reason, "\(who) refused the connection: \(refusal)", of: subject)
            end()
        case (.hello(let hello), .awaitsAnswer(let peer)):
            if let refusal = transport.refusal(of: hello, dialled: peer) { return refuse(refusal) }
            who = "\(hello.title) at \(place)"
            open(peer, hello)
        case (.hello(let hello), _):
            who = "\(hello.title) at \(place)"
            if let refusal = transport.refusal(of: hello, dialled: nil) { return refuse(refusal) }
            stage = .awaitsFrame(of: hello)
            write(transport.own.encoded())
        }
    }

    private func malformed(_ error: PeerFormatError) {
        switch stage {
        case .open:
            transport.notices.refused(.garbage, "\(who): closed, it sent \(error)", of: subject)
            end()
        default: refuse(PeerRefusal(error, from: who))
        }
    }

    private func open(_ peer: PeerID, _ hello: PeerHello) {
        guard let context else { return }
        deadline?.cancel()
        stage = .open(peer)
        figures = transport.figures(of: peer)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        // Not before the stage is set: the receiver may send at once.
        transport.opened(bound, peer, hello)
        guard case .open = stage else { return }
        if case .dialler = role {
            // Only a frame tells the other side that it is not refused.
            _ = outbox.offerKeepAlive()
            drain()
        }
        let pause = TimeAmount.milliseconds(Int64(options.keepAliveMillis))
        ticker = context.eventLoop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { _ in
            bound.value.tick()
        }
    }

    private func tick() {
        silentTickCount += 1
        guard silentTickCount * options.keepAliveMillis < options.silenceMillis else {
            return end(
                telling: "\(who): closed, nothing came for \(options.silenceMillis) ms")
        }
        if !hasWritten, outbox.offerKeepAlive() == .queued(wake: true) { drain() }
        hasWritten = false
    }

    private func asked(_ frame: PeerFrame, _ name: String) {
        guard let context else { return }
        stage = .answersQuestion
        setDeadline(millis: options.replyMillis) { $0.end() }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        transport.asked(frame, name) { answer in
            loop.execute { bound.value.reply(answer) }
        }
    }

    private func reply(_ frame: PeerFrame) {
        guard case .answersQuestion = stage else { return }
        leave(with: frame.pieces(), takingMillis: options.replyMillis)
    }

    // MARK: Writing

    /// Writes what waits in the outbox, as far as the channel takes it.
    func drain() {
        guard let context, case .open = stage else { return }
        var isWritten = false
        while context.channel.isWritable,
            let piece = outbox.take(pieceBytes: PeerConnection.pieceBytes)
        {
            figures?.sentBytes.add(piece.readableBytes)
            context.write(wrapOutboundOut(piece), promise: nil)
            isWritten = true
        }
        guard isWritten else { return }
        hasWritten = true
        context.flush()
    }

    private func write(_ bytes: [UInt8]) {
        context?.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    // MARK: The end

    private func refuse(_ refusal: PeerRefusal) {
        let from: String
        switch role {
        case .dialler: from = "refused the connection to \(who): \(refusal)"
        case .acceptor: from = "refused a connection from \(who): \(refusal)"
        }
        transport.notices.refused(refusal.reason, from, of: subject)
        leave(
            with: [ByteBuffer(bytes: refusal.encoded())], takingMillis: options.handshakeMillis)
    }

    /// Writes the last words, which may take so long, and then waits a while for the other side
    /// to close.
    private func leave(with pieces: [ByteBuffer], takingMillis: Int) {
        guard let context else { return }
        stage = .leaves
        setDeadline(millis: takingMillis) { $0.end() }
        let written = context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in bound.value.hasLeft() }
        for (index, piece) in pieces.enumerated() {
            let isLast = index == pieces.count - 1
            context.write(wrapOutboundOut(piece), promise: isLast ? written : nil)
        }
        context.flush()
    }

    private func hasLeft() {
        guard case .leaves = stage else { return }
        setDeadline(millis: PeerConnection.lastWordsMillis) { $0.end() }
        context?.close(mode: .output, promise: nil)
    }

    private func setDeadline(millis: Int, _ body: @escaping @Sendable (PeerConnection) -> Void) {
        guard let context else { return }
        deadline?.cancel()
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: .milliseconds(Int64(millis))) {
            body(bound.value)
        }
    }

    /// Closes the connection; again is no error. `telling`: the notice, if a person should know.
    func end(telling notice: String? = nil) {
        if case .closed = stage { return }
        let before = stage
        stage = .closed
        deadline?.cancel()
        ticker?.cancel()
        let lostCount = outbox.close()
        figures?.droppedFrames.add(lostCount)
        if let notice { transport.notices.tell(notice, of: subject) }
        if case .open(let peer) = before { transport.ended(self, peer) }
        context?.close(promise: nil)
    }
}

// The connection stays on its event loop; `NIOLoopBound` checks it.
@available(*, unavailable)
extension PeerConnection: Sendable {}
