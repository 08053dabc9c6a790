package import NIOCore
internal import NIOPosix

/// Peers over TCP: one connection per pair of nodes, which the node with the higher id dials,
/// again and again. All connections live on one event loop, so that what the receiver hears is in
/// order also when one connection replaces another.
///
/// Figures with a label `peer`: `varve_peer_sent_bytes_total`, `varve_peer_received_bytes_total`,
/// `varve_peer_frames_dropped_total`, `varve_peer_connections_total`, `varve_peer_connected`; and
/// `varve_peer_refusals_total` with a label `reason`.
package final class TCPPeerTransport: PeerTransport {
    /// Times and limits.
    package struct Options: Sendable {
        /// A side that has sent nothing for so long says that it lives.
        package var keepAliveMillis = 1_000
        /// A connection from which nothing came for so long is closed: several keepalives.
        package var silenceMillis = 5_000
        package var connectMillis = 3_000
        package var handshakeMillis = 5_000
        /// The pause before the next dial doubles from the first of these to the second.
        package var redialMillisMin = 100
        package var redialMillisMax = 2_000
        /// What may wait for one peer: the largest frame.
        package var queueBytesMax = PeerFrame.byteCountMax
        /// Below it `sendWaiting` goes on: some milliseconds of a network.
        package var queueLowBytes = 4 << 20
        /// Connections accepted that are not open yet, and guests.
        package var pendingCountMax = 256
        /// How long a guest's question may take to answer.
        package var replyMillis = 60_000

        package init() {}
    }

    struct Link {
        let connection: NIOLoopBound<PeerConnection>
        let outbox: PeerOutbox
    }

    struct Dial {
        var pauseMillis: Int
        var isUnderWay = false
        var next: Scheduled<Void>?
    }

    struct State {
        var admission: PeerAdmission
        var receiver: (any PeerReceiver)?
        var endpoint: Endpoint
        var addresses: [PeerID: Endpoint] = [:]
        var links: [PeerID: Link] = [:]
        var dials: [PeerID: Dial] = [:]
        var figures: [PeerID: PeerFigures] = [:]
        /// The listener's and all connections', also those that are not open yet.
        var channels: [ObjectIdentifier: any Channel] = [:]
        var acceptedCount = 0
        var isStopping = false
    }

    let own: PeerHello
    let id: PeerID
    let options: Options
    let security: PeerTLS?
    let notices: PeerNotices
    let loop: any EventLoop
    let state: Monitor<State>
    private let telemetry: Telemetry

    init(
        _ own: PeerHello, _ id: PeerID, _ listen: Endpoint, _ options: Options,
        _ security: PeerTLS?, _ receiver: any PeerReceiver, _ telemetry: Telemetry,
        _ notices: PeerNotices, _ loop: any EventLoop
    ) {
        self.own = own
        self.id = id
        self.options = options
        self.security = security
        self.telemetry = telemetry
        self.notices = notices
        self.loop = loop
        state = Monitor(
            State(admission: PeerAdmission(own: own), receiver: receiver, endpoint: listen))
    }

    /// Listens on `listen` and dials nobody before `setPeers`. `own` is what the node says of
    /// itself, with its number. `onNotice` gets lines for a person, on a transport thread. Files
    /// of `security` that can not be used are `cannotListen` too.
    package static func start(
        _ own: PeerHello, listen: Endpoint, security: PeerSecurity = .plain,
        options: Options = Options(), receiver: any PeerReceiver, telemetry: Telemetry,
        time: any TimeSource, group: any EventLoopGroup,
        onNotice: @escaping @Sendable (String) -> Void
    ) async throws(NetworkError) -> TCPPeerTransport {
        guard let id = own.node else { preconditionFailure("a guest has no transport") }
        let tls: PeerTLS?
        do throws(PeerSecurityError) {
            tls = try security.load()
        } catch {
            throw .cannotListen(endpoint: "\(listen)", reason: "\(error)")
        }
        let notices = PeerNotices(time: time, telemetry: telemetry, onNotice: onNotice)
        let transport = TCPPeerTransport(
            own, id, listen, options, tls, receiver, telemetry, notices, group.next())
        try await transport.listen(on: listen)
        return transport
    }

    /// What it listens on, with the port that the system chose.
    package var endpoint: Endpoint { state.withLock { $0.endpoint } }

    // MARK: The seam

    package func setPeers(_ addresses: [PeerID: Endpoint]) {
        let changed = state.withLock { state in
            let changed = addresses.keys.filter { state.addresses[$0] != addresses[$0] }
            state.addresses = addresses
            state.admission.members = Set(addresses.keys)
            return changed
        }
        loop.execute { self.reconcile(changed: changed.sorted()) }
    }

    @discardableResult
    package func send(_ frame: PeerFrame, to peer: PeerID) -> Bool {
        send(frame, to: peer) { $0.offer(frame) }
    }

    package func sendWaiting(
        _ frame: PeerFrame, to peer: PeerID, upToNanos nanos: Int64
    ) -> Bool {
        precondition(!loop.inEventLoop, "a transport thread must not wait")
        return send(frame, to: peer) { $0.offer(frame, upToNanos: nanos) }
    }

    private func send(
        _ frame: PeerFrame, to peer: PeerID, _ offer: (PeerOutbox) -> PeerOutbox.Offer
    ) -> Bool {
        precondition(frame.kind != PeerFrame.keepAliveKind, "kind 0 is the transport's own")
        if let link = state.withLock({ $0.links[peer] }) {
            if case .queued(let wake) = offer(link.outbox) {
                if wake { loop.execute { link.connection.value.drain() } }
                return true
            }
        }
        figures(of: peer).droppedFrames.add()
        return false
    }

    package var connected: [PeerID] { state.withLock { $0.links.keys.sorted() } }

    /// Returns when all connections are closed; at once when a receiver calls it.
    package func stop() {
        state.withLock { $0.isStopping = true }
        loop.execute { self.closeAll() }
        guard !loop.inEventLoop else { return }
        _ = state.wait { $0.channels.isEmpty ? true : nil }
        state.withLock { $0.receiver = nil }
    }

    // MARK: What connections tell, on the event loop

    func refusal(of hello: PeerHello, dialled: PeerID?) -> PeerRefusal? {
        state.withLock { $0.admission }.refusal(of: hello, dialled: dialled)
    }

    func figures(of peer: PeerID) -> PeerFigures {
        state.withLock { state in
            if let known = state.figures[peer] { return known }
            let made = PeerFigures(peer, telemetry)
            state.figures[peer] = made
            return made
        }
    }

    /// The connection is open. An older one with the same peer is closed: this side has not
    /// noticed yet that the other has given it up.
    func opened(
        _ connection: NIOLoopBound<PeerConnection>, _ peer: PeerID, _ hello: PeerHello
    ) {
        state.withLock { $0.links[peer] }?.connection.value.end()
        let link = Link(connection: connection, outbox: connection.value.outbox)
        let receiver = state.update { state -> (any PeerReceiver)? in
            guard !state.isStopping, state.addresses[peer] != nil else { return nil }
            state.links[peer] = link
            state.dials[peer]?.pauseMillis = options.redialMillisMin
            return state.receiver
        }
        guard let receiver else { return connection.value.end() }
        let figures = figures(of: peer)
        figures.connections.add()
        figures.isConnected.set(1)
        receiver.connected(peer, featureLevel: hello.featureLevel)
    }

    func received(_ frame: PeerFrame, from peer: PeerID) {
        state.withLock { $0.receiver }?.received(frame, from: peer)
    }

    func asked(_ frame: PeerFrame, _ name: String, _ reply: @escaping @Sendable (PeerFrame) -> Void)
    {
        state.withLock { $0.receiver }?.guest(frame, name: name, reply: reply)
    }

    /// An open connection has ended.
    func ended(_ connection: PeerConnection, _ peer: PeerID) {
        let receiver = state.update { state -> (any PeerReceiver)? in
            guard state.links[peer]?.outbox === connection.outbox else { return nil }
            state.links[peer] = nil
            return state.receiver
        }
        guard let receiver else { return }
        figures(of: peer).isConnected.set(0)
        receiver.disconnected(peer)
    }
}
