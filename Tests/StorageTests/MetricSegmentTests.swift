import Encoding
import Model
import Platform
import Storage
import Testing

private let second = ShardFixture.second
private let epoch = ShardFixture.epoch

struct MetricSegmentTests {
    /// A shard with one segment of floats and histograms; `isDense`: compacted.
    static func sealed(isDense: Bool) throws -> (ShardFixture, SegmentRecord) {
        let fixture = try ShardFixture()
        for round in 0..<2 {
            try ShardTests.writeRound(fixture, round)
            try fixture.seal()
        }
        try fixture.compact()
        if !isDense {
            try ShardTests.writeRound(fixture, 5)
            try fixture.seal()
        }
        let record = try #require(fixture.shard.manifest.segments.last)
        return (fixture, record)
    }

    /// One bit of every 7th byte is turned over, one at a time: each must be seen by `verify`, and
    /// a query must answer or say what is missing, never trap.
    @Test(arguments: [false, true])
    func aTurnedBitIsFoundWhereverItIs(isDense: Bool) throws {
        let (fixture, record) = try Self.sealed(isDense: isDense)
        let path = fixture.directory / record.data.name
        let good = try fixture.disk.readAll(path)
        var missed: [Int] = []
        for place in stride(from: 0, to: good.count, by: 7) {
            var bad = good
            bad[place] ^= UInt8(1 << (place % 8))
            try fixture.disk.replaceDurably(path, with: bad)
            do {
                try StorageInspection.verify(
                    disk: fixture.disk, directory: fixture.directory, segment: record)
                missed.append(place)
            } catch {}
            guard place % 5 == 0 else { continue }
            let shard = try Shard.open(
                disk: fixture.disk, directory: fixture.directory, number: 0,
                telemetry: Telemetry())
            _ = try shard.selectSeries(
                SeriesRequest(
                    tenant: .standard, selector: .everything, start: .distantPast,
                    end: .distantFuture, budget: QueryBudget())
            ) { _ in }
        }
        #expect(missed == [])
    }

    @Test func aCorruptSegmentIsNamedAndTheRestIsAnswered() throws {
        let fixture = try ShardFixture()
        for day in 0..<2 {
            try fixture.apply(
                .write(.samples([(labels("a"), epoch + Int64(day) * second, Double(day))])))
            try fixture.seal()
        }
        let first = fixture.shard.manifest.segments[0].data.name
        let path = fixture.directory / first
        var bytes = try fixture.disk.readAll(path)
        bytes[20] ^= 1
        try fixture.disk.replaceDurably(path, with: bytes)
        try fixture.reopen()
        var values: [Double] = []
        let completeness = try fixture.shard.selectSeries(
            SeriesRequest(
                tenant: .standard, selector: .everything, start: .distantPast,
                end: .distantFuture, budget: QueryBudget())
        ) { values += $0.flatMap(\.values) }
        #expect(values == [1])
        #expect(completeness.missing.count == 1)
        #expect(completeness.missing.first?.contains(first) == true)
        let problems = try StorageInspection.problems(
            disk: fixture.disk, directory: fixture.directory)
        #expect(problems.count == 1)
    }

    @Test func aLostIndexIsBuiltAgain() throws {
        let (fixture, record) = try Self.sealed(isDense: true)
        let expected = try fixture.dump()
        let path = fixture.directory / record.index.name
        let index = try fixture.disk.readAll(path)
        try fixture.disk.replaceDurably(path, with: Array(index.prefix(100)))
        try fixture.reopen()
        #expect(try fixture.dump() == expected)
        #expect(try fixture.disk.readAll(path) == index)
    }

    @Test(arguments: ["MANIFEST", "checkpoint", "segment"])
    func aLaterVersionIsRefusedInOneLine(_ file: String) throws {
        let (fixture, record) = try Self.sealed(isDense: true)
        let manifest = fixture.shard.manifest
        let name =
            file == "segment"
            ? record.data.name : file == "checkpoint" ? manifest.checkpoint.name : file
        let path = fixture.directory / name
        var bytes = try fixture.disk.readAll(path)
        bytes[4] = 99
        try fixture.disk.replaceDurably(path, with: bytes)
        if file == "segment" {
            #expect(throws: StorageError.newerFormat(file: path.string, version: 99, versionMax: 1))
            {
                try StorageInspection.verify(
                    disk: fixture.disk, directory: fixture.directory, segment: record)
            }
        } else {
            #expect(
                throws: StorageError.newerFormat(file: path.string, version: 99, versionMax: 2)
            ) { try fixture.reopen() }
        }
    }

    @Test func inspectionTellsWhereTheBytesGo() throws {
        let (fixture, record) = try Self.sealed(isDense: true)
        #expect(
            try StorageInspection.shards(disk: fixture.disk, root: .root) == [fixture.directory])
        let bytes = try StorageInspection.columnBytes(
            disk: fixture.disk, directory: fixture.directory, segment: record)
        let sum = bytes.timestamps + bytes.values + bytes.histograms + bytes.directory
        #expect(sum > 0 && sum <= record.data.byteCount)
        #expect(
            try StorageInspection.problems(disk: fixture.disk, directory: fixture.directory) == []
        )
    }
}
