import Model
import Platform
import Raft
import Simulator
import Synchronization
import Testing

@testable import Cluster

/// Queries over nodes that hold different shards answer as one node that holds all.
struct ReadFanOutTests {
    /// Node 3 holds nothing.
    private static let spread = [[0], [1], [2], [0, 1], [1, 2], [2, 0]]
    private static let apart = [[1], [1], [1], [2], [2], [2]]

    @Test(arguments: 0..<12 as Range<UInt64>)
    func seriesAreThoseOfOneNode(seed: UInt64) async throws {
        let cluster = try ReadCluster(4, holders: Self.spread)
        defer { cluster.stop() }
        try ReadData.fill(cluster, seed: seed)
        var samples = ReadSamples(seed: seed)
        for node in cluster.nodes {
            let selector = try ReadData.selector(&samples)
            let (expected, _) = try await ReadData.series(cluster.whole.querier, selector)
            let (found, completeness) = try await ReadData.series(node.querier, selector)
            #expect(found == expected, "\(node.id), seed \(seed)")
            #expect(completeness.isComplete)
        }
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func linesAreThoseOfOneNode(seed: UInt64) async throws {
        let cluster = try ReadCluster(4, holders: Self.spread)
        defer { cluster.stop() }
        try ReadData.fill(cluster, seed: seed)
        var samples = ReadSamples(seed: seed)
        for node in cluster.nodes {
            for order in [LineRequest.Order.forward, .backward] {
                let request = ReadData.request(
                    order, limit: [nil, 1, 17, 400][samples.number(0...3)],
                    selector: try ReadData.selector(&samples),
                    filters: samples.number(0...1) == 0
                        ? [] : [LineFilter([.containsFolded(Array("error".utf8))])])
                let (expected, _) = try await ReadData.lines(cluster.whole.querier, request)
                let (found, completeness) = try await ReadData.lines(node.querier, request)
                #expect(found == expected, "\(node.id), seed \(seed)")
                #expect(completeness.isComplete)
            }
            let (all, _) = try await ReadData.lines(
                cluster.whole.querier, ReadData.request(.any))
            let (any, _) = try await ReadData.lines(node.querier, ReadData.request(.any))
            #expect(Set(any) == Set(all) && any.count == all.count)
            let (some, _) = try await ReadData.lines(
                node.querier, ReadData.request(.any, limit: 50))
            #expect(some.count == 50 && Set(some).isSubset(of: all))
        }
    }

    @Test(arguments: 0..<6 as Range<UInt64>)
    func equalTimestampsKeepOrderAndCount(seed: UInt64) async throws {
        let cluster = try ReadCluster(3, holders: [[0], [1], [2], [0], [1], [2]])
        defer { cluster.stop() }
        try ReadData.fill(cluster, seed: seed, hasTies: true)
        let (all, _) = try await ReadData.lines(cluster.whole.querier, ReadData.request(.any))
        var forward: [[ReadData.Line]] = []
        for node in cluster.nodes {
            let (up, _) = try await ReadData.lines(node.querier, ReadData.request(.forward))
            let (down, _) = try await ReadData.lines(node.querier, ReadData.request(.backward))
            #expect(up.map(\.nanos) == all.map(\.nanos).sorted())
            #expect(Array(down.reversed()) == up)
            forward.append(up)
        }
        #expect(forward.allSatisfy { $0 == forward[0] }, "the order is the same on every node")
    }

    @Test func labelsAndMetadataAreThoseOfOneNode() async throws {
        let cluster = try ReadCluster(4, holders: Self.spread)
        defer { cluster.stop() }
        try ReadData.fill(cluster, seed: 3)
        let whole = cluster.whole.querier
        for node in cluster.nodes {
            for signal in [SignalKind.metrics, .logs] {
                for limit in [nil, 2] {
                    let request = LabelRequest(
                        tenant: .standard, signal: signal, limit: limit, budget: QueryBudget())
                    let names = try await node.querier.labelNames(request)
                    #expect(try await whole.labelNames(request).values == names.values)
                    let sets = try await node.querier.labelSets(request)
                    #expect(try await whole.labelSets(request).values == sets.values)
                    for name in ["job", "app"] {
                        let values = try await node.querier.labelValues(name, request)
                        let expected = try await whole.labelValues(name, request)
                        #expect(expected.values == values.values)
                    }
                    #expect(names.completeness.isComplete && sets.completeness.isComplete)
                }
            }
            let metadata = try await node.querier.metadata(tenant: .standard, metric: nil)
            #expect(try await whole.metadata(tenant: .standard, metric: nil) == metadata)
            #expect(metadata.count == 3)
            let one = try await node.querier.metadata(tenant: .standard, metric: "m2")
            #expect(one.map(\.metric) == ["m2"])
        }
    }

    @Test func oneCallPerNodeAndNoneForWhatIsHere() async throws {
        let cluster = try ReadCluster(3, holders: Self.apart)
        defer { cluster.stop() }
        _ = try await ReadData.series(cluster.nodes[0].querier, .everything)
        #expect(cluster.nodes.map(\.questionCount) == [0, 1, 1])
        _ = try await ReadData.series(cluster.nodes[1].querier, .everything)
        #expect(cluster.nodes.map(\.questionCount) == [0, 1, 2])
    }

    @Test func anotherReplicaIsAskedForWhatANodeDoesNotHaveAnyMore() async throws {
        let cluster = try ReadCluster(3, holders: Array(repeating: [1, 2], count: 6))
        defer { cluster.stop() }
        try ReadData.fill(cluster, seed: 8)
        cluster.nodes[1].outOfService.withLock { out in
            out = Set((0..<6).map { ShardGroup.group(of: $0) })
        }
        let (expected, _) = try await ReadData.series(cluster.whole.querier, .everything)
        let (found, completeness) = try await ReadData.series(
            cluster.nodes[0].querier, .everything)
        #expect(found == expected && completeness.isComplete)
        let request = ReadData.request(.backward, limit: 90)
        let (lines, _) = try await ReadData.lines(cluster.nodes[0].querier, request)
        #expect(try await ReadData.lines(cluster.whole.querier, request).0 == lines)
        // A replica that takes no part is not read by its own node either.
        let (own, isWhole) = try await ReadData.series(cluster.nodes[1].querier, .everything)
        #expect(own == expected && isWhole.isComplete)
    }

    @Test(arguments: [LineRequest.Order.forward, .any])
    func anotherReplicaIsAskedWhenANodeGoesBeforeItsFirstPart(
        _ order: LineRequest.Order
    ) async throws {
        let cluster = try ReadCluster(3, holders: Array(repeating: [1, 2], count: 6))
        defer { cluster.stop() }
        try ReadData.fill(cluster, seed: 9)
        cluster.nodes[1].beforePart.value = { node, _ in node.cutOff() }
        let request = ReadData.request(order)
        let (expected, _) = try await ReadData.lines(cluster.whole.querier, request)
        let (found, completeness) = try await ReadData.lines(
            cluster.nodes[0].querier, request)
        #expect(Set(found) == Set(expected) && found.count == expected.count)
        if order == .forward { #expect(found == expected) }
        #expect(completeness.isComplete)
    }

    @Test func aNodeThatGoesInTheMiddleIsNamed() async throws {
        let cluster = try ReadCluster(2, holders: Array(repeating: [1], count: 6))
        defer { cluster.stop() }
        try ReadFanOutTests.fillLong(cluster)
        let parts = Atomic<Int>(0)
        cluster.nodes[1].beforePart.value = { node, _ in
            if parts.add(1, ordering: .relaxed).newValue == 3 { node.cutOff() }
        }
        let (found, completeness) = try await ReadData.series(
            cluster.nodes[0].querier, .everything)
        #expect(!found.isEmpty && found.count < 400)
        #expect(
            completeness.missing
                == (0..<6).map { "shard \($0) on node n2: it cannot be reached" })
    }

    /// Nodes that go at any part: an answer is that of one node, or says what it lacks.
    @Test(arguments: 0..<12 as Range<UInt64>)
    func whateverFailsIsMadeUpForOrNamed(seed: UInt64) async throws {
        var samples = ReadSamples(seed: seed)
        let holders = (0..<6).map { _ in
            Array([1, 2, 3].shuffled(using: &samples.random).prefix(2))
        }
        let cluster = try ReadCluster(4, holders: holders)
        defer { cluster.stop() }
        try ReadData.fill(cluster, seed: seed)
        let parts = Atomic<Int>(0)
        let last = samples.number(1...6)
        for node in cluster.nodes {
            node.beforePart.value = { node, _ in
                if parts.add(1, ordering: .relaxed).newValue == last { node.cutOff() }
            }
        }
        let orders: [LineRequest.Order] = [.any, .forward, .backward]
        let request = ReadData.request(orders[samples.number(0...2)])
        let (expected, _) = try await ReadData.lines(cluster.whole.querier, request)
        let (found, lines) = try await ReadData.lines(cluster.nodes[0].querier, request)
        #expect(Set(found).isSubset(of: expected) && Set(found).count == found.count)
        #expect(found.count == expected.count || !lines.isComplete, "seed \(seed)")
        let (all, _) = try await ReadData.series(cluster.whole.querier, .everything)
        let (some, series) = try await ReadData.series(cluster.nodes[0].querier, .everything)
        #expect(some.allSatisfy { all.contains($0) })
        #expect(some == all || !series.isComplete, "seed \(seed)")
    }

    @Test func anAnswerWaitsForWhoAsked() async throws {
        let cluster = try ReadCluster(2, holders: Array(repeating: [1], count: 6))
        defer { cluster.stop() }
        let text = [UInt8](repeating: 0x61, count: 64 << 10)
        for round in 0..<8 {
            var batch = WriteBatch(tenant: .standard)
            batch.streams = [SeriesReference(tenant: .standard, labels: .empty)]
            for row in 0..<64 {
                batch.lines.append(
                    streamIndex: 0, timestamp: ReadData.epoch + Int64(round * 64 + row),
                    line: text[...])
            }
            try cluster.write(batch)
        }
        let sent = Atomic<Int>(0)
        cluster.nodes[1].beforePart.value = { _, _ in sent.add(1, ordering: .sequentiallyConsistent)
        }
        for order in [LineRequest.Order.any, .backward] {
            sent.store(0, ordering: .sequentiallyConsistent)
            var rowCount = 0
            _ = try await cluster.nodes[0].querier.selectLines(ReadData.request(order)) { data in
                rowCount += data.lines.count
                // One part holds 16 of these lines, and the merger one more part.
                let taken = (rowCount + 15) / 16 + 1
                #expect(
                    sent.load(ordering: .sequentiallyConsistent)
                        <= taken + PeerQuestion.partsMax)
                return true
            }
            #expect(rowCount == 512)
            #expect(sent.load(ordering: .sequentiallyConsistent) > PeerQuestion.partsMax)
        }
    }

    @Test func whatNobodyHoldsIsNamed() async throws {
        let cluster = try ReadCluster(3, holders: Self.apart)
        defer { cluster.stop() }
        try ReadData.fill(cluster, seed: 4)
        cluster.nodes[2].cutOff()
        let (found, completeness) = try await ReadData.series(
            cluster.nodes[0].querier, .everything)
        #expect(!found.isEmpty)
        #expect(
            completeness.missing
                == (3..<6).map { "shard \($0): no node that holds it answers" })
    }

    @Test func limitsHoldForAllNodesTogether() async throws {
        let cluster = try ReadCluster(3, holders: Self.apart)
        defer { cluster.stop() }
        try ReadData.fill(cluster, seed: 4)
        let querier = cluster.nodes[0].querier
        let free = QueryBudget()
        _ = try await ReadData.series(querier, .everything, budget: free)
        let whole = QueryBudget()
        _ = try await ReadData.series(cluster.whole.querier, .everything, budget: whole)
        #expect(free.samplesCharged == whole.samplesCharged)
        #expect(free.seriesCharged == whole.seriesCharged)
        for (limits, name, allowed) in [
            (QueryBudget.Limits(samplesMax: 10), "query.samples_max", 10),
            // More than one node has, less than two have.
            (QueryBudget.Limits(seriesMax: 39), "query.series_max", 39),
        ] {
            await #expect(throws: QueryLimitError.exceeded(limit: name, allowed: allowed)) {
                try await ReadData.series(
                    querier, .everything, budget: QueryBudget(limits: limits))
            }
        }
        let lines = QueryBudget()
        _ = try await ReadData.lines(querier, ReadData.request(.any, budget: lines))
        let bytesMax = lines.bytesCharged - 1
        let budget = QueryBudget(limits: .init(bytesMax: bytesMax))
        await #expect(
            throws: QueryLimitError.exceeded(limit: "query.bytes_max", allowed: bytesMax)
        ) {
            try await ReadData.lines(querier, ReadData.request(.any, budget: budget))
        }
        for node in cluster.nodes { #expect(node.becomesIdle()) }
    }

    @Test func aCancelledQueryEndsTheOtherSide() async throws {
        let cluster = try ReadCluster(2, holders: Array(repeating: [1], count: 6))
        defer { cluster.stop() }
        try ReadFanOutTests.fillLong(cluster)
        let budget = QueryBudget()
        await #expect(throws: QueryLimitError.cancelled) {
            _ = try await cluster.nodes[0].querier.selectSeries(
                SeriesRequest(
                    tenant: .standard, selector: .everything, start: .distantPast,
                    end: .distantFuture, budget: budget)
            ) { _ in budget.cancel() }
        }
        #expect(cluster.nodes[1].becomesIdle())
    }

    @Test func aSinkThatHasEnoughEndsTheOtherSide() async throws {
        let cluster = try ReadCluster(3, holders: Self.apart)
        defer { cluster.stop() }
        try ReadData.fill(cluster, seed: 5)
        for order in [LineRequest.Order.any, .forward, .backward] {
            let count = Mutex(0)
            _ = try await cluster.nodes[0].querier.selectLines(ReadData.request(order)) { _ in
                count.withLock { $0 += 1 }
                return false
            }
            #expect(count.withLock { $0 } == 1)
        }
        for node in cluster.nodes { #expect(node.becomesIdle()) }
    }

    /// Some parts of an answer, all with one shared column.
    static func fillLong(_ cluster: ReadCluster) throws {
        for first in stride(from: 0, to: 400, by: 100) {
            var batch = WriteBatch(tenant: .standard)
            for number in 0..<100 {
                let labels = Labels([("__name__", "m"), ("n", "\(first + number)")])
                batch.series.append(SeriesReference(tenant: .standard, labels: labels))
                for step in 0..<2_000 {
                    batch.samples.append(
                        seriesIndex: UInt32(number),
                        timestamp: ReadData.epoch + Int64(step) * 1_000_000_000,
                        value: Double(step))
                }
            }
            try cluster.write(batch)
        }
    }
}
