internal import Encoding
internal import Platform
internal import Raft
internal import Synchronization

/// What frames between nodes are for. Layouts in docs/format/peer-messages.md.
enum PeerFrameKind: UInt8 {
    /// A group's message: head, payloads.
    case raft = 1
    /// The groups that the sender leads, and in which terms.
    case claims = 2
    /// A question: head (call u64, method u8), body.
    case call = 3
    /// An answer, or a part of one: head (call u64, status u8), body.
    case answer = 4
    /// From who asked: head (call u64, what u8): more may come, or no more is wanted.
    case control = 5
}

/// What a node asks another.
enum PeerMethod: UInt8, Sendable {
    /// Take a payload into a group's log.
    case propose = 1
    /// Make a newcomer a member.
    case join = 2
    /// What is your newest image of a group?
    case image = 3
    /// Bytes of one of its files.
    case fileRange = 4
    /// How do your replicas stand?
    case report = 5
    /// Something of a query: see RemoteReading.swift.
    case read = 6
    /// Seal and compact what you lead.
    case flush = 7
    /// Seal these groups, whose entries keep my journal long: see SealRequests.swift.
    case seal = 8
    /// Who are the members? Of a node to which the cluster's state has not come yet.
    case peers = 9
}

/// Why a call has no answer.
enum PeerCallError: Error, Sendable, Equatable {
    /// It may or may not have got there.
    case unreachable
    case timedOut
    /// The other side's no: `code` as the method says.
    case refused(code: UInt8, detail: [UInt8])

    /// For a person.
    var sentence: String {
        switch self {
        case .unreachable: "it cannot be reached"
        case .timedOut: "it did not answer in time"
        case .refused(_, let detail): String(decoding: detail, as: UTF8.self)
        }
    }
}

/// Questions to other nodes, and which of them are open.
final class PeerCalls: Sendable {
    typealias Parts = [[UInt8]]

    /// What comes back; the last is `done` or `failed`.
    enum Event: Sendable {
        case part(Parts)
        case done(Parts)
        case failed(PeerCallError)
    }

    private struct Call {
        let peer: NodeID
        let method: PeerMethod
        let askedNanos: Int64
        let dueNanos: Int64
        let onEvent: @Sendable (Event) -> Void
    }

    private struct State {
        var nextNumber: UInt64
        var calls: [UInt64: Call] = [:]
    }

    private let state: Mutex<State>
    private let time: any TimeSource
    private let send: @Sendable (PeerFrame, NodeID) -> Bool
    private let onRoundTrip: @Sendable (NodeID, Int64) -> Void

    /// `send`: false when the frame can not leave. `onRoundTrip`: told how long, in ns, a peer and
    /// the way to it took for an answer that waits for no disk.
    init(
        time: any TimeSource, random: any RandomSource,
        onRoundTrip: @escaping @Sendable (NodeID, Int64) -> Void = { _, _ in },
        send: @escaping @Sendable (PeerFrame, NodeID) -> Bool
    ) {
        self.time = time
        self.send = send
        self.onRoundTrip = onRoundTrip
        // So that an answer to what this node asked before a restart fits no question.
        state = Mutex(State(nextNumber: random.next() >> 1))
    }

    /// Asks; `onEvent` is called on a transport thread, or here when the call can not leave. The
    /// number of the call is for `control`.
    @discardableResult
    func call(
        _ peer: NodeID, _ method: PeerMethod, _ body: Parts, timeoutNanos: Int64,
        onEvent: @escaping @Sendable (Event) -> Void
    ) -> UInt64 {
        let now = time.monotonicNanos()
        let number = state.withLock { state in
            state.nextNumber += 1
            state.calls[state.nextNumber] = Call(
                peer: peer, method: method, askedNanos: now, dueNanos: now + timeoutNanos,
                onEvent: onEvent)
            return state.nextNumber
        }
        var head = ByteWriter(reserving: 16)
        head.u64(number)
        head.u8(method.rawValue)
        let frame = PeerFrame(kind: PeerFrameKind.call.rawValue, parts: [head.bytes] + body)
        if !send(frame, peer) { finish(number, .failed(.unreachable)) }
        return number
    }

    /// One answer, whole.
    func ask(
        _ peer: NodeID, _ method: PeerMethod, _ body: Parts, timeoutNanos: Int64,
        _ completion: @escaping @Sendable (Result<Parts, PeerCallError>) -> Void
    ) {
        call(peer, method, body, timeoutNanos: timeoutNanos) { event in
            switch event {
            case .part: break
            case .done(let parts): completion(.success(parts))
            case .failed(let error): completion(.failure(error))
            }
        }
    }

    /// Tells who answers that so many more parts may come.
    func grant(_ number: UInt64, parts: UInt32) { control(number, parts) }

    /// No more is wanted; no event comes after.
    func cancel(_ number: UInt64) {
        control(number, 0)
        state.withLock { $0.calls[number] = nil }
    }

    private func control(_ number: UInt64, _ parts: UInt32) {
        guard let peer = state.withLock({ $0.calls[number]?.peer }) else { return }
        var head = ByteWriter(reserving: 16)
        head.u64(number)
        head.u32(parts)
        _ = send(PeerFrame(kind: PeerFrameKind.control.rawValue, parts: [head.bytes]), peer)
    }

    /// An answer frame of `peer`.
    func received(_ frame: PeerFrame, from peer: NodeID) {
        guard let first = frame.parts.first else { return }
        var head = ByteReader(first)
        let number: UInt64
        let status: AnswerStatus?
        do {
            number = try head.u64()
            status = AnswerStatus(rawValue: try head.u8())
        } catch {
            return
        }
        let body = Array(frame.parts.dropFirst())
        guard let status, let call = state.withLock({ $0.calls[number] }), call.peer == peer
        else { return }
        if call.method == .report { onRoundTrip(peer, time.monotonicNanos() - call.askedNanos) }
        switch status {
        case .part: state.withLock { $0.calls[number]?.onEvent }?(.part(body))
        case .done: finish(number, .done(body))
        case .refused:
            let detail = body.first ?? []
            finish(
                number,
                .failed(
                    .refused(code: detail.first ?? 0, detail: Array(detail.dropFirst()))))
        }
    }

    /// The connection ended: what was asked there has no answer.
    func disconnected(_ peer: NodeID) {
        let open = state.withLock { state in
            state.calls.filter { $0.value.peer == peer }.keys.sorted()
        }
        for number in open { finish(number, .failed(.unreachable)) }
    }

    /// Time has gone on.
    func tick() {
        let now = time.monotonicNanos()
        let late = state.withLock { state in
            state.calls.filter { $0.value.dueNanos < now }.keys.sorted()
        }
        for number in late { finish(number, .failed(.timedOut)) }
    }

    private func finish(_ number: UInt64, _ event: Event) {
        state.withLock { $0.calls.removeValue(forKey: number) }?.onEvent(event)
    }
}

enum AnswerStatus: UInt8 {
    case part = 0
    case done = 1
    case refused = 2
}

/// A question of another node that waits for its answer, here.
final class PeerQuestion: Sendable {
    let peer: NodeID
    let method: PeerMethod
    let body: [[UInt8]]
    private let number: UInt64
    private let transport: any PeerTransport
    /// Parts that may still be sent; nil when no more is wanted.
    private let credit: Monitor<Int?>

    /// Parts on their way that who asked has not taken yet.
    static let partsMax = 16
    private static let sendNanosMax: Int64 = 30_000_000_000

    init(
        peer: NodeID, method: PeerMethod, body: [[UInt8]], number: UInt64,
        transport: any PeerTransport
    ) {
        self.peer = peer
        self.method = method
        self.body = body
        self.number = number
        self.transport = transport
        credit = Monitor(PeerQuestion.partsMax)
    }

    /// The last word.
    func answer(_ parts: [[UInt8]]) {
        _ = transport.send(frame(.done, parts), to: PeerID(peer.number))
    }

    /// The last word: no. `code` as the method says.
    func refuse(code: UInt8, _ detail: [UInt8]) {
        _ = transport.send(frame(.refused, [[code] + detail]), to: PeerID(peer.number))
    }

    func refuse(code: UInt8, _ sentence: String) { refuse(code: code, Array(sentence.utf8)) }

    /// Sends a part and waits until another may follow; false when no more is wanted, or can not
    /// get there. Only from threads that may wait.
    func part(_ parts: [[UInt8]]) -> Bool {
        let mayGoOn = credit.wait(upToNanos: PeerQuestion.sendNanosMax) { credit -> Bool? in
            guard let left = credit else { return false }
            guard left > 0 else { return nil }
            credit = left - 1
            return true
        }
        guard mayGoOn == true else { return false }
        return transport.sendWaiting(
            frame(.part, parts), to: PeerID(peer.number), upToNanos: PeerQuestion.sendNanosMax)
    }

    /// Who asked has no more use for it.
    var isCancelled: Bool { credit.withLock { $0 == nil } }

    /// A control frame: so many more parts, 0 for no more at all.
    func controlled(_ parts: UInt32) {
        credit.update { credit in
            credit = parts == 0 ? nil : credit.map { $0 + Int(parts) }
        }
    }

    private func frame(_ status: AnswerStatus, _ parts: [[UInt8]]) -> PeerFrame {
        var head = ByteWriter(reserving: 16)
        head.u64(number)
        head.u8(status.rawValue)
        return PeerFrame(kind: PeerFrameKind.answer.rawValue, parts: [head.bytes] + parts)
    }
}
