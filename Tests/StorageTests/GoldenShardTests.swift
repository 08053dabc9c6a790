import Foundation
import Model
import Platform
import Storage
import Testing

/// A shard's directory and a batch as this version wrote them: every later version must still read
/// them. `scripts/golden` writes them anew after a change of a format, for which there is no other
/// reason.
struct GoldenShardTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Golden")
    private static let other = Tenant("other") ?? .standard

    /// What the golden shard was made by. A compacted and a sealed segment of both kinds, and a
    /// tombstone that is not resolved.
    private static func apply(to fixture: ShardFixture) throws {
        for round in 0..<4 {
            try ShardTests.writeRound(fixture, round)
            try fixture.apply(.write(LogCompactionTests.batch(round)))
            try fixture.apply(.write(LogCompactionTests.batch(round, tenant: other)))
            try fixture.seal()
            guard round == 2 else { continue }
            while let command = fixture.shard.proposeCompaction(
                dropBefore: .distantPast, isForced: true)
            {
                try fixture.apply(command)
                try fixture.shard.runJobs()
            }
            try fixture.apply(.deleteTenant(other))
            try fixture.shard.runJobs()
        }
    }

    @Test(
        .enabled(if: ProcessInfo.processInfo.environment["VARVE_WRITE_GOLDEN"] != nil))
    func writesGoldenFiles() throws {
        let fixture = try ShardFixture()
        try Self.apply(to: fixture)
        let target = Self.folder.appendingPathComponent("shard")
        if FileManager.default.fileExists(atPath: target.path) {
            try FileManager.default.removeItem(at: target)
        }
        try FileManager.default.createDirectory(
            at: Self.folder, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            at: URL(fileURLWithPath: fixture.root + "/" + fixture.directory.string), to: target)
        try Data(LogCompactionTests.batch(0).encoded())
            .write(to: Self.folder.appendingPathComponent("batch"))
    }

    @Test func theGoldenShardIsReadAsItWasWritten() throws {
        let expected = try ShardFixture()
        try Self.apply(to: expected)
        let fixture = try ShardFixture()
        let directory = URL(fileURLWithPath: fixture.root + "/" + fixture.directory.string)
        try FileManager.default.removeItem(at: directory)
        try FileManager.default.copyItem(
            at: Self.folder.appendingPathComponent("shard"), to: directory)
        fixture.shard = try Shard.open(
            disk: fixture.disk, directory: fixture.directory, number: 0, telemetry: Telemetry())
        let records = fixture.shard.manifest.segments
        #expect(
            Set(records.map { "\($0.signal) \($0.level)" })
                == ["metrics 0", "metrics 1", "logs 0", "logs 1"])
        #expect(fixture.shard.manifest.tombstones.map(\.tenant) == [Self.other])
        #expect(fixture.shard.durableIndex == expected.shard.durableIndex)
        #expect(try fixture.dump() == expected.dump())
        #expect(try fixture.dump().count > 8)
        for tenant in [Tenant.standard, Self.other] {
            let lines = try LogCompactionTests.lines(of: fixture.shard, tenant: tenant)
            #expect(lines.count == (tenant == .standard ? 800 : 200))
            #expect(try lines == LogCompactionTests.lines(of: expected.shard, tenant: tenant))
        }
        // What the checkpoint remembers: series by fingerprint alone.
        let known = SeriesID(tenant: .standard, labels: labels("c"))
        #expect(fixture.shard.knows([known], signal: .metrics) == [true])
        for record in records where record.signal == .logs {
            let segment = try LogSegment.open(
                disk: fixture.disk, path: fixture.directory / record.data.name,
                indexPath: fixture.directory / record.index.name)
            try segment.verify()
        }
    }

    @Test func theGoldenBatchIsReadAsItWasWritten() throws {
        let bytes = try Data(contentsOf: Self.folder.appendingPathComponent("batch"))
        #expect(try WriteBatch(decoding: Array(bytes)) == LogCompactionTests.batch(0))
    }
}
