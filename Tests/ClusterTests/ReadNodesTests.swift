#if canImport(CEtcdRaft)
import Model
import Platform
import Raft
import Simulator
import Synchronization
import Testing

@testable import Cluster

/// Whole nodes: one that keeps data, and one that keeps none and is asked and written through.
struct ReadNodesTests {
    private static func start(
        _ number: UInt64, isWitness: Bool, _ network: ThreadedNetwork
    ) throws -> Node {
        var profile = ClusterProfile(
            name: "n\(number)", zone: nil, address: "h:\(number)", httpAddress: "h:9")
        profile.isWitness = isWitness
        let place = ClusterPlace(
            identity: ClusterDirectory(
                clusterID: 7, node: NodeID(number), name: "n\(number)", zone: nil),
            profile: profile)
        var configuration = NodeConfiguration()
        configuration.shardCount = 4
        configuration.retentionNanos = nil
        let node = try Node.start(
            configuration, as: place,
            in: Node.Surroundings(
                disk: SimulatedDisk(seed: number), time: SystemTime(), timers: SystemTimers(),
                random: SeededRandom(seed: number), telemetry: Telemetry(),
                onFatal: { Issue.record("\(number): \($0)") }))
        let cluster = try #require(node.cluster)
        let transport = network.join(number, cluster.receiver)
        cluster.attach(transport)
        network.connect(number, transport)
        return node
    }

    /// The first round of a leader founds the cluster; before there is one, nobody joins.
    private static func join(_ newcomer: Newcomer, _ keeper: Node) async throws {
        let cluster = try #require(keeper.cluster)
        for attempt in 1...20 {
            cluster.keeper.round()
            let result = await cluster.outcome(of: .join(newcomer, replaces: nil))
            if case .success(.joined) = result { return }
            try #require(attempt < 20, "\(result)")
        }
    }

    private static func batch(_ round: Int) -> WriteBatch {
        var batch = WriteBatch(tenant: .standard)
        for number in 0..<20 {
            let series = Labels([("__name__", "m"), ("n", "\(number)")])
            batch.series.append(SeriesReference(tenant: .standard, labels: series))
            batch.samples.append(
                seriesIndex: UInt32(number), timestamp: ReadData.epoch + Int64(round),
                value: Double(number))
            let stream = Labels([("app", "a\(number)")])
            batch.streams.append(SeriesReference(tenant: .standard, labels: stream))
            batch.lines.append(
                streamIndex: UInt32(number),
                timestamp: ReadData.epoch + Int64(round * 20 + number),
                line: Array("\(round)/\(number)".utf8)[...])
        }
        return batch
    }

    @Test func aNodeWithoutReplicasReadsAndFollowsWhatOthersHold() async throws {
        let network = ThreadedNetwork()
        let keeper = try Self.start(1, isWitness: false, network)
        let newcomer = Newcomer(
            name: "n2", zone: nil, address: "h:2", httpAddress: "h:9",
            featureLevel: ClusterFeatures.level,
            isWitness: true, token: 5)
        try await Self.join(newcomer, keeper)
        let asker = try Self.start(2, isWitness: true, network)
        defer {
            asker.stop()
            keeper.stop()
        }
        // Goes when the asker knows who leads.
        _ = try await asker.appender.append(Self.batch(0))

        for node in [keeper, asker] {
            let (series, isWhole) = try await ReadData.series(node.querier, .everything)
            #expect(series.count == 20)
            #expect(isWhole.missing == [])
            let (lines, _) = try await ReadData.lines(
                node.querier, ReadData.request(.backward, limit: 7))
            #expect(lines.map(\.text) == (13..<20).reversed().map { "0/\($0)" })
        }

        let seen = Monitor<[String: Int]>([:])
        let subscription = asker.querier.follow(tenant: .standard, onGap: { _ in }) { batch in
            seen.update { seen in
                for line in ReadData.rows(batch.streams, batch.lines) {
                    seen[line.text, default: 0] += 1
                }
            }
        }
        // The tail begins a moment later: writes go on until all of one of them is seen.
        var round = 1
        while seen.withLock({ $0.count }) == 0, round < 200 {
            _ = try await (round.isMultiple(of: 2) ? asker : keeper).appender.append(
                Self.batch(round))
            round += 1
        }
        _ = try await asker.appender.append(Self.batch(round))
        _ = try await keeper.appender.append(Self.batch(round + 1))
        for last in [round, round + 1] {
            let isThere = seen.wait(upToNanos: 20_000_000_000) { seen -> Bool? in
                (0..<20).allSatisfy { seen["\(last)/\($0)"] != nil } ? true : nil
            }
            #expect(isThere == true)
        }
        #expect(seen.withLock { $0.values.allSatisfy { $0 == 1 } })
        subscription.cancel()
    }
}
#endif
