import Encoding
import Ingest
import Model
import Testing

/// Families as protobuf, written by hand.
@Suite struct ProtobufExpositionTests {
    private static let type =
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
        + "encoding=delimited"

    /// A family behind its length.
    private static func family(
        _ name: String, _ kind: UInt64, _ metrics: [(inout ProtobufBytes) -> Void]
    ) -> [UInt8] {
        let message = ProtobufBytes { family in
            family.text(1, name)
            family.text(2, "Help of \(name).")
            family.varint(3, kind)
            for metric in metrics { family.message(4, metric) }
        }
        var bytes: [UInt8] = []
        Varint.append(UInt64(message.bytes.count), to: &bytes)
        return bytes + message.bytes
    }

    private static func exemplar(_ message: inout ProtobufBytes) {
        message.pair(1, "trace_id", "abc")
        message.double(2, 0.7)
        message.message(3) {
            $0.varint(1, 1_700_000_002)
            $0.varint(2, 500_000_000)
        }
    }

    private static let histogram = family("h", 4) { metric in
        metric.pair(1, "x", "y")
        metric.message(7) { histogram in
            histogram.varint(1, 5)
            histogram.double(2, 9.5)
            histogram.message(3) {
                $0.varint(1, 2)
                $0.double(2, 1)
                $0.message(3, exemplar)
            }
            histogram.zigzag(5, 3)
            histogram.double(6, 1e-128)
            histogram.varint(7, 1)
            // Buckets -2, -1 and 2 with 1, 2 and 1.
            histogram.message(12) {
                $0.zigzag(1, -2)
                $0.varint(2, 2)
            }
            histogram.message(12) {
                $0.zigzag(1, 2)
                $0.varint(2, 1)
            }
            histogram.packedZigzag(13, [1, 1, -1])
        }
    }

    private static func family(
        _ name: String, _ kind: UInt64, _ metric: @escaping (inout ProtobufBytes) -> Void
    ) -> [UInt8] { family(name, kind, [metric]) }

    @Test func readsEachType() {
        let body =
            Self.family("c", 0) { metric in
                metric.pair(1, "x", "y")
                metric.message(3) {
                    $0.double(1, 4)
                    $0.message(2, Self.exemplar)
                }
            }
            + Self.family("g", 1) { metric in
                metric.varint(6, 1_700_000_001_000)
                metric.message(2) { $0.double(1, -1.5) }
            }
            + Self.family("s", 2) { metric in
                metric.message(4) { summary in
                    summary.varint(1, 3)
                    summary.double(2, 6)
                    summary.message(3) {
                        $0.double(1, 0.5)
                        $0.double(2, 2)
                    }
                }
            } + Self.family("u", 3) { metric in metric.message(5) { $0.double(1, 7) } }
        var run = ScrapeRun()
        let scraped = run.bytes(body, type: Self.type)
        #expect(scraped.failure == nil)
        #expect(
            ScrapeRun.samples(scraped.batch) == [
                "c{x=y} 4.0@15.0", "g -1.5@1.0", "s{quantile=0.5} 2.0@15.0", "s_sum 6.0@15.0",
                "s_count 3.0@15.0", "u 7.0@15.0",
            ])
        #expect(
            scraped.batch.metadata.map(\.kind) == [.counter, .gauge, .summary, .unknown])
        #expect(scraped.batch.metadata[0].help == "Help of c.")
        #expect(scraped.exemplars?.batch.lines.timestamps == [1_700_000_002_500_000_000])
        #expect(scraped.scrapedCount == 6)
    }

    @Test func aHistogramIsClassicUnlessNativeOnesAreWanted() {
        var run = ScrapeRun()
        let scraped = run.bytes(Self.histogram, type: Self.type)
        #expect(
            ScrapeRun.samples(scraped.batch) == [
                "h_bucket{le=1.0,x=y} 2.0@15.0", "h_bucket{le=+Inf,x=y} 5.0@15.0",
                "h_sum{x=y} 9.5@15.0", "h_count{x=y} 5.0@15.0",
            ])
        #expect(scraped.batch.histograms.isEmpty)
        #expect(scraped.exemplars?.batch.lines.count == 1)
    }

    @Test func aNativeHistogramTakesThePlaceOfTheClassicOne() {
        var run = ScrapeRun { $0.takesNativeHistograms = true }
        let scraped = run.bytes(Self.histogram, type: Self.type)
        #expect(ScrapeRun.samples(scraped.batch) == [])
        let histogram = scraped.batch.histograms.first?.histogram
        #expect(
            histogram
                == Histogram(
                    schema: 3, zeroThreshold: 1e-128, zeroCount: 1, count: 5, sum: 9.5,
                    positive: Histogram.Buckets(indexes: [-2, -1, 2], counts: [1, 2, 1])))
        #expect(ScrapeRun.text(scraped.batch.series[0].labels ?? .empty) == "h{x=y}")
        #expect(scraped.exemplars?.batch.lines.count == 1)
        // It ends as a series of numbers does.
        #expect(ScrapeRun.samples(run.fail().batch) == ["h{x=y} stale@30.0"])
    }

    @Test func bothAreTakenWhenBothAreWanted() {
        var run = ScrapeRun {
            $0.takesNativeHistograms = true
            $0.alwaysTakesClassicHistograms = true
        }
        let scraped = run.bytes(Self.histogram, type: Self.type)
        #expect(scraped.batch.histograms.count == 1)
        #expect(scraped.batch.samples.count == 4)
    }

    @Test func aSteadyScrapeIsReadTheSame() {
        var run = ScrapeRun { $0.takesNativeHistograms = true }
        let first = run.bytes(Self.histogram, type: Self.type)
        let second = run.bytes(Self.histogram, type: Self.type)
        #expect(first.batch.series == second.batch.series)
        #expect((first.addedCount, second.addedCount) == (1, 0))
    }

    @Test func everyCutIsAnError() {
        let body = Self.histogram
        for length in 1..<body.count {
            var run = ScrapeRun()
            let scraped = run.bytes(Array(body[..<length]), type: Self.type)
            #expect(scraped.failure?.reason == .malformed, "\(length) bytes")
        }
    }

    @Test func aHistogramThatContradictsItselfIsLeftOut() {
        let body = Self.family("h", 4) { metric in
            metric.message(7) { histogram in
                histogram.varint(1, 5)
                histogram.message(12) { $0.varint(2, 3) }
                histogram.packedZigzag(13, [1])
            }
        }
        var run = ScrapeRun { $0.takesNativeHistograms = true }
        let scraped = run.bytes(body, type: Self.type)
        #expect(scraped.failure == nil)
        #expect(scraped.skips[.badHistogram] == 1)
        #expect(scraped.keptCount == 0)
    }

    @Test func aMetricOfAnotherTypeIsAnError() {
        let body = Self.family("c", 0) { metric in metric.message(2) { $0.double(1, 1) } }
        var run = ScrapeRun()
        #expect(run.bytes(body, type: Self.type).failure?.reason == .malformed)
    }
}
