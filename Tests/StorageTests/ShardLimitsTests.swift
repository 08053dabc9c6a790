import Foundation
import Model
import Platform
import Storage
import Testing

/// Limits that an entry changes: part of the replicated state, whatever a node is configured with.
struct ShardLimitsTests {
    private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Golden").appendingPathComponent("limits")
    private static let limits = ShardLimits(
        seriesMax: 2, streamsMax: 300, metadataMax: 4, idleSeconds: 3_600)

    private static func batch(_ names: String...) -> WriteBatch {
        var batch = WriteBatch(tenant: .standard)
        for (index, name) in names.enumerated() {
            batch.series.append(
                SeriesReference(
                    tenant: .standard, labels: Labels([("__name__", "m"), ("n", name)])))
            batch.samples.append(
                seriesIndex: UInt32(index), timestamp: ShardFixture.epoch, value: 1)
        }
        return batch
    }

    /// Version of the newest checkpoint.
    private static func checkpointVersion(_ fixture: ShardFixture) throws -> UInt8 {
        let name = fixture.shard.manifest.checkpoint.name
        return try fixture.disk.readAll(fixture.directory / name)[4]
    }

    private static func refusedCount(_ outcome: ApplyOutcome) -> Int? {
        guard case .applied(let rejections) = outcome else { return nil }
        return rejections.reduce(0) { $0 + $1.itemCount }
    }

    @Test func theCommandComesBack() throws {
        let command = ShardCommand.limit(Self.limits)
        #expect(command.encoded() == [1, 5, 2, 172, 2, 4, 16, 14, 0, 0])
        #expect(try ShardCommand(decoding: command.encoded()) == command)
        for count in 0..<command.encoded().count {
            #expect(throws: StorageError.self) {
                _ = try ShardCommand(decoding: Array(command.encoded()[..<count]))
            }
        }
    }

    @Test func theyHoldFromTheirEntryOnAndOverRestarts() throws {
        let fixture = try ShardFixture()
        #expect(fixture.shard.limits == ShardLimits())
        let before = try fixture.apply(.write(Self.batch("a", "b", "c")))
        #expect(Self.refusedCount(before) == 0)
        try fixture.apply(.limit(Self.limits))
        // What is known stays.
        #expect(Self.refusedCount(try fixture.apply(.write(Self.batch("c", "d", "e")))) == 2)
        try fixture.reopen()
        #expect(fixture.shard.limits == Self.limits, "from the log")
        try fixture.seal()
        #expect(try Self.checkpointVersion(fixture) == 2)
        try fixture.reopen()
        #expect(fixture.shard.limits == Self.limits, "from the checkpoint")
        #expect(Self.refusedCount(try fixture.apply(.write(Self.batch("a", "f")))) == 1)
    }

    @Test func withoutOtherLimitsAnOlderVersionReadsTheCheckpoint() throws {
        let fixture = try ShardFixture()
        try fixture.apply(.write(Self.batch("a")))
        try fixture.seal()
        #expect(try Self.checkpointVersion(fixture) == 1)
        try fixture.apply(.limit(Self.limits))
        try fixture.apply(.limit(ShardLimits()))
        try fixture.apply(.write(Self.batch("b")))
        try fixture.seal()
        #expect(try Self.checkpointVersion(fixture) == 1)
    }

    private static func makeGolden() throws -> ShardFixture {
        let fixture = try ShardFixture()
        try fixture.apply(.limit(limits))
        try fixture.apply(.write(batch("a", "b")))
        try fixture.seal()
        return fixture
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["VARVE_WRITE_GOLDEN"] != nil))
    func writesGoldenFiles() throws {
        let fixture = try Self.makeGolden()
        if FileManager.default.fileExists(atPath: Self.golden.path) {
            try FileManager.default.removeItem(at: Self.golden)
        }
        try FileManager.default.copyItem(
            at: URL(fileURLWithPath: fixture.root + "/" + fixture.directory.string),
            to: Self.golden)
    }

    /// Version 2 of the checkpoint must be read for good.
    @Test func theGoldenLimitsAreReadAsTheyWereWritten() throws {
        let fixture = try Self.makeGolden()
        let expected = try fixture.dump()
        let directory = URL(fileURLWithPath: fixture.root + "/" + fixture.directory.string)
        try FileManager.default.removeItem(at: directory)
        try FileManager.default.copyItem(at: Self.golden, to: directory)
        fixture.shard = try Shard.open(
            disk: fixture.disk, directory: fixture.directory, number: 0, telemetry: Telemetry())
        #expect(fixture.shard.limits == Self.limits && fixture.shard.durableIndex == 3)
        #expect(try fixture.dump() == expected)
    }
}
