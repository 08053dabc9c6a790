internal import Encoding
internal import Platform
internal import Raft
internal import Replication
internal import Synchronization

/// This node's way to its peers: sends groups' messages, and says again and again which groups the
/// node leads. That word never waits for a disk; it falls silent only when the node's loop has made
/// no progress for `stallNanosMax`.
final class PeerLinks: Sendable {
    /// A loop that stands still for longer is taken for dead by its peers.
    private static let stallNanosMax: Int64 = 10_000_000_000

    private struct State {
        var transport: (any PeerTransport)?
        var claims: [UInt8] = []
        var reachable: Set<NodeID> = []
    }

    private let state = Mutex(State())
    private let lastRoundNanos = Atomic<Int64>(0)
    private let time: any TimeSource

    init(time: any TimeSource) { self.time = time }

    func attach(_ transport: any PeerTransport) { state.withLock { $0.transport = transport } }

    var transport: (any PeerTransport)? { state.withLock { $0.transport } }

    /// Peers with a connection.
    var reachable: Set<NodeID> { state.withLock { $0.reachable } }

    func setReachable(_ peer: NodeID, _ isReachable: Bool) {
        state.withLock { state in
            if isReachable { state.reachable.insert(peer) } else { state.reachable.remove(peer) }
        }
    }

    /// False when it can not leave.
    func send(_ message: GroupMessage) -> Bool {
        guard let transport else { return false }
        return transport.send(
            PeerFrame(kind: PeerFrameKind.raft.rawValue, parts: [message.head] + message.payloads),
            to: PeerID(message.to.number))
    }

    func send(_ frame: PeerFrame, to peer: NodeID) -> Bool {
        transport?.send(frame, to: PeerID(peer.number)) ?? false
    }

    /// What the node leads from now on.
    func publish(claims: [LeaderTerm]) {
        var writer = ByteWriter(reserving: claims.count * 12)
        for claim in claims {
            writer.u32(claim.group.number)
            writer.u64(claim.term)
        }
        state.withLock { $0.claims = writer.bytes }
    }

    /// What was published last.
    var currentClaims: [LeaderTerm] {
        let bytes = state.withLock { $0.claims }
        let frame = PeerFrame(kind: PeerFrameKind.claims.rawValue, parts: [bytes])
        return PeerLinks.readClaims(frame) ?? []
    }

    /// The loop has made a round.
    func noteRound() {
        lastRoundNanos.store(time.monotonicNanos(), ordering: .relaxed)
    }

    /// Says to all peers what this node leads. From a timer.
    func claim() {
        let stalled = time.monotonicNanos() - lastRoundNanos.load(ordering: .relaxed)
        guard stalled < PeerLinks.stallNanosMax else { return }
        let (transport, claims, reachable) = state.withLock {
            ($0.transport, $0.claims, $0.reachable)
        }
        guard let transport, !claims.isEmpty else { return }
        let frame = PeerFrame(kind: PeerFrameKind.claims.rawValue, parts: [claims])
        for peer in reachable.sorted() { transport.send(frame, to: PeerID(peer.number)) }
    }

    /// What a peer said with `claim`; nil for what no peer sends.
    static func readClaims(_ frame: PeerFrame) -> [LeaderTerm]? {
        guard frame.parts.count == 1, frame.parts[0].count.isMultiple(of: 12) else { return nil }
        var reader = ByteReader(frame.parts[0])
        var claims: [LeaderTerm] = []
        do {
            while !reader.isAtEnd {
                let group = GroupID(try reader.u32())
                claims.append(LeaderTerm(group: group, term: try reader.u64()))
            }
        } catch {
            return nil
        }
        return claims
    }
}
