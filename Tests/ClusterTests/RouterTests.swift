import Model
import Platform
import Simulator
import Storage
import Synchronization
import Testing

@testable import Cluster

/// The router against shards whose log this test writes, so that things can happen between its
/// looking a series up and its entry being applied.
struct RouterTests {
    private static let hour: Int64 = 3_600_000_000_000
    /// A shard forgets idle series when there are many.
    private static let seriesCount = 1_500
    private static let epoch: Int64 = 1_750_000_000_000_000_000

    /// Applies what the router proposes, entry by entry. `before` sees the number of each proposal,
    /// from 1, and may put entries of its own in front of it.
    private static func serve(
        _ queue: ProposalQueue, _ replica: ShardReplica,
        before: @escaping @Sendable (Int, (ShardCommand) throws -> Void) throws -> Void
    ) -> WorkerThread {
        WorkerThread(name: "log") {
            var index: UInt64 = 0
            var count = 0
            func apply(_ payload: [UInt8]) throws -> ApplyOutcome {
                index += 1
                let outcome = try replica.apply(index: index, payload: payload)
                try replica.shard.runJobs()
                return outcome
            }
            while true {
                let work = queue.take(upToNanos: 1_000_000_000)
                for proposal in work.proposals {
                    count += 1
                    do {
                        try before(count) { _ = try apply($0.encoded()) }
                        let outcome = try apply(proposal.payload)
                        queue.finished(byteCount: proposal.payload.count)
                        proposal.completion(
                            .success(AppliedEntry(index: index, outcome: .shard(outcome))))
                    } catch {
                        proposal.completion(
                            .failure(.refused(.unavailable(detail: "\(error)"))))
                    }
                }
                if work.isStopping { return }
            }
        }
    }

    private static func batch(_ round: Int) -> WriteBatch {
        var batch = WriteBatch(tenant: .standard)
        for number in 0..<seriesCount {
            let labels = Labels([("__name__", "m"), ("n", "\(number)")])
            batch.series.append(SeriesReference(tenant: .standard, labels: labels))
        }
        batch.streams = [
            SeriesReference(tenant: .standard, labels: Labels([("app", "shop")]))
        ]
        let time = epoch + Int64(round) * 1_000_000_000
        for number in 0..<seriesCount {
            batch.samples.append(
                seriesIndex: UInt32(number), timestamp: time, value: Double(round))
        }
        batch.lines.append(
            streamIndex: 0, timestamp: time, line: Array("line \(round)".utf8)[...])
        return batch
    }

    @Test func whatAShardForgotMeanwhileIsSentAgainWithLabels() async throws {
        let world = Node.Surroundings(
            disk: SimulatedDisk(seed: 1), time: ManualTime(), timers: ManualTime(),
            random: SeededRandom(seed: 1), telemetry: Telemetry(), onFatal: { _ in })
        var configuration = NodeConfiguration()
        configuration.retentionNanos = nil
        let replica = try ShardReplica.open(0, configuration, world)
        let queue = ProposalQueue(bytesMax: 1 << 20)
        let leaders = LeaderTable(node: ClusterPlace.founder)
        leaders.noteSole(replica.group)
        let router = Router(
            shards: ShardTable(shardCount: 1, [replica]),
            proposer: GroupProposer(
                queue: queue, leaders: leaders, calls: nil, time: world.time),
            hub: FollowHub(), time: world.time, configuration: configuration,
            telemetry: world.telemetry)
        let outcomes = Mutex<[Int]>([])
        let log = Self.serve(queue, replica) { number, apply in
            outcomes.withLock { $0.append(number) }
            // Looked up and found, the series go idle before the second batch's entry comes.
            guard number == 2 else { return }
            for hours in [0, 30, 60] {
                try apply(.seal(at: Timestamp(nanos: Self.epoch + Int64(hours) * Self.hour)))
            }
        }
        for round in 1...3 {
            let receipt = try await router.append(Self.batch(round))
            #expect(receipt.rejections.isEmpty)
        }
        queue.close()
        log.join()
        #expect(outcomes.withLock { $0 } == [1, 2, 3, 4], "the second batch took two entries")

        var series: [[Double]] = []
        _ = try replica.shard.selectSeries(
            SeriesRequest(
                tenant: .standard, selector: .everything, start: .distantPast,
                end: .distantFuture, budget: QueryBudget())
        ) { batch in series += batch.map(\.values) }
        #expect(series == Array(repeating: [1, 2, 3], count: Self.seriesCount))
        var lines: [String] = []
        _ = try replica.shard.selectLines(
            LineRequest(
                tenant: .standard, selector: .everything, start: .distantPast,
                end: .distantFuture, order: .forward, budget: QueryBudget())
        ) { data in
            for row in 0..<data.lines.count {
                lines.append(
                    String(decoding: data.lines.bytes[data.lines.lineRange(row)], as: UTF8.self))
            }
            return true
        }
        #expect(lines == ["line 1", "line 2", "line 3"])
    }
}
