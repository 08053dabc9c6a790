internal import Model
internal import Platform
internal import Raft

/// The way out of a cluster's node: shards with a replica here that takes part are read here, the
/// others by nodes that hold them, one call to each. Those are asked first and read while this one
/// does; then their answers are taken. Threads of queries wait in it.
struct ClusterQuerier: Querier {
    let readable: ReadableShards
    let view: @Sendable () -> ReadPlan.View
    let calls: PeerCalls
    let hub: FollowHub

    /// What is read here and by whom the rest, both under way.
    private struct Reading: ~Copyable {
        let node: NodeID
        let local: LocalReader
        var others: ReadFanOut
        /// What the shards here lack.
        var completeness = Completeness()

        /// What the answer lacks; calls that are open are cancelled.
        consuming func end() -> Completeness {
            completeness.merge(others.completeness)
            return completeness
        }
    }

    private func begin(
        _ tenant: Tenant, _ subject: ReadQuestion.Subject, _ budget: QueryBudget,
        stalenessMillis: UInt32? = nil
    ) async -> Reading {
        let staleness =
            stalenessMillis
            // Whatever a person asks for, some bound there is.
            ?? UInt32(clamping: min(budget.stalenessNanosMax / 1_000_000, Int64(UInt32.max) - 1))
        let view = view()
        let plan = ReadPlan(view)
        let question = ReadQuestion(
            tenant: tenant, shards: [], stalenessMillis: staleness, subject: subject)
        // Before anything is waited for.
        let others = ReadFanOut(
            question, plan, .init(calls: calls, view: view, budget: budget))
        let wanted = Set(plan.local)
        let replicas = readable.shards.hosted.filter { wanted.contains($0.number) }
        let (local, missing) = await readable.reader(
            replicas, stalenessNanos: staleness < .max ? Int64(staleness) * 1_000_000 : nil)
        var reading = Reading(node: view.node, local: local, others: others)
        reading.completeness = missing
        // It may have left between the plan and now.
        for shard in wanted.subtracting(replicas.map(\.number)).sorted() {
            reading.completeness.merge(
                Completeness(missing: ["shard \(shard): its replica here is given up"]))
        }
        return reading
    }

    func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness {
        try await selectSeries(request, plan: nil, merge: { _ in }, sink)
    }

    func selectSeries(
        _ request: SeriesRequest, reducing plan: [UInt8], merge: ([UInt8]) throws -> Void,
        _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness {
        try await selectSeries(request, plan: plan, merge: merge, sink)
    }

    private func selectSeries(
        _ request: SeriesRequest, plan: [UInt8]?, merge: ([UInt8]) throws -> Void,
        _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness {
        var reading = await begin(
            request.tenant,
            .series(
                .init(selector: request.selector, start: request.start, end: request.end),
                plan: plan),
            request.budget)
        reading.completeness.merge(try reading.local.selectSeries(request, sink))
        var joiners: [Int: SeriesJoiner] = [:]
        while let (call, content) = try reading.others.next() {
            if case .reduced(let part) = content, plan != nil {
                try merge(part)
                continue
            }
            guard case .series(let pieces) = content else {
                reading.others.giveUp(call, "it answers another question")
                continue
            }
            var series: [SeriesData]
            do {
                series = try joiners[call, default: SeriesJoiner()].add(pieces)
            } catch {
                reading.others.giveUp(call, "its answer makes no sense: \(error)")
                continue
            }
            guard !series.isEmpty else { continue }
            // A part may hold batches of several shards.
            series.sort { $0.labels < $1.labels }
            try sink(series)
        }
        return reading.end()
    }

    func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness {
        var reading = await begin(
            request.tenant,
            .lines(
                .init(selector: request.selector, start: request.start, end: request.end),
                .init(filters: request.filters, order: request.order, limit: request.limit)),
            request.budget)
        if reading.others.callCount == 0 {
            reading.completeness.merge(try reading.local.selectLines(request, sink))
        } else if request.order == .any {
            try ClusterQuerier.gather(&reading, request, isReduced: false, merge: { _ in }, sink)
        } else {
            try ClusterQuerier.merge(&reading, request, sink)
        }
        return reading.end()
    }

    func selectLines(
        _ request: LineRequest, reducing plan: [UInt8], merge: ([UInt8]) throws -> Void,
        _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness {
        precondition(request.order == .any && request.limit == nil, "BUG: an order is reduced")
        var reading = await begin(
            request.tenant,
            .lines(
                .init(selector: request.selector, start: request.start, end: request.end),
                .init(filters: request.filters, order: .any, limit: nil), plan: plan),
            request.budget)
        try ClusterQuerier.gather(&reading, request, isReduced: true, merge: merge, sink)
        return reading.end()
    }

    private static func merge(
        _ reading: inout Reading, _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) throws {
        var merge = LineMerge(request, localRank: reading.node.number)
        var isDone = false
        let local = reading.local
        let missing = try local.selectLines(request) { data in
            isDone = try !merge.add(data, &reading.others, sink)
            return !isDone
        }
        reading.completeness.merge(missing)
        if !isDone { try merge.finish(&reading.others, sink) }
    }

    private static func gather(
        _ reading: inout Reading, _ request: LineRequest, isReduced: Bool,
        merge: ([UInt8]) throws -> Void, _ sink: (LineData) throws -> Bool
    ) throws {
        var cut = LineCut(limit: request.limit)
        var isDone = false
        let missing = try reading.local.selectLines(request) { data in
            isDone = try !cut.add(data, sink)
            return !isDone
        }
        reading.completeness.merge(missing)
        while !isDone, let (call, content) = try reading.others.next() {
            if case .reduced(let part) = content, isReduced {
                try merge(part)
                continue
            }
            guard case .lines(let data) = content else {
                reading.others.giveUp(call, "it answers another question")
                continue
            }
            isDone = try !cut.add(data, sink)
        }
    }

    func labelNames(_ request: LabelRequest) async throws -> LabelAnswer<String> {
        try await strings(.names, request) { try $0.labelNames(request) }
    }

    func labelValues(
        _ name: String, _ request: LabelRequest
    ) async throws -> LabelAnswer<String> {
        try await strings(.values(name), request) { try $0.labelValues(name, request) }
    }

    private func strings(
        _ form: ReadQuestion.LabelForm, _ request: LabelRequest,
        _ read: (LocalReader) throws -> LabelAnswer<String>
    ) async throws -> LabelAnswer<String> {
        try await labels(form, request, read) { content in
            if case .strings(let strings) = content { strings } else { nil }
        }.arranged(request.limit)
    }

    func labelSets(_ request: LabelRequest) async throws -> LabelAnswer<Labels> {
        try await labels(.sets, request) {
            try $0.labelSets(request)
        } _: { content in
            if case .labelSets(let sets) = content { sets } else { nil }
        }.arranged(request.limit)
    }

    private func labels<Value>(
        _ form: ReadQuestion.LabelForm, _ request: LabelRequest,
        _ read: (LocalReader) throws -> LabelAnswer<Value>,
        _ values: (ReadPart.Content) -> [Value]?
    ) async throws -> LabelAnswer<Value> {
        var reading = await begin(
            request.tenant,
            .labels(
                form, request.signal,
                .init(selector: request.selector, start: request.start, end: request.end),
                limit: request.limit),
            request.budget)
        var answer = try read(reading.local)
        while let (call, content) = try reading.others.next() {
            if let found = values(content) {
                answer.values += found
            } else {
                reading.others.giveUp(call, "it answers another question")
            }
        }
        answer.completeness.merge(reading.end())
        return answer
    }

    func metadata(tenant: Tenant, metric: String?) async throws -> [MetricMetadata] {
        var reading = await begin(
            tenant, .metadata(metric: metric), QueryBudget(), stalenessMillis: .max)
        var entries = reading.local.metadata(tenant: tenant, metric: metric)
        while let (_, content) = try reading.others.next() {
            if case .metadata(let found) = content { entries += found }
        }
        return entries.inOrder
    }

    func follow(
        tenant: Tenant, onGap: @escaping @Sendable (Timestamp) -> Void,
        _ body: @escaping @Sendable (WriteBatch) -> Void
    ) -> any FollowSubscription {
        hub.follow(tenant: tenant, onGap: onGap, body)
    }
}
