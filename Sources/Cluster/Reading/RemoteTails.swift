internal import Model
internal import Platform
internal import Raft
internal import Synchronization

/// Follows on other nodes what followers here want of shards without a replica here: one call per
/// tenant and node, made again when it ends. Lines that were written between two calls do not come
/// this way: followers are told when the second has begun, and it is said and counted. Its calls do
/// not wait.
final class RemoteTails: Sendable {
    private struct Avoided: Hashable {
        let shard: Int
        let node: NodeID
    }

    private struct State {
        var calls = TailCalls()
        /// Nodes that did not give a shard's lines, since when, and until when others are preferred.
        var avoided: [Avoided: (since: Int64, until: Int64)] = [:]
        var isStopped = false
    }

    private static let avoidNanos: Int64 = 1_000_000_000
    /// The same for a node that has no replica, or none that is fresh, which may not change soon.
    private static let unreadNanos: Int64 = 30_000_000_000

    /// And when it is asked again although, if there is no other.
    private static let againNanos: Int64 = 2_000_000_000

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
            help: "Times that live tails of a tenant were told that they lack lines of another "
                + "node's shards.")
        hub.whenChanged { [weak self] in self?.tick() }
    }

    /// Time has gone on, or somebody follows or does not any more.
    func tick() {
        let hasCalls = state.withLock { !$0.calls.isEmpty }
        guard hasCalls || !hub.tenants.isEmpty else { return }
        let view = view()
        let (now, wall) = (time.monotonicNanos(), time.wallNanos())
        let changes = state.withLock { state -> TailCalls.Changes in
            guard !state.isStopped else {
                // Nobody gives anything any more, and nobody is to wait for it.
                hub.isGiven(hub.tenants)
                return TailCalls.Changes()
            }
            // Asked for here, so that who begins to follow is not taken for one that is given all.
            let plan = RemoteTails.plan(hub.tenants, view, &state, now)
            let changes = state.calls.follow(plan, nowNanos: now, wallNanos: wall)
            hub.isGiven(state.calls.whole)
            return changes
        }
        for call in changes.begun { begin(call) }
        for number in changes.cancelled { calls.cancel(number) }
        for (tenant, since) in changes.gaps { tell(tenant, sinceNanos: since) }
    }

    func stop() {
        let open = state.withLock { state in
            state.isStopped = true
            defer { state.calls = TailCalls() }
            return state.calls.numbers
        }
        for number in open { calls.cancel(number) }
        hub.isGiven(hub.tenants)
    }

    private static func plan(
        _ tenants: Set<Tenant>, _ view: ReadPlan.View, _ state: inout State, _ now: Int64
    ) -> TailCalls.Plan {
        guard !tenants.isEmpty else { return TailCalls.Plan() }
        state.avoided = state.avoided.filter { $0.value.until > now }
        let avoided = state.avoided
        var plan = TailCalls.Plan(tenants: tenants)
        for shard in 0..<view.shardCount where !view.taking.contains(shard) {
            plan.shards.insert(shard)
            let passed = avoided.filter { $0.key.shard == shard }
            // Where nobody else is left, those are asked again that were a while ago.
            let lately = passed.filter { now - $0.value.since < againNanos }
            let node =
                ReadPlan.holder(of: shard, view, except: Set(passed.keys.map(\.node)))
                ?? ReadPlan.holder(of: shard, view, except: Set(lately.keys.map(\.node)))
            if let node { plan.byNode[node, default: []].append(shard) }
        }
        return plan
    }

    private func begin(_ call: TailCalls.Call) {
        let question = ReadQuestion(
            tenant: call.key.tenant, shards: call.shards, subject: .follow)
        let number = calls.call(
            call.key.node, .read, [question.encoded()], timeoutNanos: .max / 2
        ) { [self] event in
            received(event, call)
        }
        let owed = state.withLock { $0.calls.made(call.serial, number: number) }
        guard let owed else { return calls.cancel(number) }
        if owed > 0 { calls.grant(number, parts: owed) }
    }

    private func received(_ event: PeerCalls.Event, _ call: TailCalls.Call) {
        switch event {
        case .part(let parts):
            let number = state.withLock { $0.calls.came(call.serial) }
            if let number { calls.grant(number, parts: 1) }
            do {
                let part = try ReadPart(decoding: parts.first ?? [], tenant: call.key.tenant)
                switch part.content {
                case .entry(let entry): hub.relay(entry)
                case .opening(let unread): opened(call, without: Set(unread.map(\.shard)))
                default: break
                }
            } catch {
                if let number { calls.cancel(number) }
                end(call, "its lines make no sense: \(error)")
            }
        case .done: end(call, "it sends no more")
        case .failed(.refused(let code, let detail)):
            let refusal = ReadRefusal(code: code, detail: detail)
            if case .gap(let since) = refusal {
                end(call, refusal.sentence, sinceNanos: since)
            } else {
                end(call, refusal.sentence)
            }
        case .failed(let error): end(call, error.sentence)
        }
    }

    private func opened(_ call: TailCalls.Call, without unread: Set<Int>) {
        let now = time.monotonicNanos()
        let tell = state.withLock { state -> (() -> Void)? in
            RemoteTails.avoid(unread, call.key.node, now, RemoteTails.unreadNanos, &state)
            let since = state.calls.opened(call.serial, without: unread)
            // Who is not ready yet reads afterwards, and need not be told.
            let tell = since.flatMap {
                hub.gapToTell(sinceNanos: $0, tenants: [call.key.tenant])
            }
            hub.isGiven(state.calls.whole)
            return tell
        }
        guard let tell else { return }
        gaps.add()
        tell()
    }

    private func tell(_ tenant: Tenant, sinceNanos: Int64) {
        guard let tell = hub.gapToTell(sinceNanos: sinceNanos, tenants: [tenant]) else { return }
        gaps.add()
        tell()
    }

    private static func avoid(
        _ shards: Set<Int>, _ node: NodeID, _ now: Int64, _ nanos: Int64, _ state: inout State
    ) {
        for shard in shards {
            state.avoided[Avoided(shard: shard, node: node)] = (now, now + nanos)
        }
    }

    /// The next tick makes another. `sinceNanos`: from when on lines may lack; nil: about now.
    private func end(_ call: TailCalls.Call, _ reason: String, sinceNanos: Int64? = nil) {
        let now = time.monotonicNanos()
        let since = sinceNanos ?? time.wallNanos()
        let (isFollowed, gap) = state.withLock { state in
            // A node that says since when it lacks lines can give the next ones.
            if sinceNanos == nil {
                RemoteTails.avoid(
                    Set(call.shards), call.key.node, now, RemoteTails.avoidNanos, &state)
            }
            return state.calls.ended(call.serial, sinceNanos: since)
        }
        guard isFollowed else { return }
        let shards = call.shards.map(String.init).joined(separator: ", ")
        note(
            "live tails may lack lines of shards \(shards) that \(call.key.node) was to send: "
                + reason)
        if let gap { tell(call.key.tenant, sinceNanos: gap) }
    }
}
