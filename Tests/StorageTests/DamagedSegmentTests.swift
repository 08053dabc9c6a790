import Model
import Platform
import Storage
import Testing

private let second = ShardFixture.second
private let epoch = ShardFixture.epoch

/// A block that rots on the disk, or a file that is gone, costs what is in it, nothing else.
struct DamagedSegmentTests {
    /// Five sealed segments of each signal.
    private func sealedShard() throws -> ShardFixture {
        let fixture = try ShardFixture()
        for round in 0..<5 {
            try fixture.apply(.write(LogCompactionTests.batch(round)))
            let rows = (0..<100).map {
                (
                    labels: labels("m"), time: epoch + Int64(round * 100 + $0) * second,
                    value: Double($0)
                )
            }
            try fixture.apply(.write(.samples(rows)))
            try fixture.seal(at: epoch + Int64(round) * second)
        }
        return fixture
    }

    enum Damage: CaseIterable { case rot, loss }

    /// Turns bits in a segment's data file, or removes it.
    private func damage(
        _ record: SegmentRecord, by damage: Damage, in fixture: ShardFixture
    ) throws {
        let path = fixture.directory / record.data.name
        if damage == .loss { return try fixture.disk.remove(path) }
        var bytes = try fixture.disk.readAll(path)
        bytes[20] ^= 0x55
        try fixture.disk.replaceDurably(path, with: bytes)
    }

    /// A lost file is tried several times, as the disk may only have been busy.
    private func runJobs(_ shard: Shard, after damage: Damage) throws {
        for _ in 0..<StorageLimits.readAttemptsMax {
            guard damage == .loss else { break }
            do {
                try shard.runJobs()
                return
            } catch {
                guard case .disk(.notFound) = error else { throw error }
            }
        }
        try shard.runJobs()
    }

    @Test(arguments: [SignalKind.metrics, .logs], Damage.allCases)
    func aCompactionLeavesItAloneAndTheShardGoesOn(signal: SignalKind, by damage: Damage) throws {
        let fixture = try sealedShard()
        let segments = fixture.shard.manifest.segments(of: signal)
        try self.damage(segments[2], by: damage, in: fixture)
        try fixture.reopen()

        var commandCount = 0
        while let command = fixture.shard.proposeCompaction(
            dropBefore: .distantPast, isForced: true)
        {
            try fixture.apply(command)
            try runJobs(fixture.shard, after: damage)
            commandCount += 1
            try #require(commandCount < 20)
        }
        let left = fixture.shard.manifest.segments(of: signal)
        // Two before it became one, two behind it another.
        #expect(left.map(\.level) == [1, 0, 1])
        #expect(left[1] == segments[2])

        // Seals and queries go on; what is missing is named.
        try fixture.apply(.write(.samples([(labels("m"), epoch + 900 * second, 1)])))
        try fixture.seal(at: epoch + 900 * second)
        let request = SeriesRequest(
            tenant: .standard, selector: .everything, start: .distantPast, end: .distantFuture,
            budget: QueryBudget())
        var sampleCount = 0
        let completeness = try fixture.shard.selectSeries(request) { batch in
            sampleCount += batch.reduce(0) { $0 + $1.values.count }
        }
        #expect(sampleCount == (signal == .metrics ? 401 : 501))
        #expect(completeness.isComplete == (signal == .logs))
        #expect(
            completeness.missing.allSatisfy { $0.contains(segments[2].data.name) },
            "\(completeness.missing)")

        // Retention takes it like any other.
        try fixture.apply(.expire(signal: signal, before: .distantFuture))
        try fixture.shard.runJobs()
        #expect(fixture.shard.manifest.segments(of: signal).isEmpty)
    }

    /// Two segments of two tenants, and what they come to when they are merged.
    private func twoTenants() throws -> ShardFixture {
        let fixture = try ShardFixture()
        for round in 0..<2 {
            for tenant in [Tenant.standard, Tenant("other") ?? .standard] {
                try fixture.apply(.write(LogCompactionTests.batch(round, tenant: tenant)))
            }
            try fixture.seal(at: epoch + Int64(round) * second)
        }
        return fixture
    }

    /// The index of a log segment is made again from the data when any of its bytes has rotted:
    /// nobody gets another tenant's lines, and a merger has the bytes that it has elsewhere.
    @Test func aRottenIndexOfLogsChangesNothing() throws {
        let sound = try twoTenants()
        let expected = try LogCompactionTests.lines(of: sound.shard)
        try merge(sound)
        let merged = sound.shard.manifest.segments
        let record = try #require(try twoTenants().shard.manifest.segments.first)
        for byte in stride(from: 3, to: record.index.byteCount, by: 97) {
            let fixture = try twoTenants()
            let path = fixture.directory / record.index.name
            var bytes = try fixture.disk.readAll(path)
            bytes[byte] ^= 0x04
            try fixture.disk.replaceDurably(path, with: bytes)
            try fixture.reopen()
            #expect(try LogCompactionTests.lines(of: fixture.shard) == expected, "byte \(byte)")
            try merge(fixture)
            #expect(fixture.shard.manifest.segments == merged, "byte \(byte)")
        }
    }

    private func merge(_ fixture: ShardFixture) throws {
        let command = try #require(
            fixture.shard.proposeCompaction(dropBefore: .distantPast, isForced: true))
        try fixture.apply(command)
        try fixture.shard.runJobs()
    }
}
