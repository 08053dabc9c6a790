import Model
import Platform
import Storage
import Testing

private let second = ShardFixture.second
private let epoch = ShardFixture.epoch

/// Series and lines that somebody asked to be forgotten: gone from answers at once, from the disk
/// when their segments have been written again, and the same on every replica.
struct DeletionTests {
    private static let other = Tenant("other") ?? .standard

    private static func time(_ seconds: Int64) -> Timestamp {
        Timestamp(nanos: epoch + seconds * second)
    }

    /// Deletes what `app` says, in [start, end) seconds after the epoch.
    private static func delete(
        _ fixture: ShardFixture, _ signal: SignalKind, app: String, from start: Int64? = nil,
        to end: Int64? = nil, filters: [LineFilter] = [], tenant: Tenant = .standard
    ) throws {
        try fixture.apply(
            .delete(
                Deletion(
                    tenant: tenant, signal: signal,
                    selector: Selector([try Matcher("app", .matches, app)]),
                    start: start.map(time) ?? .distantPast, end: end.map(time) ?? .distantFuture,
                    filters: filters), at: time(0)))
    }

    /// A sample a second of three series, floats and histograms.
    private static func write(
        _ fixture: ShardFixture, _ seconds: Range<Int64>, tenant: Tenant = .standard
    ) throws {
        for number in seconds {
            var batch = WriteBatch(tenant: tenant)
            for app in ["a", "b", "c"] {
                let series = batch.number(of: labels("m", ["app": app]))
                batch.samples.append(
                    seriesIndex: series, timestamp: time(number).nanos, value: Double(number))
                let latency = batch.number(of: labels("h", ["app": app]))
                var histogram = Histogram(schema: 3)
                histogram.count = Double(number + 1)
                histogram.zeroCount = Double(number + 1)
                batch.histograms.append(
                    HistogramSample(
                        seriesIndex: latency, timestamp: time(number).nanos,
                        histogram: histogram))
            }
            try fixture.apply(.write(batch))
        }
    }

    /// Seconds after the epoch at which each app has a sample of each kind.
    private static func seconds(
        _ fixture: ShardFixture, tenant: Tenant = .standard
    ) throws -> [String: [Int64]] {
        var found: [String: [Int64]] = [:]
        for data in try fixture.query(tenant: tenant) {
            let nanos = data.timestamps.nanos + data.histogramTimestamps.nanos
            found["\(data.labels["__name__"] ?? "")/\(data.labels["app"] ?? "")"] = nanos.map {
                ($0 - epoch) / second
            }
        }
        return found
    }

    /// Does what a leader proposes to free space, until it proposes nothing; how many commands.
    @discardableResult
    private static func clean(_ fixture: ShardFixture) throws -> Int {
        try fixture.shard.runJobs()
        var count = 0
        while let command = fixture.shard.proposeCleaning(dropBefore: .distantPast) {
            try fixture.apply(command)
            try fixture.shard.runJobs()
            count += 1
            try #require(count < 20, "cleaning comes to no end")
        }
        return count
    }

    /// In memory, while the job waits, sealed, after a restart, after cleaning, merged: the same answer.
    @Test func deletedSamplesAreGoneAtOnceAndLaterOnesStay() throws {
        let fixture = try ShardFixture()
        try Self.write(fixture, 0..<10)
        try fixture.seal()
        try Self.write(fixture, 10..<20)
        try Self.write(fixture, 0..<20, tenant: Self.other)
        try Self.delete(fixture, .metrics, app: "a|b", from: 5, to: 15)
        let kept = Array(0..<5) + Array(15..<20) as [Int64]
        let all = Array(0..<20) as [Int64]
        let expected = [
            "m/a": kept, "m/b": kept, "m/c": all, "h/a": kept, "h/b": kept, "h/c": all,
        ]
        #expect(try Self.seconds(fixture) == expected, "before the job")
        try fixture.shard.runJobs()
        #expect(try Self.seconds(fixture) == expected)
        try fixture.reopen()
        #expect(try Self.seconds(fixture) == expected)
        #expect(try Self.seconds(fixture, tenant: Self.other).values.allSatisfy { $0 == all })
        // A late sample in the time of the deletion counts.
        try fixture.apply(
            .write(.samples([(labels("m", ["app": "a"]), Self.time(7).nanos, 1)])))
        var late = expected
        late["m/a"] = Array(0..<5) + [7] + Array(15..<20)
        #expect(try Self.seconds(fixture) == late)
        try fixture.seal()
        let before = fixture.shard.manifest.segments.map(\.itemCount)
        #expect(try Self.clean(fixture) == 2, "both segments: the deletion is forgotten with it")
        #expect(try Self.seconds(fixture) == late)
        #expect(fixture.shard.manifest.segments.map(\.itemCount) == [40, 160, 1])
        #expect(before == [60, 180, 1])
        #expect(fixture.shard.manifest.tombstones.isEmpty)
        try fixture.compact()
        #expect(try Self.seconds(fixture) == late)
        try fixture.reopen()
        #expect(try Self.seconds(fixture) == late)
    }

    @Test func aSeriesWhoseSamplesAreAllDeletedIsNotListed() throws {
        let fixture = try ShardFixture()
        try Self.write(fixture, 0..<3)
        try fixture.seal()
        try Self.write(fixture, 3..<6)
        try Self.delete(fixture, .metrics, app: "a")
        let request = LabelRequest(tenant: .standard, signal: .metrics, budget: QueryBudget())
        let listed = { try fixture.shard.labelSets(request).values.compactMap { $0["app"] } }
        #expect(try listed() == ["b", "c", "b", "c"])
        try Self.clean(fixture)
        #expect(try listed() == ["b", "c", "b", "c"])
        #expect(try fixture.shard.labelValues("app", request).values == ["b", "c"])
    }

    /// What nothing is deleted of is not written again, and the deletion is forgotten all the same.
    @Test func segmentsWithoutTheSeriesStayAsTheyAre() throws {
        let fixture = try ShardFixture()
        try Self.write(fixture, 0..<10)
        try fixture.seal()
        let manifest = fixture.shard.manifest
        try Self.delete(fixture, .metrics, app: "x")
        try Self.delete(fixture, .metrics, app: "a", from: 100, to: 200)
        try Self.delete(fixture, .logs, app: "a")
        try fixture.shard.runJobs()
        #expect(fixture.shard.manifest.tombstones.count == 1)
        #expect(try Self.clean(fixture) == 1)
        #expect(fixture.shard.manifest.segments == manifest.segments)
        #expect(fixture.shard.manifest.tombstones.isEmpty)
    }

    /// A time in which the series has no samples: writing the segment again changes nothing in it.
    @Test func cleaningEndsWhereNothingWasToBeLeftOut() throws {
        let fixture = try ShardFixture()
        try Self.write(fixture, 0..<3)
        try Self.write(fixture, 10..<12)
        try fixture.seal()
        try fixture.compact()
        try Self.delete(fixture, .metrics, app: "a", from: 5, to: 8)
        let before = try Self.seconds(fixture)
        #expect(try Self.clean(fixture) == 2, "written again, then forgotten")
        #expect(try Self.seconds(fixture) == before)
        try fixture.reopen()
        #expect(try Self.seconds(fixture) == before)
        #expect(try Self.clean(fixture) == 0)
    }

    @Test func deletedLinesAreGoneByStreamTimeAndText() throws {
        let fixture = try ShardFixture()
        let whole = "a[0-2]"
        for round in 0..<3 {
            try fixture.apply(.write(LogCompactionTests.batch(round)))
            if round < 2 { try fixture.seal() }
        }
        let all = try LogCompactionTests.lines(of: fixture.shard)
        let noisy = LineFilter([.contains(Array("the same line".utf8))])
        try Self.delete(fixture, .logs, app: whole, from: 0, to: 70)
        try Self.delete(fixture, .logs, app: "a4", filters: [noisy])
        let expected = all.filter { line in
            let app = line.labels["app"] ?? ""
            let seconds = (line.timestamp - epoch) / second
            if ["a0", "a1", "a2"].contains(app), line.timestamp >= epoch, seconds < 70 {
                return false
            }
            return app != "a4" || line.text != Array("the same line".utf8)
        }
        try #require(expected.count < all.count - 50)
        func check(_ comment: Comment) throws {
            let found = try LogCompactionTests.lines(of: fixture.shard)
            #expect(Set(found) == Set(expected) && found.count == expected.count, comment)
        }
        try check("before the jobs")
        try fixture.shard.runJobs()
        try check("sealed")
        try fixture.reopen()
        try check("after a restart")
        try Self.clean(fixture)
        try check("cleaned")
        #expect(fixture.shard.manifest.tombstones.isEmpty)
        #expect(fixture.shard.manifest.segments.map(\.itemCount).reduce(0, +) == expected.count)
        let late = PlainLine(
            labels: Labels([("app", "a4")]), timestamp: epoch, text: "the same line")
        var batch = WriteBatch(tenant: .standard)
        batch.streams.append(SeriesReference(tenant: .standard, labels: late.labels))
        batch.lines.append(streamIndex: 0, timestamp: epoch, line: late.text[...])
        try fixture.apply(.write(batch))
        #expect(
            try LogCompactionTests.lines(of: fixture.shard).count == expected.count + 1,
            "what comes after stays")
    }

    @Test func replicasThatApplyTheSameHoldTheSame() throws {
        let one = try ShardFixture()
        for round in 0..<6 {
            try Self.write(one, Int64(round) * 10..<Int64(round) * 10 + 10)
            try one.apply(.write(LogCompactionTests.batch(round)))
            if round.isMultiple(of: 2) { try one.seal() }
            try Self.delete(
                one, round.isMultiple(of: 3) ? .logs : .metrics, app: "a|a\(round % 5)",
                from: Int64(round) * 5, to: 200)
            if round % 3 == 2 { try Self.clean(one) }
        }
        let another = try ShardFixture()
        try one.replay(into: another.shard)
        try one.shard.runJobs()
        try another.shard.runJobs()
        #expect(another.shard.manifest == one.shard.manifest)
        #expect(try another.dump() == one.dump())
        #expect(try another.files() == one.files())
    }

    /// Manifests without deletions are what older readers know.
    @Test func aManifestSaysVersionTwoOnlyWhileItHasTo() throws {
        let fixture = try ShardFixture()
        func version() throws -> UInt8 {
            try fixture.disk.readAll(fixture.directory / Manifest.fileName)[4]
        }
        try Self.write(fixture, 0..<4)
        try fixture.seal()
        #expect(try version() == 1)
        try Self.delete(fixture, .metrics, app: "a")
        try fixture.shard.runJobs()
        #expect(try version() == 2)
        #expect(
            try Manifest.load(disk: fixture.disk, directory: fixture.directory)
                == fixture.shard.manifest)
        try Self.clean(fixture)
        // The next merge does not carry on what was cleaned.
        try fixture.compact()
        #expect(try version() == 1)
    }

    @Test func commandsAreReadAsTheyWereWritten() throws {
        let deletion = Deletion(
            tenant: Self.other, signal: .logs,
            selector: Selector(alternatives: [
                [Matcher("app", equals: "a"), try Matcher("b", .notMatches, "x.*")], [],
            ]), start: Self.time(1), end: Self.time(2),
            filters: [
                LineFilter(
                    [.contains([1, 2]), .matches(try RegularExpression("a.b", foldsCase: true))],
                    negated: true)
            ])
        for command in [
            ShardCommand.delete(deletion, at: Self.time(3)), .forgetDeletions(through: 77),
        ] {
            #expect(try ShardCommand(decoding: command.encoded()) == command)
            #expect(command.encoded()[0] == 2, "what version 1 does not know stops its readers")
        }
        let write = ShardCommand.write(.samples([(labels("m"), epoch, 1)]))
        #expect(write.encoded()[0] == 1)
    }
}
