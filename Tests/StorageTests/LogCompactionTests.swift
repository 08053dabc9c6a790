import Model
import Platform
import Simulator
import Storage
import Testing

private let second = ShardFixture.second
private let epoch = ShardFixture.epoch

/// Compaction, deletion and retention of a shard's log segments.
struct LogCompactionTests {
    private static let other = Tenant("other") ?? .standard

    /// A batch of a round: late lines, equal timestamps and equal lines among them.
    static func batch(_ round: Int, tenant: Tenant = .standard) -> WriteBatch {
        var random = Sequence64(state: UInt64(round))
        var batch = WriteBatch(tenant: tenant)
        for number in 0..<5 {
            batch.streams.append(
                SeriesReference(tenant: tenant, labels: Labels([("app", "a\(number)")])))
        }
        for number in 0..<200 {
            let late = random.next() % 4 == 0 ? Int64(random.next() % 900) : 0
            batch.lines.append(
                streamIndex: UInt32(random.next() % 5),
                timestamp: epoch + (Int64(round * 60 + number / 7) - late) * second,
                line: Array(
                    (number % 9 == 0 ? "the same line" : "round \(round) line \(number)").utf8)[
                        ...],
                metadata: Labels(number % 3 == 0 ? ["n": "\(number % 4)"] : [:]).bytes[...])
        }
        return batch
    }

    /// All lines, in the order of their timestamps; equal ones as the shard gives them.
    static func lines(
        of shard: Shard, tenant: Tenant = .standard
    ) throws -> [PlainLine] {
        let request = LineRequest(
            tenant: tenant, selector: .everything, start: .distantPast, end: .distantFuture,
            filters: [], order: .forward, limit: nil, budget: QueryBudget())
        var result: [PlainLine] = []
        let completeness = try shard.selectLines(request) { data in
            for row in 0..<data.lines.count {
                let stream = data.streams[Int(data.lines.streamIndexes[row])]
                result.append(
                    PlainLine(
                        tenant: tenant, labels: stream.labels ?? .empty,
                        timestamp: data.lines.timestamps[row],
                        bytes: Array(data.lines.bytes[data.lines.lineRange(row)]),
                        metadata: Array(data.lines.metadataBytes[data.lines.metadataRange(row)])))
            }
            return true
        }
        #expect(completeness.isComplete)
        return result
    }

    /// Lines per stream, in order.
    private static func byStream(_ lines: [PlainLine]) -> [Labels: [PlainLine]] {
        Dictionary(grouping: lines) { $0.labels }
    }

    private static func compactAll(_ fixture: ShardFixture, isForced: Bool = true) throws -> Int {
        var count = 0
        while let command = fixture.shard.proposeCompaction(
            dropBefore: .distantPast, isForced: isForced)
        {
            try fixture.apply(command)
            try fixture.shard.runJobs()
            count += 1
            try #require(count < 100)
        }
        return count
    }

    @Test func keepsEveryLineAndTheOrderOfEqualTimestamps() throws {
        let fixture = try ShardFixture()
        for round in 0..<6 {
            try fixture.apply(.write(Self.batch(round)))
            try fixture.apply(.write(Self.batch(round, tenant: Self.other)))
            try fixture.seal()
        }
        let before = try Self.lines(of: fixture.shard)
        let others = try Self.lines(of: fixture.shard, tenant: Self.other)
        #expect(before.count == 1_200 && others.count == 1_200)
        #expect(try Self.compactAll(fixture) == 1)
        let records = fixture.shard.manifest.segments(of: .logs)
        #expect(records.map(\.level) == [1])
        #expect(records.map(\.itemCount) == [2_400])
        #expect(records.map(\.firstIndex) == [1])
        #expect(try fixture.files().count == 4, "manifest, checkpoint, data, index")
        for _ in 0..<2 {
            #expect(
                try Self.byStream(Self.lines(of: fixture.shard)) == Self.byStream(before))
            #expect(
                try Self.byStream(Self.lines(of: fixture.shard, tenant: Self.other))
                    == Self.byStream(others))
            try fixture.reopen()
        }
    }

    @Test func eightNeighboursOfALevelAreMergedUnforced() throws {
        let fixture = try ShardFixture()
        for round in 0..<7 {
            try fixture.apply(.write(Self.batch(round)))
            try fixture.seal()
        }
        #expect(try Self.compactAll(fixture, isForced: false) == 0)
        try fixture.apply(.write(Self.batch(7)))
        try fixture.seal()
        let before = try Self.lines(of: fixture.shard)
        #expect(try Self.compactAll(fixture, isForced: false) == 1)
        #expect(fixture.shard.manifest.segments.map(\.level) == [1])
        #expect(try Self.byStream(Self.lines(of: fixture.shard)) == Self.byStream(before))
    }

    @Test func sameEntriesGiveTheSameFiles() throws {
        let one = try ShardFixture()
        for round in 0..<9 {
            try one.apply(.write(Self.batch(round)))
            try one.seal()
            if round % 3 == 2 { _ = try Self.compactAll(one) }
        }
        let another = try ShardFixture()
        try one.replay(into: another.shard)
        try another.shard.runJobs()
        #expect(another.shard.manifest == one.shard.manifest)
        for record in one.shard.manifest.segments {
            for file in [record.data.name, record.index.name] {
                #expect(
                    try one.disk.readAll(one.directory / file)
                        == another.disk.readAll(another.directory / file))
            }
        }
    }

    @Test func aDeletedTenantsLinesGoAndLaterOnesStay() throws {
        let fixture = try ShardFixture()
        try fixture.apply(.write(Self.batch(0, tenant: Self.other)))
        try fixture.apply(.write(Self.batch(1)))
        try fixture.seal()
        try fixture.apply(.deleteTenant(Self.other))
        try fixture.shard.runJobs()
        try fixture.apply(.write(Self.batch(2, tenant: Self.other)))
        try fixture.seal()
        let kept = try Self.lines(of: fixture.shard, tenant: Self.other)
        #expect(kept.count == 200, "only what was written after the deletion")
        let standard = try Self.lines(of: fixture.shard)
        #expect(try Self.compactAll(fixture) == 1)
        #expect(try Self.lines(of: fixture.shard, tenant: Self.other) == kept)
        #expect(try Self.lines(of: fixture.shard) == standard)
        #expect(fixture.shard.manifest.segments.map(\.itemCount) == [400])
        #expect(fixture.shard.manifest.tombstones.isEmpty)
        try fixture.apply(.deleteTenant(Self.other))
        try fixture.apply(.deleteTenant(.standard))
        try fixture.shard.runJobs()
        let name = fixture.shard.manifest.segments[0].name
        try fixture.apply(
            .compact(signal: .logs, inputs: [name], level: 1, dropBefore: .distantPast))
        try fixture.shard.runJobs()
        #expect(fixture.shard.manifest.segments.isEmpty, "nothing is left to hold")
        #expect(try fixture.files().count == 2, "manifest and checkpoint")
    }

    @Test func linesPastTheirRetentionAreDroppedAndTheirDiskIsFree() throws {
        let fixture = try ShardFixture()
        for round in 0..<4 {
            try fixture.apply(.write(Self.batch(round)))
            try fixture.seal()
        }
        let before = try Self.lines(of: fixture.shard)
        let cut = Timestamp(nanos: epoch + 100 * second)
        let names = fixture.shard.manifest.segments(of: .logs).map(\.name)
        try fixture.apply(.compact(signal: .logs, inputs: names, level: 1, dropBefore: cut))
        try fixture.shard.runJobs()
        let expected = before.filter { $0.timestamp >= cut.nanos }
        #expect(expected.count > 100 && expected.count < before.count)
        #expect(
            try Self.byStream(Self.lines(of: fixture.shard)) == Self.byStream(expected))
        let record = try #require(fixture.shard.manifest.segments.first)
        #expect(record.start >= cut && record.itemCount == expected.count)
        // When most of a segment is past its retention, it is written again without that part.
        let late = Timestamp(nanos: record.start.nanos / 2 + record.end.nanos / 2 + 9 * second)
        let command = try #require(
            fixture.shard.proposeCompaction(dropBefore: late, isForced: false))
        try fixture.apply(command)
        try fixture.shard.runJobs()
        #expect(
            try Self.lines(of: fixture.shard).count
                == expected.filter { $0.timestamp >= late.nanos }.count)
        #expect(fixture.shard.proposeCompaction(dropBefore: late, isForced: false) == nil)
        try fixture.apply(.expire(signal: .logs, before: .distantFuture))
        try fixture.shard.runJobs()
        #expect(try fixture.files().count == 2, "manifest and checkpoint")
    }

    @Test func aCommandThatAnotherOvertookDoesNothing() throws {
        let fixture = try ShardFixture()
        for round in 0..<2 {
            try fixture.apply(.write(Self.batch(round)))
            try fixture.seal()
        }
        let command = try #require(
            fixture.shard.proposeCompaction(dropBefore: .distantPast, isForced: true))
        try fixture.apply(command)
        try fixture.apply(command)
        try fixture.shard.runJobs()
        #expect(fixture.shard.manifest.segments.map(\.level) == [1])
        #expect(try Self.lines(of: fixture.shard).count == 400)
    }

    @Test(arguments: [DiskFaults.Tear.dropAll, .keepAll, .sectors])
    func aPowerCutAtAnyStepLeavesTheOldOrTheNew(tear: DiskFaults.Tear) throws {
        let directory: DiskPath = "shard-0"
        func open(_ disk: SimulatedDisk) throws -> Shard {
            try Shard.open(disk: disk, directory: directory, number: 0, telemetry: Telemetry())
        }
        func prepared(seed: UInt64) throws -> (SimulatedDisk, Shard) {
            let disk = SimulatedDisk(seed: seed)
            let shard = try open(disk)
            for round in 0..<3 {
                let write = ShardCommand.write(Self.batch(round)).encoded()
                _ = try shard.apply(index: UInt64(2 * round + 1), payload: write)
                let seal = ShardCommand.seal(at: Timestamp(nanos: epoch)).encoded()
                _ = try shard.apply(index: UInt64(2 * round + 2), payload: seal)
                try shard.runJobs()
            }
            return (disk, shard)
        }
        func compact(_ shard: Shard) throws {
            guard
                let command = shard.proposeCompaction(dropBefore: .distantPast, isForced: true)
            else { return }
            _ = try shard.apply(index: 7, payload: command.encoded())
            try shard.runJobs()
        }
        let (whole, first) = try prepared(seed: 1)
        let expected = Self.byStream(try Self.lines(of: first))
        let callsBefore = whole.callCount
        try compact(first)
        let calls = whole.callCount - callsBefore
        #expect(calls >= 8, "two files, their names, the manifest")
        for call in 1...calls {
            let comment: Comment = "\(tear), power cut at call \(call)"
            let (disk, shard) = try prepared(seed: UInt64(call))
            disk.faults.tear = tear
            disk.faults.powerCutAtCall = disk.callCount + call
            do { try compact(shard) } catch is StorageError {}
            disk.powerCycle()
            let again = try open(disk)
            let count = again.manifest.segments.count
            #expect(count == 3 || count == 1, comment)
            #expect(try Self.byStream(Self.lines(of: again)) == expected, comment)
            try compact(again)
            #expect(again.manifest.segments.map(\.level) == [1], comment)
            #expect(try Self.byStream(Self.lines(of: again)) == expected, comment)
        }
    }
}
