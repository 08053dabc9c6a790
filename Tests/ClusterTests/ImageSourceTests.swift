#if canImport(CEtcdRaft)
import Platform
import Raft
import Replication
import Simulator
import Synchronization
import Testing

@testable import Cluster

/// Who gets an image of a group.
struct ImageSourceTests {
    /// Keeps what is sent. `@unchecked Sendable`: one test, one thread.
    final class Sink: PeerTransport, @unchecked Sendable {
        var frames: [PeerFrame] = []
        var connected: [PeerID] { [] }
        func setPeers(_ addresses: [PeerID: Endpoint]) {}
        func send(_ frame: PeerFrame, to peer: PeerID) -> Bool {
            frames.append(frame)
            return true
        }
        func sendWaiting(_ frame: PeerFrame, to peer: PeerID, upToNanos nanos: Int64) -> Bool {
            send(frame, to: peer)
        }
        func stop() {}
    }

    /// An image that does not know who asks is from before the change that brought it in: behind
    /// it the log would tell it of a group that it is not in. One from before it left and came back
    /// would make it what it was then.
    @Test func onlyWhoIsInTheImageAndStayedGetsIt() throws {
        let disk = SimulatedDisk(seed: 1)
        let group = ClusterState.metaGroup
        let replicator = try Replicator(
            disk: disk, directory: "journal", node: NodeID(1), random: SeededRandom(seed: 1),
            time: ManualTime(), telemetry: Telemetry())
        try replicator.open(group, as: .founder, applied: 0)
        while replicator.hasWork { _ = try replicator.commit() }
        let meta = try MetaReplica(disk: disk) {}
        meta.note(progress: replicator.commitIndex(of: group))
        let queue = ProposalQueue(bytesMax: 1 << 20)
        let source = ImageSource(
            shards: ShardTable(shardCount: 1, []), meta: meta,
            leaders: LeaderTable(node: NodeID(1)), queue: queue, disk: disk,
            leases: ImageLeases(time: ManualTime()) { $0() }, sealSoon: { _ in })
        func partCount(asked peer: UInt64) -> Int? {
            let sink = Sink()
            source.image(
                PeerQuestion(
                    peer: NodeID(peer), method: .image, body: ImageSource.writeGroup(group),
                    number: 1, transport: sink))
            for task in queue.take(upToNanos: 0).tasks { task(replicator) }
            return sink.frames.first?.parts.count
        }
        // The head of the answer and its two parts; the head and why not.
        #expect(partCount(asked: 1) == 3)
        #expect(partCount(asked: 9) == 2)
        var given: [Int?] = []
        let changes: [MembershipChange] = [.addLearner(NodeID(9)), .remove(NodeID(9))]
        for change in changes + changes.prefix(1) {
            #expect(replicator.changeMembership(group, [change]))
            while replicator.hasWork { _ = try replicator.commit() }
            if given.isEmpty { meta.note(progress: replicator.commitIndex(of: group)) }
            given.append(partCount(asked: 9))
        }
        #expect(given == [3, 2, 2], "the image is from its first stay")
        meta.note(progress: replicator.commitIndex(of: group))
        #expect(partCount(asked: 9) == 3)
    }
}
#endif
