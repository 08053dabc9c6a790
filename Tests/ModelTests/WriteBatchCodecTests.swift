import Model
import Testing

@Suite struct WriteBatchCodecTests {
    @Test(arguments: [0..<0, 0..<1, 1..<4, 0..<5])
    func copiedLinesAreThoseOfTheSource(rows: Range<Int>) {
        var source = LineColumns()
        for row in 0..<5 {
            source.append(
                streamIndex: UInt32(row), timestamp: Int64(10 - row),
                line: [UInt8](repeating: UInt8(row), count: row)[...],
                metadata: [UInt8](repeating: 9, count: row % 2)[...])
        }
        var copied = LineColumns()
        copied.append(streamIndex: 3, timestamp: 1, line: [1, 2], metadata: [3])
        var expected = copied
        copied.append(rows, of: source, streamIndex: 7)
        for row in rows {
            expected.append(
                streamIndex: 7, timestamp: source.timestamps[row],
                line: source.bytes[source.lineRange(row)],
                metadata: source.metadataBytes[source.metadataRange(row)])
        }
        #expect(copied == expected)
    }

    static func sample() throws -> WriteBatch {
        var batch = WriteBatch(
            tenant: try #require(Tenant("t1")), stamp: BatchStamp(source: 7, sequence: 9))
        for name in ["a", "b", "c"] {
            let reference = SeriesReference(
                tenant: batch.tenant, labels: Labels([("__name__", name)]))
            batch.series.append(
                name == "b" ? SeriesReference(id: reference.id, labels: nil) : reference)
        }
        batch.samples.append(seriesIndex: 2, timestamp: -5, value: .staleMarker)
        batch.samples.append(seriesIndex: 0, timestamp: .max, value: -0.0)
        batch.samples.append(
            seriesIndex: 0, timestamp: 1, value: Double(bitPattern: 0x7ff8_0000_0000_dead))
        batch.increments.append(kind: .counter, seriesIndex: 0, timestamp: 10, value: 3)
        batch.increments.append(kind: .gaugeAdd, seriesIndex: 1, timestamp: 10, value: -2)
        var histogram = Histogram(schema: 5, zeroCount: 1, count: 4, sum: 2.5)
        histogram.positive = .init(indexes: [-3, 0, 7], counts: [1, 1.5, 0.5])
        histogram.negative = .init(indexes: [.min, .max], counts: [1, 2])
        batch.histograms = [HistogramSample(seriesIndex: 1, timestamp: 3, histogram: histogram)]
        batch.histogramIncrements = [
            HistogramSample(
                seriesIndex: 2, timestamp: 4,
                histogram: Histogram(schema: Histogram.customBoundsSchema, customBounds: [1, 2]))
        ]
        batch.setIncrements = [
            SetIncrement(seriesIndex: 0, timestamp: 5, members: [1, .max]),
            SetIncrement(seriesIndex: 0, timestamp: 5, members: [], registers: [1, 2, 3]),
        ]
        batch.streams = [
            SeriesReference(tenant: batch.tenant, labels: Labels([("host", "h")])),
            SeriesReference(tenant: batch.tenant, labels: .empty),
        ]
        batch.lines.append(streamIndex: 1, timestamp: 4, line: [])
        batch.lines.append(
            streamIndex: 0, timestamp: 4, line: [0, 0xFF, 10],
            metadata: Labels([("k", "v")]).bytes[...])
        batch.metadata = [MetricMetadata(metric: "a", kind: .counter, help: "h", unit: "s")]
        return batch
    }

    @Test func roundTrips() throws {
        let batch = try Self.sample()
        #expect(try WriteBatch(decoding: batch.encoded()) == batch)
        let blank = WriteBatch(tenant: .standard)
        #expect(try WriteBatch(decoding: blank.encoded()) == blank)
    }

    @Test func oneTimestampForManySeriesCostsEightBytes() throws {
        var batch = WriteBatch(tenant: .standard)
        for i in 0..<1_000 {
            let id = SeriesID(high: UInt64(i), low: 0)
            batch.series.append(SeriesReference(id: id, labels: nil))
            batch.samples.append(seriesIndex: UInt32(i), timestamp: 77, value: Double(i))
        }
        let bytes = batch.encoded()
        #expect(bytes.count < 25 * 1_000 + 100)
        #expect(try WriteBatch(decoding: bytes) == batch)
    }

    @Test func everyTruncationIsRefused() throws {
        let bytes = try Self.sample().encoded()
        for count in 0..<bytes.count {
            #expect(throws: ModelError.self) {
                try WriteBatch(decoding: Array(bytes.prefix(count)))
            }
        }
        #expect(throws: ModelError.self) { try WriteBatch(decoding: bytes + [0]) }
    }

    @Test func changedBytesNeverTrap() throws {
        let bytes = try Self.sample().encoded()
        for position in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[position] ^= 1 << UInt8(bit)
                _ = try? WriteBatch(decoding: changed)
            }
        }
    }

    @Test func aNewerVersionIsNamed() throws {
        var bytes = try Self.sample().encoded()
        bytes[0] = 200
        #expect(throws: ModelError.newerBatch(version: 200)) { try WriteBatch(decoding: bytes) }
    }
}
