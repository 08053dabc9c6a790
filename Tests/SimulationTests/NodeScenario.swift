import Cluster
import Model
import Platform
import Simulator
import Synchronization

/// A node on a disk that fails on purpose: writes numbered lines, samples and increments, remembers
/// what was acknowledged, and looks for it again.
struct NodeScenario {
    static let roundCount = 12
    static let tenant = Tenant.standard
    static let stream = Labels([("app", "shop")])
    static let gauge = Labels([("__name__", "written")])
    static let counter = Labels([("__name__", "counted")])

    let disk: SimulatedDisk
    let seed: UInt64
    private(set) var attempted: [Int] = []
    private(set) var acknowledged: [Int] = []

    init(disk: SimulatedDisk, seed: UInt64) {
        self.disk = disk
        self.seed = seed
    }

    func start() throws -> Node {
        var configuration = NodeConfiguration()
        configuration.shardCount = 2
        configuration.journalFileBytes = 1 << 20
        configuration.retentionNanos = nil
        return try Node.start(
            configuration,
            in: Node.Surroundings(
                disk: disk, time: ManualTime(), timers: ManualTime(),
                random: SeededRandom(seed: seed), telemetry: Telemetry(), onFatal: { _ in }))
    }

    /// Writes rounds until one is refused; seals and compacts in between.
    mutating func run(_ node: Node) async {
        for round in 0..<NodeScenario.roundCount {
            attempted.append(round)
            do {
                _ = try await node.appender.append(batch(round))
                acknowledged.append(round)
                if round % 4 == 3 { try await node.flush() }
            } catch {
                return
            }
        }
    }

    /// The batch of a round: the same whenever it is made.
    func batch(_ round: Int) -> WriteBatch {
        var batch = WriteBatch(
            tenant: NodeScenario.tenant,
            stamp: BatchStamp(source: 7, sequence: UInt64(round + 1)))
        let time = Int64(round + 1) * 10_000_000_000
        for labels in [NodeScenario.gauge, NodeScenario.counter] {
            batch.series.append(SeriesReference(tenant: batch.tenant, labels: labels))
        }
        batch.streams = [SeriesReference(tenant: batch.tenant, labels: NodeScenario.stream)]
        batch.samples.append(seriesIndex: 0, timestamp: time, value: Double(round))
        batch.increments.append(kind: .counter, seriesIndex: 1, timestamp: time, value: 1)
        batch.lines.append(
            streamIndex: 0, timestamp: time, line: Array("round \(round)".utf8)[...])
        return batch
    }

    /// How often each round's line is there.
    func lines(_ node: Node) async throws -> [Int: Int] {
        var counts: [Int: Int] = [:]
        let request = LineRequest(
            tenant: NodeScenario.tenant, selector: .everything, start: .distantPast,
            end: .distantFuture, order: .forward, budget: QueryBudget())
        let completeness = try await node.querier.selectLines(request) { data in
            for index in 0..<data.lines.count {
                let bytes = data.lines.bytes[data.lines.lineRange(index)]
                let text = String(decoding: bytes, as: UTF8.self)
                counts[Int(text.dropFirst(6)) ?? -1, default: 0] += 1
            }
            return true
        }
        return completeness.isComplete ? counts : [:]
    }

    /// Values of one series by round.
    func samples(_ node: Node, _ labels: Labels) async throws -> [Int: Double] {
        var values: [Int: Double] = [:]
        let selector = Selector([Matcher("__name__", equals: labels.metricName)])
        let request = SeriesRequest(
            tenant: NodeScenario.tenant, selector: selector, start: .distantPast,
            end: .distantFuture, budget: QueryBudget())
        _ = try await node.querier.selectSeries(request) { batch in
            for series in batch {
                for (nanos, value) in zip(series.timestamps.nanos, series.values) {
                    values[Int(nanos / 10_000_000_000) - 1] = value
                }
            }
        }
        return values
    }
}
