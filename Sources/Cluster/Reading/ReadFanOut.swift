internal import Model
internal import Platform
internal import Raft

/// The questions of one query to other nodes, and their answers. Used by the query's thread, which
/// waits here; what comes in is bounded by the credit of each call.
///
/// A node that fails before it has sent data is replaced by the next that holds its shards; one
/// that fails after it is named, and so is a shard that nobody is left to be asked for.
struct ReadFanOut: ~Copyable {
    /// What it needs of the node.
    struct Surroundings: Sendable {
        let calls: PeerCalls
        let view: ReadPlan.View
        let budget: QueryBudget
    }

    private struct Call {
        let node: NodeID
        /// Those that the node reads.
        var shards: [Int]
        let number: UInt64
        var hasData = false
        var isOver = false
        /// What the node made of its series or lines so far: it counts when the call ends well.
        var reduced: [[UInt8]] = []
    }

    private let world: Surroundings
    private let question: ReadQuestion
    private let inbox = ReadInbox()
    private var calls: [Call] = []
    /// Who was asked for a shard and did not read it.
    private var tried: [Int: Set<NodeID>] = [:]
    private var reasons: [Int: String] = [:]
    /// Of calls that ended well, to be handed on.
    private var ready: [(call: Int, part: [UInt8])] = []
    /// What other nodes could not read.
    private(set) var completeness = Completeness()

    /// Asks at once. `question`: its shards and rest are filled in.
    init(_ question: ReadQuestion, _ plan: ReadPlan, _ world: Surroundings) {
        self.question = question
        self.world = world
        for node in plan.remote.keys.sorted() { ask(node, plan.remote[node] ?? []) }
        for shard in plan.orphans { miss(shard) }
    }

    deinit {
        for call in calls where !call.isOver { world.calls.cancel(call.number) }
    }

    /// How many calls were made so far; more may follow when one fails.
    var callCount: Int { calls.count }

    func isOver(_ call: Int) -> Bool { calls[call].isOver }

    func node(of call: Int) -> NodeID { calls[call].node }

    /// The next content of any call, with its number; nil when all are over. Waits. Throws
    /// `QueryLimitError`.
    mutating func next() throws -> (call: Int, content: ReadPart.Content)? {
        while true {
            if let (call, part) = ready.popLast() { return (call, .reduced(part)) }
            guard calls.contains(where: { !$0.isOver }) else { return nil }
            let open = calls.indices.filter { !calls[$0].isOver }
            let (call, event) = try wait(for: open)
            if let content = try take(event, of: call) { return (call, content) }
        }
    }

    /// The next content of one call; nil when it is over. Waits. Throws `QueryLimitError`.
    mutating func next(of call: Int) throws -> ReadPart.Content? {
        while !calls[call].isOver {
            let (_, event) = try wait(for: [call])
            if let content = try take(event, of: call) { return content }
        }
        return nil
    }

    private func wait(for open: [Int]) throws -> (Int, PeerCalls.Event) {
        while true {
            try world.budget.check()
            if let event = inbox.next(of: open, upToNanos: ReadLimits.waitNanos) { return event }
        }
    }

    // MARK: - Asking

    private mutating func ask(_ node: NodeID, _ shards: [Int]) {
        var asked = question
        asked.shards = shards.sorted()
        asked.rest = QueryRest(
            of: world.budget, millis: UInt32(ReadLimits.callNanosMax / 1_000_000))
        let place = calls.count
        let body = asked.encoded()
        guard body.count <= ReadQuestion.byteCountMax else {
            for shard in shards { tell(shard, node, "the question is too long to be asked") }
            return
        }
        for shard in shards { tried[shard, default: []].insert(node) }
        let number = world.calls.call(
            node, .read, [body], timeoutNanos: ReadLimits.callNanosMax
        ) { [inbox] event in
            inbox.add(event, of: place)
        }
        calls.append(Call(node: node, shards: asked.shards, number: number))
    }

    /// Asks others for shards that `node` did not read.
    private mutating func askOthers(_ shards: [Int], insteadOf node: NodeID, _ reason: String) {
        var next: [NodeID: [Int]] = [:]
        for shard in shards {
            reasons[shard] = "\(name(node)): \(reason)"
            let holder = ReadPlan.holder(of: shard, world.view, except: tried[shard] ?? [])
            if let holder {
                next[holder, default: []].append(shard)
            } else {
                miss(shard)
            }
        }
        for node in next.keys.sorted() { ask(node, next[node] ?? []) }
    }

    private mutating func miss(_ shard: Int) {
        let reason = reasons[shard].map { "; \($0)" } ?? ""
        completeness.merge(
            Completeness(missing: ["shard \(shard): no node that holds it answers\(reason)"]))
    }

    private mutating func tell(_ shard: Int, _ node: NodeID, _ reason: String) {
        completeness.merge(
            Completeness(missing: ["shard \(shard) on \(name(node)): \(reason)"]))
    }

    private func name(_ node: NodeID) -> String {
        world.view.cluster.members[node].map { "node \($0.name)" } ?? "\(node)"
    }

    // MARK: - Answers

    /// The content when it is for the query.
    private mutating func take(
        _ event: PeerCalls.Event, of call: Int
    ) throws -> ReadPart.Content? {
        switch event {
        case .part(let parts):
            world.calls.grant(calls[call].number, parts: 1)
            let part: ReadPart
            do {
                part = try ReadPart(decoding: parts.first ?? [], tenant: question.tenant)
            } catch {
                giveUp(call, "its answer makes no sense: \(error)")
                return nil
            }
            try part.charges.charge(world.budget)
            if case .opening(let unread) = part.content {
                open(call, unread)
                return nil
            }
            if case .reduced(let bytes) = part.content {
                calls[call].reduced.append(bytes)
                return nil
            }
            calls[call].hasData = true
            return part.content
        case .done(let parts):
            do {
                let end = try ReadEnd(decoding: parts.first ?? [])
                calls[call].isOver = true
                try end.charges.charge(world.budget)
                ready += calls[call].reduced.map { (call, $0) }
                calls[call].reduced = []
                let name = name(calls[call].node)
                completeness.merge(
                    Completeness(missing: end.completeness.missing.map { "\(name): \($0)" }))
            } catch let error as QueryLimitError {
                throw error
            } catch {
                giveUp(call, "its answer makes no sense: \(error)")
            }
        case .failed(.refused(let code, let detail)):
            let refusal = ReadRefusal(code: code, detail: detail)
            calls[call].isOver = true
            if let error = refusal.ending(world.budget.limits) { throw error }
            fail(call, refusal.sentence)
        case .failed(let error):
            calls[call].isOver = true
            fail(call, error.sentence)
        }
        return nil
    }

    private mutating func open(_ call: Int, _ unread: [UnreadShard]) {
        for shard in unread where calls[call].shards.contains(shard.shard) {
            calls[call].shards.removeAll { $0 == shard.shard }
            askOthers([shard.shard], insteadOf: calls[call].node, shard.reason)
        }
    }

    /// Ends a call that makes no sense: what its answer was is of no more interest.
    mutating func giveUp(_ call: Int, _ reason: String) {
        world.calls.cancel(calls[call].number)
        calls[call].isOver = true
        fail(call, reason)
    }

    private mutating func fail(_ call: Int, _ reason: String) {
        let (node, shards) = (calls[call].node, calls[call].shards)
        guard calls[call].hasData else { return askOthers(shards, insteadOf: node, reason) }
        for shard in shards { tell(shard, node, reason) }
    }
}

/// What came in of the calls of one query, and was not taken yet.
private final class ReadInbox: Sendable {
    private let events = Monitor<[Int: [PeerCalls.Event]]>([:])

    func add(_ event: PeerCalls.Event, of call: Int) {
        events.update { $0[call, default: []].append(event) }
    }

    /// The oldest event of the first of `calls` that has one; nil when time is up.
    func next(of calls: [Int], upToNanos nanos: Int64) -> (Int, PeerCalls.Event)? {
        events.wait(upToNanos: nanos) { events -> (Int, PeerCalls.Event)? in
            for call in calls {
                guard let waiting = events[call], let first = waiting.first else { continue }
                // Few wait: their number is bounded by the call's credit.
                events[call] = Array(waiting.dropFirst())
                return (call, first)
            }
            return nil
        }
    }
}
