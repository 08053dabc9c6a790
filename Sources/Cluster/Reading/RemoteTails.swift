internal import Model
internal import Platform
internal import Raft
internal import Synchronization

/// Follows on other nodes what followers here want of shards without a replica here: one call per
/// tenant and node, made again when it ends. Lines that were written between two calls do not come
/// this way: followers are told, and it is said and counted. Its calls do not wait.
final class RemoteTails: Sendable {
    private struct Key: Hashable {
        let tenant: Tenant
        let node: NodeID
    }

    private struct Call {
        let serial: UInt64
        let shards: [Int]
        /// Of the peer call; nil while it is being made.
        var number: UInt64?
        /// Parts that came meanwhile.
        var owedParts: UInt32 = 0
    }

    private struct Avoided: Hashable {
        let shard: Int
        let node: NodeID
    }

    private struct State {
        var calls: [Key: Call] = [:]
        var nextSerial: UInt64 = 0
        /// Calls that others replace, and until when they are kept, so that the others have begun.
        var replaced: [(number: UInt64, untilNanos: Int64)] = []
        /// Nodes that did not give a shard's lines, and until when others are preferred.
        var avoided: [Avoided: Int64] = [:]
        var isStopped = false
    }

    private static let avoidNanos: Int64 = 1_000_000_000
    /// The same for a node that has no replica, which does not change soon.
    private static let absentNanos: Int64 = 30_000_000_000
    private static let replaceNanos: Int64 = 1_000_000_000

    private let state = Mutex(State())
    private let hub: FollowHub
    private let calls: PeerCalls
    private let time: any TimeSource
    private let view: @Sendable () -> ReadPlan.View
    private let note: @Sendable (String) -> Void
    private let gaps: Counter

    init(
        hub: FollowHub, calls: PeerCalls, time: any TimeSource,
        view: @escaping @Sendable () -> ReadPlan.View,
        note: @escaping @Sendable (String) -> Void, telemetry: Telemetry
    ) {
        self.hub = hub
        self.calls = calls
        self.time = time
        self.view = view
        self.note = note
        gaps = telemetry.counter(
            "varve_follow_gaps_total",
            help: "Times that a live tail of another node's shards was interrupted.")
        hub.whenChanged { [weak self] in self?.tick() }
    }

    /// Time has gone on, or somebody follows or does not any more.
    func tick() {
        let tenants = hub.tenants
        let hasCalls = state.withLock { !$0.calls.isEmpty || !$0.replaced.isEmpty }
        guard !tenants.isEmpty || hasCalls else { return }
        let wanted = plan(tenants)
        let now = time.monotonicNanos()
        let (begun, ended) = state.withLock { state -> ([(Key, Call)], [UInt64]) in
            guard !state.isStopped else { return ([], []) }
            var begun: [(Key, Call)] = []
            for (key, call) in state.calls where wanted[key] != call.shards {
                let until = tenants.contains(key.tenant) ? now + RemoteTails.replaceNanos : now
                if let number = call.number { state.replaced.append((number, until)) }
                state.calls[key] = nil
            }
            let ended = state.replaced.filter { $0.untilNanos <= now }.map(\.number)
            state.replaced.removeAll { $0.untilNanos <= now }
            for (key, shards) in wanted where state.calls[key] == nil {
                state.nextSerial += 1
                let call = Call(serial: state.nextSerial, shards: shards)
                state.calls[key] = call
                begun.append((key, call))
            }
            return (begun, ended)
        }
        for (key, call) in begun.sorted(by: { $0.1.serial < $1.1.serial }) { begin(key, call) }
        for number in ended { calls.cancel(number) }
    }

    func stop() {
        let open = state.withLock { state in
            state.isStopped = true
            defer { (state.calls, state.replaced) = ([:], []) }
            return state.calls.values.compactMap(\.number) + state.replaced.map(\.number)
        }
        for number in open { calls.cancel(number) }
    }

    /// Shards by tenant and node.
    private func plan(_ tenants: Set<Tenant>) -> [Key: [Int]] {
        guard !tenants.isEmpty else { return [:] }
        let view = view()
        let now = time.monotonicNanos()
        let avoided = state.withLock { state in
            state.avoided = state.avoided.filter { $0.value > now }
            return Set(state.avoided.keys)
        }
        var shards: [NodeID: [Int]] = [:]
        for shard in 0..<view.shardCount where !view.taking.contains(shard) {
            let except = Set(avoided.filter { $0.shard == shard }.map(\.node))
            if let node = ReadPlan.holder(of: shard, view, except: except) {
                shards[node, default: []].append(shard)
            }
        }
        var wanted: [Key: [Int]] = [:]
        for tenant in tenants {
            for (node, shards) in shards { wanted[Key(tenant: tenant, node: node)] = shards }
        }
        return wanted
    }

    private func begin(_ key: Key, _ call: Call) {
        let question = ReadQuestion(
            tenant: key.tenant, shards: call.shards, subject: .follow)
        let number = calls.call(
            key.node, .read, [question.encoded()], timeoutNanos: .max / 2
        ) { [self] event in
            received(event, key, call)
        }
        let owed = state.withLock { state -> UInt32? in
            guard state.calls[key]?.serial == call.serial else { return nil }
            state.calls[key]?.number = number
            return state.calls[key]?.owedParts
        }
        guard let owed else { return calls.cancel(number) }
        if owed > 0 { calls.grant(number, parts: owed) }
    }

    private func received(_ event: PeerCalls.Event, _ key: Key, _ call: Call) {
        switch event {
        case .part(let parts):
            let number = state.withLock { state -> UInt64? in
                guard state.calls[key]?.serial == call.serial else { return nil }
                if state.calls[key]?.number == nil { state.calls[key]?.owedParts += 1 }
                return state.calls[key]?.number
            }
            if let number { calls.grant(number, parts: 1) }
            do {
                let part = try ReadPart(decoding: parts.first ?? [], tenant: key.tenant)
                switch part.content {
                case .entry(let entry): hub.relay(entry)
                case .opening(let unread):
                    avoid(unread.map(\.shard), key.node, RemoteTails.absentNanos)
                default: break
                }
            } catch {
                if let number { calls.cancel(number) }
                end(key, call, "its lines make no sense: \(error)")
            }
        case .done: end(key, call, "it sends no more")
        case .failed(.refused(let code, let detail)):
            let refusal = ReadRefusal(code: code, detail: detail)
            if case .gap(let since) = refusal {
                end(key, call, refusal.sentence, sinceNanos: since)
            } else {
                end(key, call, refusal.sentence)
            }
        case .failed(let error): end(key, call, error.sentence)
        }
    }

    private func avoid(_ shards: [Int], _ node: NodeID, _ nanos: Int64) {
        let until = time.monotonicNanos() + nanos
        state.withLock { state in
            for shard in shards { state.avoided[Avoided(shard: shard, node: node)] = until }
        }
    }

    /// The next tick makes another. `sinceNanos`: from when on lines may lack; nil: about now.
    private func end(
        _ key: Key, _ call: Call, _ reason: String, sinceNanos: Int64? = nil
    ) {
        let isCurrent = state.withLock { state in
            guard state.calls[key]?.serial == call.serial else { return false }
            state.calls[key] = nil
            return true
        }
        avoid(call.shards, key.node, RemoteTails.avoidNanos)
        guard isCurrent else { return }
        gaps.add()
        let shards = call.shards.map(String.init).joined(separator: ", ")
        note(
            "live tails may lack lines of shards \(shards) that \(key.node) was to send: "
                + reason)
        hub.gap(sinceNanos: sinceNanos ?? time.wallNanos(), tenants: [key.tenant])
    }
}
