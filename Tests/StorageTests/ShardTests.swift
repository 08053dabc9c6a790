import Model
import Platform
import Storage
import Testing

private let second = ShardFixture.second
private let epoch = ShardFixture.epoch

struct ShardTests {
    @Test func whatIsWrittenIsReadBitForBit() throws {
        let fixture = try ShardFixture()
        let odd: [Double] = [
            0, -0.0, 1, 1.5, -3.25, 1e300, .infinity, -.infinity, .staleMarker,
            Double(bitPattern: 0x7ff8_0000_0000_1234), .leastNonzeroMagnitude, 0.1, 1 / 3,
            9_007_199_254_740_992, 51.846000000000004,
        ]
        let rows = odd.enumerated().map {
            (labels: labels("odd"), time: epoch + Int64($0.offset) * second, value: $0.element)
        }
        try fixture.apply(.write(.samples(rows)))
        for step in 0..<4 {
            let data = try #require(try fixture.query().first)
            #expect(data.values.map(\.bitPattern) == odd.map(\.bitPattern), "step \(step)")
            #expect(data.timestamps.nanos == rows.map(\.time))
            #expect(data.id == SeriesID(tenant: .standard, labels: labels("odd")))
            switch step {
            case 0: try fixture.seal()
            case 1: try fixture.compact()
            default: try fixture.reopen()
            }
        }
    }

    @Test func lateSamplesAreSortedAndTheLaterWriteWins() throws {
        let fixture = try ShardFixture()
        let a = labels("a")
        try fixture.apply(
            .write(.samples([(a, epoch + 20 * second, 1), (a, epoch, 2), (a, epoch, 3)])))
        try fixture.seal()
        try fixture.apply(
            .write(.samples([(a, epoch + 20 * second, 4), (a, epoch + 10 * second, 5)])))
        let expected = [3.0, 5, 4]
        #expect(try fixture.query().map(\.values) == [expected])
        try fixture.apply(.seal(at: Timestamp(nanos: epoch)))
        #expect(try fixture.query().map(\.values) == [expected], "while frozen")
        try fixture.shard.runJobs()
        #expect(try fixture.query().map(\.values) == [expected])
        try fixture.compact()
        #expect(try fixture.query().map(\.values) == [expected])
        #expect(fixture.shard.manifest.segments.count == 1)
    }

    @Test func aRangeIsHalfOpen() throws {
        let fixture = try ShardFixture()
        let rows = (0..<5_000).map {
            (labels: labels("a"), time: epoch + Int64($0) * second, value: Double($0))
        }
        try fixture.apply(.write(.samples(rows)))
        for _ in 0..<3 {
            for (low, high) in [(0, 5_000), (1_023, 1_025), (1_024, 2_048), (4_999, 9_999), (7, 7)]
            {
                let data = try fixture.query(
                    start: Timestamp(nanos: epoch + Int64(low) * second),
                    end: Timestamp(nanos: epoch + Int64(high) * second))
                let expected = (low..<min(high, 5_000)).map(Double.init)
                #expect((data.first?.values ?? []) == expected, "\(low)..<\(high)")
            }
            if fixture.shard.manifest.segments.isEmpty {
                try fixture.seal()
            } else {
                try fixture.compact()
            }
        }
    }

    @Test func aBatchIsAppliedOncePerSourceAndSequence() throws {
        let fixture = try ShardFixture()
        func batch(_ sequence: UInt64) -> ShardCommand {
            .write(
                .increments(
                    [(.counter, labels("hits"), epoch, 1)],
                    stamp: BatchStamp(source: 7, sequence: sequence)))
        }
        #expect(try fixture.apply(batch(1)) == .applied([]))
        #expect(try fixture.apply(batch(1)) == .duplicate)
        #expect(try fixture.apply(batch(2)) == .applied([]))
        try fixture.seal()
        try fixture.reopen()
        #expect(try fixture.apply(batch(2)) == .duplicate, "remembered by the checkpoint")
        #expect(try fixture.apply(batch(3)) == .applied([]))
        #expect(try fixture.query().map(\.values) == [[0, 3]])
    }

    @Test func whatAccumulatesIsOfAKnownKind() throws {
        let fixture = try ShardFixture()
        var sent = WriteBatch(tenant: .standard)
        sent.metadata = [MetricMetadata(metric: "c", kind: .counter, help: "Clicks.")]
        try fixture.apply(.write(sent))
        try Self.writeRound(fixture, 0)
        for _ in 0..<2 {
            let known = fixture.shard.metadata(tenant: .standard, metric: nil)
            #expect(known.map(\.metric) == ["c", "g", "h", "s"], "not the samples' f")
            #expect(known.map(\.kind) == [.counter, .gauge, .histogram, .gauge])
            #expect(known.map(\.help) == ["Clicks.", "", "", ""])
            try fixture.seal()
            try fixture.reopen()
        }
    }

    @Test func aBatchWithUnknownFingerprintsIsRefusedWhole() throws {
        let fixture = try ShardFixture()
        let known = SeriesReference(tenant: .standard, labels: labels("known"))
        let unknown = SeriesReference(tenant: .standard, labels: labels("unknown"))
        var batch = WriteBatch(tenant: .standard, stamp: BatchStamp(source: 1, sequence: 1))
        batch.series = [known, SeriesReference(id: unknown.id, labels: nil)]
        batch.samples.append(seriesIndex: 0, timestamp: epoch, value: 1)
        batch.samples.append(seriesIndex: 1, timestamp: epoch, value: 2)
        #expect(try fixture.apply(.write(batch)) == .unknownSeries([unknown.id]))
        #expect(try fixture.query().isEmpty)
        #expect(fixture.shard.knows([known.id], signal: .metrics) == [false])
        batch.series[1] = unknown
        #expect(try fixture.apply(.write(batch)) == .applied([]), "the stamp was not used up")
        #expect(fixture.shard.knows([known.id, unknown.id], signal: .metrics) == [true, true])
        try fixture.seal()
        try fixture.reopen()
        batch.stamp = nil
        batch.series = [known, unknown].map { SeriesReference(id: $0.id, labels: nil) }
        #expect(try fixture.apply(.write(batch)) == .applied([]), "known after a restart")
    }

    @Test func collisionsAndTooManySeriesAreCountedByReason() throws {
        let fixture = try ShardFixture(ShardConfiguration(limits: ShardLimits(seriesMax: 2)))
        let a = SeriesReference(tenant: .standard, labels: labels("a"))
        var batch = WriteBatch(tenant: .standard)
        batch.series = [a]
        batch.samples.append(seriesIndex: 0, timestamp: epoch, value: 1)
        try fixture.apply(.write(batch))
        batch.series = [
            SeriesReference(id: a.id, labels: labels("b")),
            SeriesReference(tenant: .standard, labels: labels("c")),
            SeriesReference(tenant: .standard, labels: labels("d")),
        ]
        batch.samples = SampleColumns()
        for index in [0, 0, 1, 2] as [UInt32] {
            batch.samples.append(seriesIndex: index, timestamp: epoch + 1, value: 9)
        }
        guard case .applied(let rejections) = try fixture.apply(.write(batch)) else {
            Issue.record("not applied")
            return
        }
        #expect(
            rejections == [
                .init(
                    reason: "fingerprint_collision", itemCount: 2,
                    example: "{__name__=\"b\"}"),
                .init(
                    reason: "storage.series_per_shard_max", itemCount: 1,
                    example: "{__name__=\"d\"}"),
            ])
        #expect(try fixture.query().map { $0.labels.metricName } == ["a", "c"])
    }

    @Test func twoReplicasMakeTheSameFiles() throws {
        let one = try ShardFixture()
        try Self.writeMixed(one, rounds: 6)
        let other = try ShardFixture()
        try one.replay(into: other.shard)
        try other.shard.runJobs()
        #expect(other.shard.manifest == one.shard.manifest)
        #expect(try other.dumpShard() == one.dump())
        for record in one.shard.manifest.segments {
            for file in [record.data.name, record.index.name] {
                #expect(
                    try one.disk.readAll(one.directory / file)
                        == other.disk.readAll(other.directory / file))
            }
        }
    }

    @Test func recoveryAtAnyPointGivesTheSame() throws {
        let fixture = try ShardFixture()
        var expected: [String] = []
        for round in 0..<8 {
            try Self.writeRound(fixture, round)
            expected = try fixture.dump()
            try fixture.reopen()
            #expect(try fixture.dump() == expected, "before the seal, round \(round)")
            try fixture.apply(.seal(at: Timestamp(nanos: epoch)))
            if round % 3 == 1 { try fixture.reopen() }
            #expect(try fixture.dump() == expected, "frozen, round \(round)")
            try fixture.shard.runJobs()
            #expect(try fixture.dump() == expected, "sealed, round \(round)")
            if round % 4 == 3 {
                try fixture.compact()
                #expect(try fixture.dump() == expected, "compacted, round \(round)")
            }
            try fixture.reopen()
            #expect(try fixture.dump() == expected, "reopened, round \(round)")
            try fixture.shard.runJobs()
        }
        #expect(fixture.shard.durableIndex == UInt64(fixture.shard.appliedIndex - 1))
    }

    @Test func orphansOfACrashAreRemoved() throws {
        let fixture = try ShardFixture()
        try Self.writeMixed(fixture, rounds: 2)
        let wanted = try fixture.files()
        for name in ["m-00.data", "segment-data.new", "checkpoint-99"] {
            let file = try fixture.disk.open(fixture.directory / name, .create)
            try file.write([1, 2, 3], at: 0)
            try file.close()
        }
        try fixture.reopen()
        #expect(try fixture.files() == wanted)
    }

    @Test func expiryFreesFilesOnceNoQueryHoldsThem() throws {
        let fixture = try ShardFixture()
        for day in 0..<3 {
            let time = epoch + Int64(day) * 86_400 * second
            try fixture.apply(.write(.samples([(labels("a"), time, Double(day))])))
            try fixture.seal()
        }
        let before = try fixture.files().count
        try fixture.apply(
            .expire(signal: .metrics, before: Timestamp(nanos: epoch + 86_400 * second)))
        try fixture.shard.runJobs()
        #expect(try fixture.query().map(\.values) == [[1, 2]])
        #expect(try fixture.files().count == before - 2)
        try fixture.compact(dropBefore: Timestamp(nanos: epoch + 2 * 86_400 * second))
        #expect(try fixture.query().map(\.values) == [[2]])
    }

    @Test func aDeletedTenantIsGoneAndMayComeBack() throws {
        let fixture = try ShardFixture()
        let other = try #require(Tenant("other"))
        let a = labels("a")
        func write(_ tenant: Tenant, _ time: Int64, _ value: Double) throws {
            try fixture.apply(.write(.samples([(a, time, value)], tenant: tenant)))
        }
        try write(.standard, epoch, 1)
        try write(other, epoch, 2)
        try fixture.seal()
        try write(other, epoch + 1, 3)
        try fixture.apply(.deleteTenant(other))
        #expect(try fixture.query(tenant: other).isEmpty, "before the job")
        try fixture.shard.runJobs()
        #expect(try fixture.query(tenant: other).isEmpty)
        try write(other, epoch + 2, 4)
        #expect(try fixture.query(tenant: other).map(\.values) == [[4]])
        try fixture.seal()
        try fixture.reopen()
        #expect(try fixture.query(tenant: other).map(\.values) == [[4]])
        try fixture.compact()
        #expect(try fixture.query(tenant: other).map(\.values) == [[4]])
        #expect(try fixture.query().map(\.values) == [[1]])
        #expect(fixture.shard.manifest.tombstones.isEmpty)
    }

    @Test func seriesOfOneFlushShareATimestampColumn() throws {
        let fixture = try ShardFixture()
        for step in 0..<50 {
            let time = epoch + Int64(step) * 10 * second
            try fixture.apply(
                .write(
                    .samples(
                        (0..<20).map { (labels("m\($0)"), time, Double(step * $0)) })))
            if step % 20 == 19 { try fixture.seal() }
        }
        let data = try fixture.query()
        #expect(data.count == 20)
        #expect(data.allSatisfy { $0.timestamps === data[0].timestamps })
        #expect(data[3].values.count == 50)
    }

    @Test func namesValuesAndSetsAreListedFromMemoryAndSegments() throws {
        let fixture = try ShardFixture()
        try fixture.apply(.write(.samples([(labels("a", ["host": "h1"]), epoch, 1)])))
        try fixture.seal()
        try fixture.apply(.write(.samples([(labels("b", ["zone": "z"]), epoch, 1)])))
        let request = LabelRequest(tenant: .standard, signal: .metrics, budget: QueryBudget())
        #expect(try fixture.shard.labelNames(request).values == ["__name__", "host", "zone"])
        #expect(try fixture.shard.labelValues("__name__", request).values == ["a", "b"])
        #expect(
            try fixture.shard.labelSets(request).values
                == [labels("a", ["host": "h1"]), labels("b", ["zone": "z"])])
    }

    @Test func anEntryThatNobodyWroteIsCountedAndALaterVersionStops() throws {
        let fixture = try ShardFixture()
        guard case .applied(let rejections) = try fixture.shard.apply(index: 1, payload: [1, 9])
        else {
            Issue.record("not applied")
            return
        }
        #expect(rejections.map(\.reason) == ["corrupt_entry"])
        #expect(throws: StorageError.self) {
            try fixture.shard.apply(index: 2, payload: [200, 0])
        }
        #expect(fixture.shard.appliedIndex == 1)
    }

    /// Floats of all kinds, counters, gauges, histograms, sets; late ones too.
    static func writeRound(_ fixture: ShardFixture, _ round: Int) throws {
        var random = Sequence64(state: UInt64(round))
        for step in 0..<10 {
            let time = epoch + Int64(round * 10 + step) * 10 * second
            var batch = WriteBatch(tenant: .standard)
            for number in 0..<7 {
                let index = batch.number(of: labels("f\(number)", ["host": "h\(number % 3)"]))
                let late = random.next() % 5 == 0 ? Int64(random.next() % 500) * second : 0
                batch.samples.append(
                    seriesIndex: index, timestamp: time - late,
                    value: number == 0
                        ? Double(bitPattern: random.next()) : Double(random.next() % 1_000) / 10)
            }
            batch.increments.append(
                kind: .counter, seriesIndex: batch.number(of: labels("c")), timestamp: time,
                value: Double(random.next() % 10))
            batch.increments.append(
                kind: .gaugeAdd, seriesIndex: batch.number(of: labels("g")), timestamp: time,
                value: -1.5)
            batch.histogramIncrements.append(
                HistogramSample(
                    seriesIndex: batch.number(of: labels("h")), timestamp: time,
                    histogram: Histogram(
                        schema: 5, count: 3, sum: 4.5,
                        positive: .init(
                            indexes: [Int32(random.next() % 40), 50], counts: [2, 1]))))
            batch.setIncrements.append(
                SetIncrement(
                    seriesIndex: batch.number(of: labels("s")), timestamp: time,
                    members: [1, random.next() % 5 + 2]))
            try fixture.apply(.write(batch))
        }
    }

    static func writeMixed(_ fixture: ShardFixture, rounds: Int) throws {
        for round in 0..<rounds {
            try writeRound(fixture, round)
            try fixture.seal()
            if round % 3 == 2 { try fixture.compact() }
        }
    }
}

extension ShardFixture {
    fileprivate func dumpShard() throws -> [String] { try dump() }
}
