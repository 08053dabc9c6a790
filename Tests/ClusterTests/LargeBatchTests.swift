import Cluster
import Model
import Platform
import Simulator
import Testing

@Suite struct LargeBatchTests {
    private static func start(_ disk: SimulatedDisk) throws -> Node {
        var configuration = NodeConfiguration()
        configuration.shardCount = 2
        configuration.journalFileBytes = 1 << 20
        configuration.retentionNanos = nil
        return try Node.start(
            configuration,
            in: Node.Surroundings(
                disk: disk, time: ManualTime(), timers: ManualTime(),
                random: SeededRandom(seed: 1), telemetry: Telemetry(), onFatal: { _ in }))
    }

    /// Three megabytes on one stream, more than any entry here can hold.
    private static func lines(stamp: BatchStamp?) -> WriteBatch {
        var batch = WriteBatch(tenant: .standard, stamp: stamp)
        batch.streams = [SeriesReference(tenant: .standard, labels: Labels([("app", "shop")]))]
        for number in 0..<3_000 {
            let text = Array("\(number) ".utf8) + [UInt8](repeating: 120, count: 1_000)
            batch.lines.append(streamIndex: 0, timestamp: Int64(number / 10), line: text[...])
        }
        return batch
    }

    private static func numbers(_ node: Node) async throws -> [Int] {
        var numbers: [Int] = []
        let request = LineRequest(
            tenant: .standard, selector: .everything, start: .distantPast, end: .distantFuture,
            order: .forward, budget: QueryBudget())
        _ = try await node.querier.selectLines(request) { data in
            for index in 0..<data.lines.count {
                let text = data.lines.bytes[data.lines.lineRange(index)].prefix { $0 != 32 }
                numbers.append(Int(String(decoding: text, as: UTF8.self)) ?? -1)
            }
            return true
        }
        return numbers
    }

    @Test(arguments: [nil, BatchStamp(source: 3, sequence: 4)])
    func aBatchLargerThanAnEntryIsTakenInOrderAndOnce(stamp: BatchStamp?) async throws {
        let disk = SimulatedDisk(seed: 1)
        let node = try Self.start(disk)
        for _ in 0..<2 { _ = try await node.appender.append(Self.lines(stamp: stamp)) }
        #expect(try await Self.numbers(node) == Array(0..<3_000))
        node.stop()
        let again = try Self.start(disk)
        #expect(try await Self.numbers(again) == Array(0..<3_000))
        again.stop()
    }

    @Test func boundsCanChangeWhileItRuns() async throws {
        let node = try Self.start(SimulatedDisk(seed: 2))
        var configuration = NodeConfiguration()
        configuration.retentionNanos = 1_000_000_000
        node.reload(configuration)
        let receipt = try await node.appender.append(Self.lines(stamp: nil))
        #expect(receipt.rejections.reduce(0) { $0 + $1.itemCount } == 3_000)
        #expect(try await Self.numbers(node).isEmpty)
        node.stop()
    }
}
