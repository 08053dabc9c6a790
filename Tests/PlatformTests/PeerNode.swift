import NIOPosix
import Platform
import Simulator
import Testing

/// A node of a test on loopback: a transport, what its receiver heard, and what people were told.
final class PeerNode: PeerReceiver {
    enum Event: Hashable, Sendable {
        case connected(PeerID, featureLevel: UInt32)
        case disconnected(PeerID)
        case received(PeerFrame, from: PeerID)
        case asked(PeerFrame, name: String)
    }

    struct Seen {
        var events: [Event] = []
        var notices: [String] = []
    }

    static let cluster: UInt64 = 0xC1
    /// Long enough for a loaded machine; only a failure takes so long.
    static let patienceNanos: Int64 = 30_000_000_000

    let seen = Monitor(Seen())
    let telemetry = Telemetry()
    let time = ManualTime()
    private let link = Monitor<TCPPeerTransport?>(nil)

    var transport: TCPPeerTransport {
        get throws { try #require(link.withLock { $0 }) }
    }

    var endpoint: Endpoint { get throws { try transport.endpoint } }

    static func start(
        _ number: UInt64, cluster: UInt64 = cluster, security: PeerSecurity = .plain,
        on endpoint: Endpoint = .inet(host: "127.0.0.1", port: 0),
        _ change: (inout TCPPeerTransport.Options) -> Void = { _ in }
    ) async throws -> PeerNode {
        let node = PeerNode()
        var options = TCPPeerTransport.Options()
        change(&options)
        let seen = node.seen
        let transport = try await TCPPeerTransport.start(
            PeerHello(
                clusterID: cluster, node: PeerID(number), name: "n\(number)",
                featureLevel: UInt32(number * 10)),
            listen: endpoint, security: security, options: options, receiver: node,
            telemetry: node.telemetry, time: node.time, group: MultiThreadedEventLoopGroup.singleton
        ) { text in seen.update { $0.notices.append(text) } }
        node.link.update { $0 = transport }
        return node
    }

    /// Names all of `nodes` to each of them, by their numbers in order from 1.
    static func introduce(_ nodes: [PeerNode]) throws {
        var addresses: [PeerID: Endpoint] = [:]
        for (index, node) in nodes.enumerated() {
            addresses[PeerID(UInt64(index + 1))] = try node.endpoint
        }
        for node in nodes { try node.transport.setPeers(addresses) }
    }

    // MARK: Waiting

    /// Waits until that many of `event` were heard.
    func wait(for event: Event, count: Int = 1) throws {
        try wait("\(event)") { $0.events.count { $0 == event } >= count }
    }

    /// The first notice with all of `words`.
    func notice(_ words: String...) throws -> String {
        let found: String? = seen.wait(upToNanos: Self.patienceNanos) { seen in
            seen.notices.first { notice in words.allSatisfy { notice.contains($0) } }
        }
        return try #require(found, "no notice with \(words): \(seen.withLock { $0.notices })")
    }

    func wait(_ what: String, until isTrue: (Seen) -> Bool) throws {
        let done: Bool? = seen.wait(upToNanos: Self.patienceNanos) { isTrue($0) ? true : nil }
        try #require(done != nil, "waited in vain: \(what); \(seen.withLock { $0.notices })")
    }

    var frames: [PeerFrame] {
        seen.withLock { $0.events }.compactMap { event in
            guard case .received(let frame, _) = event else { return nil }
            return frame
        }
    }

    // MARK: PeerReceiver

    func received(_ frame: PeerFrame, from peer: PeerID) {
        seen.update { $0.events.append(.received(frame, from: peer)) }
    }

    func connected(_ peer: PeerID, featureLevel: UInt32) {
        seen.update { $0.events.append(.connected(peer, featureLevel: featureLevel)) }
    }

    func disconnected(_ peer: PeerID) { seen.update { $0.events.append(.disconnected(peer)) } }

    func guest(_ frame: PeerFrame, name: String, reply: @escaping @Sendable (PeerFrame) -> Void) {
        seen.update { $0.events.append(.asked(frame, name: name)) }
        reply(PeerFrame(kind: frame.kind, parts: frame.parts + [Array(name.utf8)]))
    }
}
