import Encoding
import Ingest
import Model
import Testing

@testable import Server

/// What remote read sends is what remote write takes: the messages of a series are the same.
@Suite struct RemoteReadTests {
    @Test func aSeriesComesBackAsItWas() throws {
        var histogram = Histogram(schema: 3, resetHint: .gauge)
        histogram.zeroThreshold = 0.001
        histogram.zeroCount = 0.5
        histogram.count = 9.5
        histogram.sum = -2
        histogram.positive = Histogram.Buckets(indexes: [-7, -6, 2, 9], counts: [1, 2, 3, 1])
        histogram.negative = Histogram.Buckets(indexes: [4], counts: [2])
        var custom = Histogram(schema: Histogram.customBoundsSchema, count: 3, sum: 4)
        custom.customBounds = [0.1, 1]
        custom.positive = Histogram.Buckets(indexes: [0, 2], counts: [1, 2])
        let series = SeriesData(
            id: SeriesID(high: 1, low: 2), labels: Labels([("__name__", "m"), ("a", "ä")]),
            timestamps: TimestampColumn([-1_000_000, 5_000_000]), values: [.infinity, -0.0],
            histogramTimestamps: TimestampColumn([6_000_000, 7_000_000]),
            histograms: [histogram, custom])
        var body = ByteWriter()
        let message = RemoteReadMessage.timeSeries(series)
        body.u8(0x0A)
        body.lengthPrefixed(message)
        var cache = SeriesCache(seed: 1)
        let batch = try RemoteWriteBody.parse(
            body.bytes, tenant: .standard, limits: IngestLimits(), cache: &cache
        ).batch
        #expect(batch.series.map(\.labels) == [series.labels])
        #expect(batch.samples.timestamps == series.timestamps.nanos)
        #expect(batch.samples.values.map(\.bitPattern) == series.values.map(\.bitPattern))
        #expect(batch.histograms.map(\.timestamp) == series.histogramTimestamps.nanos)
        #expect(batch.histograms.map(\.histogram) == series.histograms)
    }
}
