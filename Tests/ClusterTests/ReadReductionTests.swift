import Model
import Simulator
import Synchronization
import Testing

@testable import Cluster

/// Series and lines of other nodes that are reduced there count once, whatever fails on the way.
struct ReadReductionTests {
    private static func series(
        _ querier: any Querier, plan: [UInt8] = CountingReducers.plan
    ) async throws -> (Counted, Completeness) {
        var counted = Counted()
        let completeness = try await querier.selectSeries(
            SeriesRequest(
                tenant: .standard, selector: .everything, start: .distantPast, end: .distantFuture,
                budget: QueryBudget()),
            reducing: plan, merge: { try counted.merge($0) }, { counted.add($0) })
        return (counted, completeness)
    }

    private static func lines(
        _ querier: any Querier, plan: [UInt8] = CountingReducers.plan
    ) async throws -> (Counted, Completeness) {
        var counted = Counted()
        let completeness = try await querier.selectLines(
            ReadData.request(.any), reducing: plan, merge: { try counted.merge($0) },
            { data in
                counted.add(data)
                return true
            })
        return (counted, completeness)
    }

    @Test(arguments: 0..<6 as Range<UInt64>)
    func countsAreThoseOfOneNode(seed: UInt64) async throws {
        let cluster = try ReadCluster(4, holders: [[0], [1], [2], [0, 1], [1, 2], [2, 0]])
        defer { cluster.stop() }
        try ReadData.fill(cluster, seed: seed)
        let (series, _) = try await Self.series(cluster.whole.querier)
        let (lines, _) = try await Self.lines(cluster.whole.querier)
        #expect(series.parts == 0 && !series.counts.isEmpty && !lines.counts.isEmpty)
        for node in cluster.nodes {
            let (found, completeness) = try await Self.series(node.querier)
            #expect(found.counts == series.counts && found.parts > 0)
            #expect(completeness.isComplete)
            let (foundLines, linesComplete) = try await Self.lines(node.querier)
            #expect(foundLines.counts == lines.counts && foundLines.parts > 0)
            #expect(linesComplete.isComplete)
        }
    }

    /// A plan of a newer version: everything comes as it is.
    @Test func anUnknownPlanBringsEverythingAsItIs() async throws {
        let cluster = try ReadCluster(2, holders: Array(repeating: [1], count: 6))
        defer { cluster.stop() }
        try ReadData.fill(cluster, seed: 4)
        let (expected, _) = try await Self.series(cluster.whole.querier)
        let (found, _) = try await Self.series(cluster.nodes[0].querier, plan: [9, 9])
        #expect(found == expected)
        let (expectedLines, _) = try await Self.lines(cluster.whole.querier)
        let (foundLines, _) = try await Self.lines(cluster.nodes[0].querier, plan: [9, 9])
        #expect(foundLines == expectedLines)
    }

    /// What a node sent before it went does not count: another is asked for all of it.
    @Test func aNodeThatGoesInTheMiddleIsMadeUpFor() async throws {
        let cluster = try ReadCluster(3, holders: Array(repeating: [1, 2], count: 6))
        defer { cluster.stop() }
        try ReadData.fill(cluster, seed: 11)
        let (expected, _) = try await Self.lines(cluster.whole.querier)
        let parts = Atomic<Int>(0)
        for node in cluster.nodes {
            node.beforePart.value = { node, _ in
                if parts.add(1, ordering: .relaxed).newValue == 3 { node.cutOff() }
            }
        }
        let (found, completeness) = try await Self.lines(cluster.nodes[0].querier)
        #expect(found.counts == expected.counts)
        #expect(completeness.isComplete)
        #expect(parts.load(ordering: .relaxed) > 3)
    }
}
