import Cluster
import Model
import Platform
import Simulator
import Synchronization

/// A node on a disk that fails on purpose: writes numbered lines, samples and increments, remembers
/// what was acknowledged, and looks for it again.
struct NodeScenario {
    static let roundCount = 12
    /// Of the clock, between rounds.
    static let roundNanos: Int64 = 10_000_000_000
    static let tenant = Tenant.standard
    static let stream = Labels([("app", "shop")])
    static let gauge = Labels([("__name__", "written")])
    static let counter = Labels([("__name__", "counted")])
    static let timer = Labels([("__name__", "timed")])

    let disk: SimulatedDisk
    let seed: UInt64
    let retentionNanos: Int64?
    /// Goes on over restarts.
    private let time = ManualTime()
    private let startNanos: Int64
    private(set) var attempted: [Int] = []
    private(set) var acknowledged: [Int] = []

    init(disk: SimulatedDisk, seed: UInt64, retentionNanos: Int64? = nil) {
        self.disk = disk
        self.seed = seed
        self.retentionNanos = retentionNanos
        startNanos = time.wallNanos()
    }

    /// Whether the retention still promises what was written in a round.
    func isPromised(_ round: Int) -> Bool {
        guard let retentionNanos else { return true }
        return nanos(of: round) > time.wallNanos() - retentionNanos
    }

    private func nanos(of round: Int) -> Int64 {
        startNanos + Int64(round) * NodeScenario.roundNanos
    }

    private func round(at nanos: Int64) -> Int {
        Int((nanos - startNanos) / NodeScenario.roundNanos)
    }

    func start() throws -> Node {
        var configuration = NodeConfiguration()
        configuration.shardCount = 2
        configuration.journalFileBytes = 1 << 20
        configuration.retentionNanos = retentionNanos
        return try Node.start(
            configuration,
            in: Node.Surroundings(
                disk: disk, time: time, timers: ManualTime(),
                random: SeededRandom(seed: seed), telemetry: Telemetry(), onFatal: { _ in }))
    }

    /// Writes rounds until one is refused; seals, compacts and expires in between.
    mutating func run(_ node: Node) async {
        for round in 0..<NodeScenario.roundCount {
            attempted.append(round)
            do {
                _ = try await node.appender.append(batch(round))
                acknowledged.append(round)
                if round % 4 == 3 { try await node.flush() }
                time.advance(byNanos: NodeScenario.roundNanos)
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
        let time = nanos(of: round)
        for labels in [NodeScenario.gauge, NodeScenario.counter, NodeScenario.timer] {
            batch.series.append(SeriesReference(tenant: batch.tenant, labels: labels))
        }
        batch.streams = [SeriesReference(tenant: batch.tenant, labels: NodeScenario.stream)]
        batch.samples.append(seriesIndex: 0, timestamp: time, value: Double(round))
        batch.increments.append(kind: .counter, seriesIndex: 1, timestamp: time, value: 1)
        batch.histogramIncrements.append(
            HistogramSample(
                seriesIndex: 2, timestamp: time,
                histogram: Histogram(
                    schema: 5, count: 2, sum: 3, positive: .init(indexes: [4], counts: [2]))))
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

    /// Values of one series by round; of a timer its count.
    func samples(_ node: Node, _ labels: Labels) async throws -> [Int: Double] {
        var values: [Int: Double] = [:]
        let selector = Selector([Matcher("__name__", equals: labels.metricName)])
        let request = SeriesRequest(
            tenant: NodeScenario.tenant, selector: selector, start: .distantPast,
            end: .distantFuture, budget: QueryBudget())
        _ = try await node.querier.selectSeries(request) { batch in
            for series in batch {
                for (nanos, value) in zip(series.timestamps.nanos, series.values) {
                    values[round(at: nanos)] = value
                }
                for (nanos, value) in zip(series.histogramTimestamps.nanos, series.histograms) {
                    values[round(at: nanos)] = value.count
                }
            }
        }
        return values
    }
}
