import Model
import Platform
import Simulator
import Storage
import Testing

@testable import Cluster

/// What a replica of a shard does with entries that come again.
struct ShardReplicaTests {
    private static let world = Node.Surroundings(
        disk: SimulatedDisk(seed: 1), time: ManualTime(), timers: ManualTime(),
        random: SeededRandom(seed: 1), telemetry: Telemetry(), onFatal: { _ in })

    /// A restart, an image and the log behind it may each bring what another had brought.
    @Test func anEntryIsAppliedOnce() throws {
        let replica = try ShardReplica.open(0, NodeConfiguration(), Self.world)
        var batch = WriteBatch(tenant: .standard)
        batch.streams = [
            SeriesReference(tenant: .standard, labels: Labels([("app", "shop")]))
        ]
        batch.lines.append(streamIndex: 0, timestamp: 1, line: Array("line".utf8)[...])
        let payload = ShardCommand.write(batch).encoded()
        #expect(try replica.apply(index: 5, payload: payload) == .applied([]))
        #expect(try replica.apply(index: 5, payload: payload) == .duplicate)
        #expect(try replica.apply(index: 4, payload: payload) == .duplicate)
        var lineCount = 0
        _ = try replica.shard.selectLines(
            LineRequest(
                tenant: .standard, selector: .everything, start: .distantPast,
                end: .distantFuture, order: .forward, budget: QueryBudget())
        ) { data in
            lineCount += data.lines.count
            return true
        }
        #expect(lineCount == 1)
    }
}
