internal import Encoding
internal import Platform
internal import Raft
internal import Replication
internal import Synchronization

/// This node's way to its peers: sends groups' messages, and says again and again which groups the
/// node leads and how quick it is. That word never waits for a disk; it falls silent only when the
/// node's loop has made no progress for `stallNanosMax`.
final class PeerLinks: Sendable {
    /// A loop that stands still for longer is taken for dead by its peers.
    private static let stallNanosMax: Int64 = 10_000_000_000

    private struct State {
        var transport: (any PeerTransport)?
        var claims: [UInt8] = []
        /// Of `claims`: another one after each change, and after a restart.
        var claimsNumber: UInt64
        /// Times that claims were said.
        var claimCount = 0
        /// Peers that have the list of this number.
        var informed: [NodeID: UInt64] = [:]
        var reachable: Set<NodeID> = []
    }

    /// The whole list is said once in so many times, should it be lost: otherwise that it still holds.
    private static let claimsPerList = 3

    private let state: Mutex<State>
    private let lastRoundNanos = Atomic<Int64>(0)
    private let time: any TimeSource
    /// How quick this node and its peers are.
    let paces: PaceBoard

    init(time: any TimeSource, paces: PaceBoard) {
        self.time = time
        self.paces = paces
        state = Mutex(State(claimsNumber: UInt64(max(time.monotonicNanos(), 0))))
    }

    func attach(_ transport: any PeerTransport) { state.withLock { $0.transport = transport } }

    var transport: (any PeerTransport)? { state.withLock { $0.transport } }

    /// Peers with a connection.
    var reachable: Set<NodeID> { state.withLock { $0.reachable } }

    func setReachable(_ peer: NodeID, _ isReachable: Bool) {
        state.withLock { state in
            if isReachable { state.reachable.insert(peer) } else { state.reachable.remove(peer) }
            state.informed[peer] = nil
        }
    }

    /// A frame takes messages for a peer until it has so many bytes.
    private static let frameBytes = 64 << 10

    /// Sends what is for one peer in as few frames as that takes, in order. Returns the messages
    /// that can not leave.
    func send(_ messages: [GroupMessage]) -> [GroupMessage] {
        guard let transport else { return messages }
        var unsent: [GroupMessage] = []
        var frames: [NodeID: MessageFrame] = [:]
        func leave(_ frame: MessageFrame, to peer: NodeID) {
            let sent = transport.send(
                PeerFrame(kind: PeerFrameKind.raft.rawValue, parts: frame.parts),
                to: PeerID(peer.number))
            if !sent { unsent += frame.messages }
        }
        for message in messages {
            var frame = frames.removeValue(forKey: message.to) ?? MessageFrame()
            if !frame.hasRoom(for: message) {
                leave(frame, to: message.to)
                frame = MessageFrame()
            }
            frame.add(message)
            if frame.byteCount < PeerLinks.frameBytes {
                frames[message.to] = frame
            } else {
                leave(frame, to: message.to)
            }
        }
        for (peer, frame) in frames.sorted(by: { $0.key < $1.key }) { leave(frame, to: peer) }
        return unsent
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
        state.withLock { state in
            guard state.claims != writer.bytes else { return }
            state.claims = writer.bytes
            state.claimsNumber += 1
        }
    }

    /// What was published last.
    var currentClaims: [LeaderTerm] {
        let (number, bytes) = state.withLock { ($0.claimsNumber, $0.claims) }
        return PeerLinks.readClaims(PeerLinks.frame(number, bytes, NodePace()))?.terms ?? []
    }

    /// `list`: nil to stand by what was said before.
    private static func frame(
        _ number: UInt64, _ list: [UInt8]?, _ pace: NodePace
    ) -> PeerFrame {
        var head = ByteWriter(reserving: 8 + NodePace.wireBytes)
        head.u64(number)
        pace.write(to: &head)
        return PeerFrame(
            kind: PeerFrameKind.claims.rawValue, parts: [head.bytes] + (list.map { [$0] } ?? []))
    }

    /// The loop has made a round.
    func noteRound() {
        lastRoundNanos.store(time.monotonicNanos(), ordering: .relaxed)
    }

    /// Says to all peers what this node leads, if anything, and how quick it is. From a timer.
    func claim() {
        let stalled = time.monotonicNanos() - lastRoundNanos.load(ordering: .relaxed)
        guard stalled < PeerLinks.stallNanosMax else { return }
        let said = state.withLock { state in
            state.claimCount += 1
            if state.claimCount.isMultiple(of: PeerLinks.claimsPerList) { state.informed = [:] }
            return state
        }
        guard let transport = said.transport else { return }
        let pace = paces.own
        let list = PeerLinks.frame(said.claimsNumber, said.claims, pace)
        let again = PeerLinks.frame(said.claimsNumber, nil, pace)
        for peer in said.reachable.sorted() {
            let isInformed = said.informed[peer] == said.claimsNumber
            let isSent = transport.send(isInformed ? again : list, to: PeerID(peer.number))
            if isSent, !isInformed {
                state.withLock { $0.informed[peer] = said.claimsNumber }
            }
        }
    }

    /// What a peer said with `claim`; nil for what no peer sends.
    static func readClaims(_ frame: PeerFrame) -> PeerClaims? {
        guard (1...2).contains(frame.parts.count),
            frame.parts[0].count == 8 + NodePace.wireBytes
        else { return nil }
        var head = ByteReader(frame.parts[0])
        do {
            let number = try head.u64()
            guard let pace = try NodePace(&head) else { return nil }
            guard frame.parts.count == 2 else { return PeerClaims(number: number, pace: pace) }
            guard frame.parts[1].count.isMultiple(of: 12) else { return nil }
            var reader = ByteReader(frame.parts[1])
            var terms: [LeaderTerm] = []
            while !reader.isAtEnd {
                let group = GroupID(try reader.u32())
                terms.append(LeaderTerm(group: group, term: try reader.u64()))
            }
            return PeerClaims(number: number, pace: pace, terms: terms)
        } catch {
            return nil
        }
    }
}

/// Messages of groups for one peer that leave together.
private struct MessageFrame {
    private(set) var messages: [GroupMessage] = []
    private(set) var parts: [[UInt8]] = []
    private(set) var byteCount = 0

    /// One always has room in an empty frame.
    func hasRoom(for message: GroupMessage) -> Bool {
        parts.isEmpty || parts.count + 1 + message.payloads.count <= PeerFrame.partCountMax
    }

    mutating func add(_ message: GroupMessage) {
        messages.append(message)
        parts.append(message.head)
        parts += message.payloads
        byteCount += message.head.count + message.payloads.reduce(0) { $0 + $1.count }
    }
}

/// What a peer says of the groups that it leads, and of itself.
struct PeerClaims: Sendable {
    /// Of the list.
    var number: UInt64
    var pace: NodePace
    /// Nil: the list is the one that was said with this number before.
    var terms: [LeaderTerm]?
}
