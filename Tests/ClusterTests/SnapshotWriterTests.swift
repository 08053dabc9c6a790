import Model
import Platform
import Simulator
import Storage
import Testing

@testable import Cluster

/// A snapshot is whole or is not opened, whenever the power goes.
struct SnapshotWriterTests {
    private static let snapshot = DiskPath("snapshots") / "one"

    private struct Place {
        let disk: SimulatedDisk
        let replica: ShardReplica

        /// A shard with a sealed line and sample.
        init(seed: UInt64) throws {
            disk = SimulatedDisk(seed: seed)
            let world = Node.Surroundings(
                disk: disk, time: ManualTime(), timers: ManualTime(),
                random: SeededRandom(seed: seed), telemetry: Telemetry(), onFatal: { _ in })
            replica = try ShardReplica.open(0, NodeConfiguration(), world)
            var batch = WriteBatch(tenant: .standard)
            batch.streams = [
                SeriesReference(tenant: .standard, labels: Labels([("app", "shop")]))
            ]
            batch.lines.append(streamIndex: 0, timestamp: 1, line: Array("line".utf8)[...])
            _ = try replica.apply(index: 1, payload: ShardCommand.write(batch).encoded())
            let seal = ShardCommand.seal(at: Timestamp(nanos: 2))
            _ = try replica.apply(index: 2, payload: seal.encoded())
            _ = try replica.runJobs()
        }

        func write() throws -> Snapshot {
            let leaders = LeaderTable(node: ClusterPlace.founder)
            leaders.noteSole(replica.group)
            return try SnapshotWriter(disk: disk, name: "one")
                .write(ShardTable(shardCount: 1, [replica]), leaders)
        }
    }

    private func isWhole(_ disk: SimulatedDisk) throws -> Bool {
        let mark = Self.snapshot / DataDirectory.path.string
        guard disk.exists(mark) else { return false }
        do {
            _ = try DataDirectory.parse(String(decoding: try disk.readAll(mark), as: UTF8.self))
            return true
        } catch {
            return false
        }
    }

    @Test func theFilesHaveASecondName() throws {
        let place = try Place(seed: 1)
        let made = try place.write()
        #expect(made.missing.isEmpty && made.byteCount > 0)
        #expect(try isWhole(place.disk))
        // The shard drops its files: those of the snapshot stay.
        for file in try #require(place.replica.shard.image).files {
            try place.disk.remove(place.replica.directory / file.name)
        }
        let directory = Self.snapshot / place.replica.directory.string
        let manifest = try place.disk.readAll(directory / "MANIFEST")
        try ShardImage(decoding: manifest).verify(disk: place.disk, directory: directory)
    }

    @Test func thePowerGoesAtAnyCall() throws {
        let calm = try Place(seed: 7)
        let before = calm.disk.callCount
        _ = try calm.write()
        let calls = calm.disk.callCount - before
        var wholeCount = 0
        for call in 1...calls {
            let place = try Place(seed: 7)
            place.disk.faults.powerCutAtCall = place.disk.callCount + call
            #expect(throws: (any Error).self) { try place.write() }
            place.disk.powerCycle()
            let directory = Self.snapshot / place.replica.directory.string
            if try isWhole(place.disk) {
                wholeCount += 1
                let manifest = try place.disk.readAll(directory / "MANIFEST")
                try ShardImage(decoding: manifest).verify(disk: place.disk, directory: directory)
            }
            // The next start leaves whole ones only.
            let isWhole = try isWhole(place.disk)
            try SnapshotWriter.removeUnfinished(place.disk)
            #expect(place.disk.exists(Self.snapshot) == isWhole)
            // The shard itself is what it was.
            let own = try place.disk.readAll(place.replica.directory / "MANIFEST")
            try ShardImage(decoding: own).verify(
                disk: place.disk, directory: place.replica.directory)
        }
        #expect(wholeCount < calls)
    }

    @Test func whatTheDiskRefusesLeavesNothing() throws {
        let place = try Place(seed: 3)
        place.disk.faults.failures = [place.disk.callCount + 6: 28]
        #expect(throws: (any Error).self) { try place.write() }
        #expect(!place.disk.exists(Self.snapshot))
    }
}
