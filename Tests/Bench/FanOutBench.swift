import Cluster
import Glibc
import Model
import NIOPosix
import Platform
import Query
import Raft

/// What it costs to ask another node: a query of 1,000 series × 24 h on the node that holds all
/// shards, and the same on one that holds none, over TCP on loopback, in one process. All CPU of
/// the process counts, both sides'.
func fanOutBench() -> [BenchRow] {
    do {
        return try NodeBench.blocking { try await FanOutBench.run() }
    } catch {
        print("fan-out bench: \(error)")
        return []
    }
}

private enum FanOutBench {
    static let seriesCount = 1_000
    static let stepsPerBatch = 60

    static func run() async throws -> [BenchRow] {
        let isSmall = unsafe getenv("BENCH_SMALL") != nil
        let sampleCount = isSmall ? 720 : 8_640
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let first = try await Member(1, isWitness: false, group)
        let second = try await Member(2, isWitness: true, group)
        defer {
            second.stop()
            first.stop()
        }
        try await first.attach(knowing: [])
        try await join(second, first)
        try await second.attach(knowing: [first])
        try await write(sampleCount, to: first.node)
        let text = "sum by (job)(rate(m[5m]))"
        let range = QueryBenchRange(
            startSeconds: 0, endSeconds: Int64(sampleCount) * 10, stepSeconds: 60)
        // The second knows by now who leads: it takes a write.
        _ = try await second.node.appender.append(batch(sampleCount..<sampleCount + 1))
        var rows: [BenchRow] = []
        for (name, goal) in [("m", nil), (text, 1.3)] as [(String, Double?)] {
            var answers = ("", "")
            func seconds(_ node: Node, _ answer: inout String) async -> Double {
                var best = Double.infinity
                for _ in 0..<5 {
                    let start = Stopwatch.cpuSeconds()
                    answer =
                        name == text
                        ? hash(of: range.answer(text, node.querier))
                        : await count(node.querier)
                    best = min(best, Stopwatch.cpuSeconds() - start)
                }
                return best
            }
            let here = await seconds(first.node, &answers.0)
            let there = await seconds(second.node, &answers.1)
            rows.append(
                BenchRow(
                    room: "Cluster", name: "fan-out: \(name), all of it remote", unit: "× CPU",
                    goal: goal, reached: there / here, higherIsBetter: false,
                    note: "\(Int(here * 1e3)) ms on the holder, \(Int(there * 1e3)) ms by TCP, "
                        + (answers.0 == answers.1 ? answers.0 : "ANSWERS DIFFER")))
        }
        return rows
    }

    /// Samples alone, without an engine.
    private static func count(_ querier: any Querier) async -> String {
        var count = 0
        do {
            let request = SeriesRequest(
                tenant: .standard, selector: Selector([Matcher("__name__", equals: "m")]),
                start: .distantPast, end: .distantFuture, budget: QueryBudget())
            let completeness = try await querier.selectSeries(request) { batch in
                for series in batch { count += series.values.count }
            }
            for sentence in completeness.missing { print("fan-out bench: \(sentence)") }
        } catch {
            print("fan-out bench: \(error)")
        }
        return "\(count) samples"
    }

    private static func join(_ newcomer: Member, _ member: Member) async throws {
        guard let cluster = member.node.cluster else { return }
        for attempt in 1...10_000 {
            let result = await cluster.outcome(of: .join(newcomer.newcomer, replaces: nil))
            if case .success(.joined) = result { return }
            // It has yet to be founded, within a second; each attempt is a round of the log.
            precondition(attempt < 10_000, "the bench's cluster takes nobody in: \(result)")
        }
    }

    private static func write(_ sampleCount: Int, to node: Node) async throws {
        for start in stride(from: 0, to: sampleCount, by: stepsPerBatch) {
            let steps = start..<min(start + stepsPerBatch, sampleCount)
            _ = try await node.appender.append(batch(steps))
            if start % (12 * stepsPerBatch) == 0 { try await node.flush() }
        }
        try await node.flush()
    }

    private static func batch(_ steps: Range<Int>) -> WriteBatch {
        var batch = WriteBatch(tenant: .standard)
        for number in 0..<seriesCount {
            let labels = Labels([
                ("__name__", "m"), ("job", "job-\(number % 10)"), ("instance", "host-\(number)"),
            ])
            batch.series.append(SeriesReference(tenant: .standard, labels: labels))
        }
        for step in steps {
            for number in 0..<seriesCount {
                batch.samples.append(
                    seriesIndex: UInt32(number), timestamp: Int64(step + 1) * 10_000_000_000,
                    value: Double(step * (number % 7 + 1) + step * step % 13))
            }
        }
        return batch
    }

    /// A node of the cluster, on a directory of its own.
    struct Member {
        let node: Node
        let newcomer: Newcomer
        let endpoint: Endpoint
        private let disk: LocalDisk
        private let group: MultiThreadedEventLoopGroup

        init(_ number: UInt64, isWitness: Bool, _ group: MultiThreadedEventLoopGroup) async throws {
            self.group = group
            endpoint = try await Member.freeEndpoint(group)
            disk = try LocalDisk(root: "/tmp/varve-bench-fan-out-\(getpid())-\(number)")
            var profile = ClusterProfile(
                name: "n\(number)", zone: nil, address: "\(endpoint)", httpAddress: "h:1")
            profile.isWitness = isWitness
            newcomer = Newcomer(
                name: profile.name, address: profile.address, httpAddress: profile.httpAddress,
                featureLevel: ClusterFeatures.level, isWitness: isWitness, token: number)
            var configuration = NodeConfiguration()
            configuration.retentionNanos = nil
            configuration.memoryBytesMax = 2 << 30
            node = try Node.start(
                configuration,
                as: ClusterPlace(
                    identity: ClusterDirectory(
                        clusterID: 7, node: NodeID(number), name: profile.name, zone: nil),
                    profile: profile),
                in: Node.Surroundings(
                    disk: disk, time: SystemTime(), timers: SystemTimers(),
                    random: SystemRandom(), telemetry: Telemetry(), reducers: QueryReducers(),
                    onFatal: { print("fan-out bench: \($0)") }))
        }

        func attach(knowing others: [Member]) async throws {
            guard let cluster = node.cluster else { return }
            let transport = try await TCPPeerTransport.start(
                cluster.hello, listen: endpoint, receiver: cluster.receiver,
                telemetry: Telemetry(), time: SystemTime(), group: group,
                onNotice: { print("fan-out bench: \($0)") })
            cluster.attach(transport)
            guard !others.isEmpty else { return }
            var peers: [PeerID: Endpoint] = [:]
            for other in others {
                if let id = other.node.cluster?.hello.node { peers[id] = other.endpoint }
            }
            transport.setPeers(peers)
        }

        func stop() {
            node.stop()
            do {
                for entry in try disk.list(DiskPath("")) {
                    let path = DiskPath(entry.name)
                    if entry.isDirectory {
                        try disk.removeTree(path)
                    } else {
                        try disk.remove(path)
                    }
                }
            } catch {
                print("fan-out bench: \(error)")
            }
        }

        /// A port that the system gave a moment ago.
        private static func freeEndpoint(
            _ group: MultiThreadedEventLoopGroup
        ) async throws -> Endpoint {
            let probe = try await TCPPeerTransport.start(
                PeerHello(clusterID: 1, node: PeerID(1), name: "probe", featureLevel: 1),
                listen: .inet(host: "127.0.0.1", port: 0), receiver: Deaf(),
                telemetry: Telemetry(), time: SystemTime(), group: group, onNotice: { _ in })
            defer { probe.stop() }
            return probe.endpoint
        }
    }

    private final class Deaf: PeerReceiver {
        func received(_ frame: PeerFrame, from peer: PeerID) {}
        func connected(_ peer: PeerID, featureLevel: UInt32) {}
        func disconnected(_ peer: PeerID) {}
        func guest(
            _ frame: PeerFrame, name: String, reply: @escaping @Sendable (PeerFrame) -> Void
        ) {}
    }
}
