#if canImport(CEtcdRaft)
import Model
import Platform
import Raft
import Simulator
import Storage
import Testing

@testable import Cluster

/// Files of an image stay for who is fetching it, whatever becomes of their shard.
struct ImageLeasesTests {
    private static let second: Int64 = 1_000_000_000

    @Test func filesStayWhileTheyAreAskedFor() throws {
        let disk = SimulatedDisk(seed: 1)
        let time = ManualTime()
        let replica = try ShardReplica.open(
            0, NodeConfiguration(),
            Node.Surroundings(
                disk: disk, time: time, timers: ManualTime(), random: SeededRandom(seed: 1),
                telemetry: Telemetry(), onFatal: { _ in }))
        var index: UInt64 = 0
        func sealed() throws -> ShardImage {
            var batch = WriteBatch(tenant: .standard)
            batch.streams = [
                SeriesReference(tenant: .standard, labels: Labels([("app", "shop")]))
            ]
            batch.lines.append(
                streamIndex: 0, timestamp: Int64(index) + 1, line: Array("line".utf8)[...])
            for command in [
                ShardCommand.write(batch), .seal(at: Timestamp(nanos: Int64(index + 1))),
            ] {
                index += 1
                _ = try replica.apply(index: index, payload: command.encoded())
            }
            try replica.shard.runJobs()
            return try #require(replica.shard.image)
        }
        let image = try sealed()
        let leases = ImageLeases(time: time) { $0() }
        leases.begin(
            try #require(replica.shard.holdImage()), of: replica.group, for: NodeID(2))
        let source = ImageSource(
            shards: ShardTable(shardCount: 1, [replica]), meta: try MetaReplica(disk: disk) {},
            leaders: LeaderTable(node: NodeID(1)), queue: ProposalQueue(bytesMax: 1 << 20),
            disk: disk, leases: leases, sealSoon: { _ in })
        let checkpoint = image.manifest.checkpoint
        let path = replica.directory / checkpoint.name
        func answer(to peer: UInt64) -> [UInt8]? {
            let sink = ImageSourceTests.Sink()
            source.range(
                PeerQuestion(
                    peer: NodeID(peer), method: .fileRange,
                    body: ImageSource.writeRange(
                        replica.group, name: checkpoint.name, offset: 0,
                        count: checkpoint.byteCount),
                    number: 1, transport: sink))
            let parts = sink.frames.last?.parts ?? []
            // The head of an answer and its bytes; the head of a refusal and why.
            return parts.count == 2 && parts[1].count == checkpoint.byteCount ? parts[1] : nil
        }
        #expect(answer(to: 2) != nil && answer(to: 3) != nil)
        let next = try sealed()
        #expect(next.manifest.checkpoint.name != checkpoint.name)
        #expect(disk.exists(path), "it is held")
        for _ in 0..<3 {
            time.advance(byNanos: 59 * Self.second)
            leases.tick()
            #expect(answer(to: 2) != nil, "asking keeps it")
            #expect(answer(to: 3) == nil, "it was given to another")
        }
        time.advance(byNanos: 61 * Self.second)
        leases.tick()
        #expect(!disk.exists(path), "nobody asked for a minute")
        #expect(answer(to: 2) == nil)
    }
}
#endif
