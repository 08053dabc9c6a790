package import NIOCore
internal import NIOPosix
internal import Synchronization

/// Accepts TCP connections and gives each a `StreamSession`.
///
/// Figures, each with a label `listener`: `varve_stream_connections` (open now),
/// `varve_stream_connections_total`, `varve_stream_connections_refused_total` (over the limit),
/// `varve_stream_bytes_total`, `varve_stream_ended_total` with a label `reason`.
package final class StreamListener: Sendable {
    /// Limits of one listener.
    package struct Options: Sendable {
        /// Further connections are accepted and closed at once.
        package var connectionCountMax = 8_192
        /// A connection that sends nothing for so long is closed; 0: never. One that is paused
        /// does not count as idle.
        package var idleSeconds = 600
        /// What a session may leave unread.
        package var unreadBytesMax = 1 << 20

        package init() {}
    }

    /// What it listens on, with the port that the system chose.
    package let endpoint: Endpoint

    private let channel: any Channel
    private let open: OpenStreams

    private init(endpoint: Endpoint, channel: any Channel, open: OpenStreams) {
        self.endpoint = endpoint
        self.channel = channel
        self.open = open
    }

    /// Binds and accepts. `name` is the label of the figures; `makeSession` is called on the event
    /// loop of each new connection.
    package static func start(
        _ endpoint: Endpoint, name: String, options: Options = Options(), telemetry: Telemetry,
        group: any EventLoopGroup,
        makeSession: @escaping @Sendable (StreamConnection) -> any StreamSession
    ) async throws(NetworkError) -> StreamListener {
        let open = OpenStreams(telemetry, name)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 2048, initial: 16_384, maximum: 262_144)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try StreamListener.prepare(channel, options, open, makeSession)
                }
            }
        let (channel, bound) = try await bootstrap.bind(to: endpoint)
        return StreamListener(endpoint: bound, channel: channel, open: open)
    }

    private static func prepare(
        _ channel: any Channel, _ options: Options, _ open: OpenStreams,
        _ makeSession: @Sendable (StreamConnection) -> any StreamSession
    ) throws {
        guard open.admit(channel, countMax: options.connectionCountMax) else {
            channel.close(promise: nil)
            return
        }
        let connection = StreamConnection(peerHost: channel.remoteAddress?.ipAddress ?? "")
        if options.idleSeconds > 0 {
            try channel.pipeline.syncOperations.addHandler(
                IdleStateHandler(readTimeout: .seconds(Int64(options.idleSeconds))))
        }
        let id = ObjectIdentifier(channel)
        try channel.pipeline.syncOperations.addHandler(
            StreamHandler(
                session: makeSession(connection), connection: connection,
                unreadBytesMax: options.unreadBytesMax,
                onBytes: { open.bytes.add($0) }, onEnd: { open.ended(id, $0) }))
    }

    /// The number of connections that are open now.
    package var connectionCount: Int { open.count }

    /// Stops accepting, ends every session with `stopping`, and returns when all are closed.
    package func stop() async {
        await StreamListener.finish(channel)
        for connection in open.drain() {
            connection.pipeline.fireUserInboundEventTriggered(StreamHandler.Stop())
            await StreamListener.finish(connection)
        }
    }

    private static func finish(_ channel: any Channel) async {
        channel.close(promise: nil)
        do {
            try await channel.closeFuture.get()
        } catch {
            // The future of a close has no failure that matters: the channel is gone either way.
        }
    }
}

/// The connections of one listener and their figures.
final class OpenStreams: Sendable {
    let bytes: Counter
    private let accepted: Counter
    private let refused: Counter
    private let openNow: Gauge
    private let telemetry: Telemetry
    private let name: String
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    init(_ telemetry: Telemetry, _ name: String) {
        let labels = [("listener", name)]
        self.telemetry = telemetry
        self.name = name
        bytes = telemetry.counter(
            "varve_stream_bytes_total", help: "Bytes received on connections.", labels: labels)
        accepted = telemetry.counter(
            "varve_stream_connections_total", help: "Connections accepted.", labels: labels)
        refused = telemetry.counter(
            "varve_stream_connections_refused_total",
            help: "Connections closed at once because there were too many.", labels: labels)
        openNow = telemetry.gauge(
            "varve_stream_connections", help: "Connections open now.", labels: labels)
    }

    var count: Int { channels.withLock { $0.count } }

    func admit(_ channel: any Channel, countMax: Int) -> Bool {
        let count = channels.withLock { channels -> Int? in
            guard channels.count < countMax else { return nil }
            channels[ObjectIdentifier(channel)] = channel
            return channels.count
        }
        guard let count else {
            refused.add()
            return false
        }
        accepted.add()
        openNow.set(count)
        return true
    }

    func ended(_ id: ObjectIdentifier, _ reason: StreamEnd) {
        let count = channels.withLock { channels in
            channels[id] = nil
            return channels.count
        }
        openNow.set(count)
        let word =
            switch reason {
            case .finished: "finished"
            case .failed: "failed"
            case .idle: "idle"
            case .closedBySession: "bad_input"
            case .tooMuchUnread: "too_much_unread"
            case .stopping: "stopping"
            }
        telemetry.counter(
            "varve_stream_ended_total", help: "Connections that ended, by reason.",
            labels: [("listener", name), ("reason", word)]
        ).add()
    }

    /// The open channels; the order is of no meaning.
    func drain() -> [any Channel] { channels.withLock { Array($0.values) } }
}
