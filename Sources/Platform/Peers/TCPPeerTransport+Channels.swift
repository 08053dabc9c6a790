internal import NIOCore
internal import NIOPosix

/// Listening, dialling and closing. All but `listen` runs on the event loop.
extension TCPPeerTransport {
    /// A connection was made while the transport stops, or there are too many.
    private struct NotWanted: Error {}

    func listen(on endpoint: Endpoint) async throws(NetworkError) {
        let bootstrap = ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 128)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: Self.waterMark)
            .childChannelOption(.recvAllocator, value: Self.recvAllocator)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try self.prepareAccepted(channel)
                }
            }
        let (channel, bound) = try await bootstrap.bind(to: endpoint)
        keep(channel)
        state.withLock { $0.endpoint = bound }
    }

    /// Writes stop at the upper mark and go on below the lower: a few pieces are always under
    /// way, and what waits stays in the outbox.
    private static var waterMark: ChannelOptions.Types.WriteBufferWaterMark {
        .init(low: 256 << 10, high: 1 << 20)
    }

    private static var recvAllocator: AdaptiveRecvByteBufferAllocator {
        AdaptiveRecvByteBufferAllocator(minimum: 2_048, initial: 16_384, maximum: 262_144)
    }

    private func prepareAccepted(_ channel: any Channel) throws {
        let host = channel.remoteAddress?.ipAddress ?? ""
        let isWanted = state.withLock { state in
            guard !state.isStopping,
                state.acceptedCount < options.pendingCountMax + state.links.count
            else { return false }
            state.acceptedCount += 1
            return true
        }
        guard isWanted else {
            notices.refused(
                .tooMany, "closed a connection from \(host): \(options.pendingCountMax) wait",
                of: host)
            throw NotWanted()
        }
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { $0.acceptedCount -= 1 }
        }
        try prepare(channel, .acceptor(host: host))
    }

    private func prepare(_ channel: any Channel, _ role: PeerConnection.Role) throws {
        guard !state.withLock({ $0.isStopping }) else { throw NotWanted() }
        keep(channel)
        // A heartbeat does not wait for more. A unix socket has no such option, and needs none.
        channel.setOption(.tcpOption(.tcp_nodelay), value: 1).whenFailure { _ in }
        var isServer = false
        if case .acceptor = role { isServer = true }
        try security?.secure(channel, isServer: isServer)
        try channel.pipeline.syncOperations.addHandler(PeerConnection(role, self))
    }

    /// Remembers the channel until it is closed.
    private func keep(_ channel: any Channel) {
        let key = ObjectIdentifier(channel)
        state.withLock { $0.channels[key] = channel }
        channel.closeFuture.whenComplete { _ in
            self.state.update { $0.channels[key] = nil }
        }
    }

    // MARK: Dialling

    /// Makes connections and dials fit the addresses. `changed`: peers whose address is new.
    func reconcile(changed: [PeerID]) {
        let (addresses, links, dialled) = state.withLock { state in
            (state.addresses, state.links, state.dials.keys.sorted())
        }
        for (peer, link) in links.sorted(by: { $0.key < $1.key }) where addresses[peer] == nil {
            link.connection.value.end(
                telling: "\(peer): closed, it is no longer a member of the cluster")
        }
        for peer in dialled where addresses[peer] == nil {
            state.withLock { $0.dials.removeValue(forKey: peer)?.next }?.cancel()
        }
        // A new address may be good where the old one was not: no reason to wait.
        for peer in changed {
            state.withLock { $0.dials[peer]?.next }?.cancel()
        }
        for peer in addresses.keys.sorted() where peer < id { dial(peer) }
    }

    private func dial(_ peer: PeerID) {
        let endpoint = state.withLock { state -> Endpoint? in
            guard !state.isStopping, state.links[peer] == nil,
                let endpoint = state.addresses[peer]
            else { return nil }
            var dial = state.dials[peer] ?? Dial(pauseMillis: options.redialMillisMin)
            guard !dial.isUnderWay else { return nil }
            dial.isUnderWay = true
            state.dials[peer] = dial
            return endpoint
        }
        guard let endpoint else { return }
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.milliseconds(Int64(options.connectMillis)))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.writeBufferWaterMark, value: Self.waterMark)
            .channelOption(.recvAllocator, value: Self.recvAllocator)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try self.prepare(channel, .dialler(of: peer, at: endpoint))
                }
            }
        // The name is looked up at each dial: a node that was replaced has another address.
        let connecting =
            switch endpoint {
            case .inet(let host, let port): bootstrap.connect(host: host, port: port)
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        connecting.whenComplete { result in
            switch result {
            case .success(let channel):
                channel.closeFuture.whenComplete { _ in self.dialLater(peer) }
            case .failure(let error):
                if !self.state.withLock({ $0.isStopping }) {
                    self.notices.tell(
                        "\(peer) at \(endpoint) can not be reached: \(NIOErrorText.of(error))",
                        of: "\(peer)")
                }
                self.dialLater(peer)
            }
        }
    }

    private func dialLater(_ peer: PeerID) {
        let pauseMillis = state.withLock { state -> Int? in
            guard !state.isStopping, let dial = state.dials[peer] else { return nil }
            let pause = dial.pauseMillis
            state.dials[peer]?.isUnderWay = false
            state.dials[peer]?.pauseMillis = min(2 * pause, options.redialMillisMax)
            return pause
        }
        guard let pauseMillis else { return }
        let next = loop.scheduleTask(in: .milliseconds(Int64(pauseMillis))) { self.dial(peer) }
        state.withLock { $0.dials[peer]?.next = next }
    }

    // MARK: The end

    func closeAll() {
        let (channels, links, dials) = state.withLock { state in
            defer { state.dials = [:] }
            return (Array(state.channels.values), state.links, state.dials)
        }
        for dial in dials.values { dial.next?.cancel() }
        for (_, link) in links.sorted(by: { $0.key < $1.key }) { link.connection.value.end() }
        for channel in channels { channel.close(promise: nil) }
    }
}

/// One line for what comes of a dial.
enum NIOErrorText {
    static func of(_ error: any Error) -> String {
        if let error = error as? NIOConnectionError {
            if let first = error.connectionErrors.first { return of(first.error) }
            if let lookUp = error.dnsAError ?? error.dnsAAAAError { return "no address: \(lookUp)" }
        }
        if case .connectTimeout(let amount)? = error as? ChannelError {
            return "no answer within \(amount.nanoseconds / 1_000_000) ms"
        }
        return SystemError.text(of: error)
    }
}
