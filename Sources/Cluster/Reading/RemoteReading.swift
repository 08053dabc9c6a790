internal import Model
internal import Platform
internal import Synchronization

/// Answers what other nodes ask of the shards here, each question on a thread of its own: it waits
/// for disks, for replicas to be fresh, and for who asked to take what was sent.
final class RemoteReading: Sendable {
    private let readable: ReadableShards
    private let hub: FollowHub
    private let time: any TimeSource
    private let openCount = Atomic<Int>(0)
    private let refusals: Counter
    private let reducers: (any ReducerSource)?
    private let followFreshNanosMax: Int64

    /// `reducers`: nil sends everything as it is.
    init(
        _ readable: ReadableShards, hub: FollowHub, time: any TimeSource, telemetry: Telemetry,
        reducers: (any ReducerSource)?,
        followFreshNanosMax: Int64 = ReadLimits.followFreshNanosMax
    ) {
        self.followFreshNanosMax = followFreshNanosMax
        self.readable = readable
        self.hub = hub
        self.time = time
        self.reducers = reducers
        refusals = telemetry.counter(
            "varve_remote_reads_refused_total",
            help: "Questions of other nodes refused since too many were open.")
    }

    /// Calls `onEnd` when the last word is said. Does not wait.
    func answer(_ question: PeerQuestion, onEnd: @escaping @Sendable () -> Void) {
        let count = openCount.add(1, ordering: .relaxed).newValue
        guard count <= ReadLimits.questionsMax else {
            openCount.subtract(1, ordering: .relaxed)
            refusals.add()
            ReadRefusal.busy.refuse(question)
            return onEnd()
        }
        _ = WorkerThread(name: "read") { [self] in
            do {
                try run(question)
            } catch {
                ReadRefusal(error).refuse(question)
            }
            openCount.subtract(1, ordering: .relaxed)
            onEnd()
        }
    }

    private func run(_ question: PeerQuestion) throws {
        let asked = try ReadQuestion(decoding: question.body.first ?? [])
        let wanted = Set(asked.shards)
        let replicas = readable.taking.filter { wanted.contains($0.number) }
        let unread = wanted.subtracting(replicas.map(\.number)).sorted()
        let answer = RemoteAnswer(question, asked, time: time, reducers: reducers)
        if asked.subject == .follow {
            var late = unread.map { Self.absent($0) }
            late += readable.waitsUntilFresh(replicas, upToNanos: followFreshNanosMax)
                .map { UnreadShard(shard: $0.key, reason: $0.value) }
            late.sort { $0.shard < $1.shard }
            return try FollowStream(question, asked, unread: late).run(hub)
        }
        if !unread.isEmpty {
            // Others are asked for them meanwhile.
            try answer.send(
                ReadPart.opening(unread.map { Self.absent($0) }))
        }
        let (reader, missing) = readable.readerWaiting(
            replicas,
            stalenessNanos: asked.stalenessMillis < .max
                ? Int64(asked.stalenessMillis) * 1_000_000 : nil)
        var completeness = missing
        completeness.merge(try answer.read(reader))
        answer.end(completeness)
    }

    private static func absent(_ shard: Int) -> UnreadShard {
        UnreadShard(shard: shard, reason: "it has no replica of it")
    }
}

/// One answer: reads and sends.
private struct RemoteAnswer {
    private let question: PeerQuestion
    private let asked: ReadQuestion
    private let budget: QueryBudget
    private let spending: Spending
    private let reducers: (any ReducerSource)?

    /// What was spent and not told yet. Of one thread.
    private final class Spending {
        private let budget: QueryBudget
        private var told = ReadCharges()

        init(_ budget: QueryBudget) { self.budget = budget }

        func take() -> ReadCharges {
            let all = ReadCharges(
                samples: budget.samplesCharged, series: budget.seriesCharged,
                bytes: budget.bytesCharged)
            defer { told = all }
            return ReadCharges(
                samples: all.samples - told.samples, series: all.series - told.series,
                bytes: all.bytes - told.bytes)
        }
    }

    init(
        _ question: PeerQuestion, _ asked: ReadQuestion, time: any TimeSource,
        reducers: (any ReducerSource)?
    ) {
        self.reducers = reducers
        self.question = question
        self.asked = asked
        let due = time.monotonicNanos() + Int64(asked.rest.millis) * 1_000_000
        budget = QueryBudget(limits: asked.rest.limits) {
            // Who asked went away: whatever this throws, nobody hears it.
            question.isCancelled || time.monotonicNanos() > due
        }
        spending = Spending(budget)
    }

    /// Waits until the part may go. Throws when the answer is not wanted any more.
    func send(_ part: [UInt8]) throws {
        while !question.part([part]) {
            // Who asked is slow: it may be busy with what it has itself.
            try budget.check()
        }
    }

    func end(_ completeness: Completeness) {
        question.answer(
            [ReadEnd(charges: spending.take(), completeness: completeness).encoded()])
    }

    func read(_ reader: LocalReader) throws -> Completeness {
        switch asked.subject {
        case .series(let range, let plan):
            return try series(reader, range, reducer(of: plan, for: .metrics))
        case .lines(let range, let form, let plan):
            let request = LineRequest(
                tenant: asked.tenant, selector: range.selector, start: range.start,
                end: range.end, filters: form.filters, order: form.order, limit: form.limit,
                budget: budget)
            guard let reducer = reducer(of: plan, for: .logs) else {
                return try reader.selectLines(request) { data in
                    try send(ReadPart.lines(data, tenant: asked.tenant, spending.take()))
                    return true
                }
            }
            let completeness = try reader.selectLines(request) { try reducer.add($0) }
            try finish(reducer)
            return completeness
        case .labels(let form, let signal, let range, let limit):
            let request = LabelRequest(
                tenant: asked.tenant, signal: signal, selector: range.selector,
                start: range.start, end: range.end, limit: limit, budget: budget)
            return try labels(reader, form, request)
        case .metadata(let metric):
            try sendList(reader.metadata(tenant: asked.tenant, metric: metric)) { list in
                ReadPart.metadata(list)
            }
            return Completeness()
        case .follow: return Completeness()
        }
    }

    private func reducer(of plan: [UInt8]?, for signal: SignalKind) -> (any Reducer)? {
        plan.flatMap { reducers?.reducer(of: $0, for: signal, budget: budget) }
    }

    private func finish(_ reducer: any Reducer) throws {
        try reducer.finish { try send(ReadPart.reduced($0, spending.take())) }
    }

    private func series(
        _ reader: LocalReader, _ range: ReadQuestion.ReadRange, _ reducer: (any Reducer)?
    ) throws -> Completeness {
        let request = SeriesRequest(
            tenant: asked.tenant, selector: range.selector, start: range.start, end: range.end,
            budget: budget)
        var packer = SeriesPiece.Packer { [spending] in spending.take() }
        let completeness = try reader.selectSeries(request) { batch in
            for series in try reducer?.add(batch) ?? batch {
                try packer.add(series) { part in try send(part) }
            }
        }
        try packer.finish { part in try send(part) }
        if let reducer { try finish(reducer) }
        return completeness
    }

    private func labels(
        _ reader: LocalReader, _ form: ReadQuestion.LabelForm, _ request: LabelRequest
    ) throws -> Completeness {
        switch form {
        case .names, .values:
            let answer: LabelAnswer<String> =
                if case .values(let name) = form {
                    try reader.labelValues(name, request)
                } else {
                    try reader.labelNames(request)
                }
            try sendList(answer.values) { ReadPart.strings($0, spending.take()) }
            return answer.completeness
        case .sets:
            let answer = try reader.labelSets(request)
            try sendList(answer.values) { ReadPart.labelSets($0, spending.take()) }
            return answer.completeness
        }
    }

    private func sendList<Item>(
        _ items: [Item], _ part: (ArraySlice<Item>) -> [UInt8]
    ) throws {
        var start = 0
        while start < items.count {
            let end = min(items.count, start + ReadLimits.listItemsPerPart)
            try send(part(items[start..<end]))
            start = end
        }
    }
}
