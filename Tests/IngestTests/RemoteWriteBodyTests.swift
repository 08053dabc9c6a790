import Encoding
import Ingest
import Model
import Testing

@Suite struct RemoteWriteBodyTests {
    static func parse(
        _ body: [UInt8], limits: IngestLimits = IngestLimits()
    ) throws(IngestError) -> ParsedBody {
        var cache = SeriesCache(seed: 1)
        return try RemoteWriteBody.parse(body, tenant: .standard, limits: limits, cache: &cache)
    }

    /// `labels value@ns`, in order.
    static func samples(_ parsed: ParsedBody) -> [String] {
        let samples = parsed.batch.samples
        return (0..<samples.count).map { index in
            let labels = parsed.batch.series[Int(samples.seriesIndexes[index])].labels
            return
                "\(labels?.description ?? "?") "
                + "\(samples.values[index])@\(samples.timestamps[index])"
        }
    }

    static let example = ProtobufBytes {
        $0.series(["__name__": "up", "job": "a"], [(1, 1000), (.nan, -5)])
        $0.series(["__name__": "down", "job": "b", "x": ""], [(-0.0, 0)])
        $0.message(3) {
            $0.varint(1, 1)
            $0.text(2, "up")
            $0.text(4, "Is it?")
            $0.text(5, "bool")
        }
        $0.varint(9, 7)
        $0.double(10, 7)
    }.bytes

    @Test func samplesAndMetadata() throws {
        let parsed = try Self.parse(Self.example)
        #expect(
            Self.samples(parsed) == [
                #"{__name__="up", job="a"} 1.0@1000000000"#,
                #"{__name__="up", job="a"} nan@-5000000"#,
                #"{__name__="down", job="b"} -0.0@0"#,
            ])
        #expect(
            parsed.batch.metadata == [
                MetricMetadata(metric: "up", kind: .counter, help: "Is it?", unit: "bool")
            ])
        #expect(parsed.skips.total == 0 && parsed.refusal == nil)
        for reference in parsed.batch.series {
            let labels = try #require(reference.labels)
            #expect(Labels(checking: labels.bytes) == labels)
            #expect(SeriesID(tenant: .standard, labels: labels) == reference.id)
        }
    }

    @Test(arguments: [Double.staleMarkerBits, 0x7ff8_0000_0000_0001, 0x8000_0000_0000_0000, 1])
    func valuesAreKeptBitForBit(bits: UInt64) throws {
        let body = ProtobufBytes {
            $0.series(["__name__": "a"], [(Double(bitPattern: bits), .max)])
        }
        let parsed = try Self.parse(body.bytes)
        #expect(parsed.batch.samples.values[0].bitPattern == bits)
        #expect(parsed.batch.samples.timestamps == [.max])
    }

    @Test func aSeriesIsNamedOnceHoweverItIsSpelled() throws {
        let body = ProtobufBytes {
            $0.series(["__name__": "a", "b": "c"], [(1, 1)])
            $0.series(["b": "c", "__name__": "a"], [(2, 2)])
            $0.series(["b": "c", "d": "", "__name__": "a"], [(3, 3)])
            $0.series(["__name__": "a", "b": "c"], [(4, 4)])
            // Labels behind samples.
            $0.message(1) {
                $0.pair(1, "__name__", "a")
                $0.message(2) { $0.double(1, 5) }
                $0.pair(1, "b", "c")
            }
        }
        var cache = SeriesCache(seed: 1)
        for _ in 0..<2 {
            let parsed = try RemoteWriteBody.parse(
                body.bytes, tenant: .standard, limits: IngestLimits(), cache: &cache)
            #expect(parsed.batch.series.count == 1)
            #expect(parsed.batch.samples.seriesIndexes == [0, 0, 0, 0, 0])
            #expect(parsed.batch.samples.values == [1, 2, 3, 4, 5])
        }
        #expect(cache.seriesCount == 1)
    }

    @Test func tenantsDoNotShareSeries() throws {
        var cache = SeriesCache(seed: 1)
        let other = try #require(Tenant("other"))
        var ids: [SeriesID] = []
        for tenant in [Tenant.standard, other, .standard] {
            let parsed = try RemoteWriteBody.parse(
                Self.example, tenant: tenant, limits: IngestLimits(), cache: &cache)
            #expect(parsed.batch.tenant == tenant)
            ids.append(parsed.batch.series[0].id)
        }
        #expect(ids[0] == ids[2] && ids[0] != ids[1])
    }

    static let refused: [(KeyValuePairs<String, String>, SkipReason)] = [
        (["job": "a"], .missingMetricName),
        (["__name__": "a", "x": "1", "x": "2"], .duplicateLabel),
        (["__name__": "a", "": "1"], .badLabelName),
        (["__name__": "a", "n": String(repeating: "v", count: 5000)], .longLabelValue),
        (["__name__": "a", String(repeating: "n", count: 2000): "v"], .longLabelName),
        ([:], .missingMetricName),
    ]

    @Test(arguments: refused.indices)
    func aSeriesWithBadLabelsIsLeftOutAndCounted(index: Int) throws {
        let (labels, reason) = Self.refused[index]
        let body = ProtobufBytes {
            $0.series(labels, [(1, 1)])
            $0.series(["__name__": "good"], [(2, 2)])
        }
        let parsed = try Self.parse(body.bytes)
        #expect(parsed.skips[reason] == 1 && parsed.skips.total == 1)
        #expect(parsed.batch.samples.values == [2])
        #expect(parsed.firstSkip != nil && parsed.refusal == nil)
        let alone = try Self.parse(ProtobufBytes { $0.series(labels, [(1, 1)]) }.bytes)
        #expect(alone.refusal?.httpStatus == 400)
    }

    @Test func labelsThatAreNotUTF8AreLeftOut() throws {
        let body = ProtobufBytes {
            $0.message(1) {
                $0.pair(1, "__name__", "a")
                $0.message(1) {
                    $0.text(1, "b")
                    $0.data(2, [0xC3])
                }
                $0.message(2) { $0.double(1, 1) }
            }
        }
        #expect(try Self.parse(body.bytes).skips[.badLabelValue] == 1)
    }

    @Test func tooManyLabelsAreRefused() throws {
        var limits = IngestLimits()
        limits.labelCountMax = 3
        let body = ProtobufBytes {
            $0.series(["__name__": "a", "b": "1", "c": "1"], [(1, 1)])
            $0.series(["__name__": "a", "b": "1", "c": "1", "d": "1"], [(1, 1)])
        }
        let parsed = try Self.parse(body.bytes, limits: limits)
        #expect(parsed.skips[.tooManyLabels] == 1 && parsed.batch.samples.count == 1)
    }

    @Test func everyTruncationThrowsOrGivesLess() throws {
        for count in 0..<Self.example.count {
            do {
                let parsed = try Self.parse(Array(Self.example[..<count]))
                #expect(parsed.batch.samples.count <= 3)
            } catch {
                guard case .malformed(_, .offset(let offset)) = error else {
                    Issue.record("\(error)")
                    continue
                }
                #expect(offset <= count)
            }
        }
    }

    @Test func mutationsNeverTrap() {
        var dice = Dice(7)
        var cache = SeriesCache(seed: 1, seriesCountMax: 100)
        let seeds = [Self.example, Self.histogramBody]
        var failures = 0
        for round in 0..<20_000 {
            let body = dice.mutated(seeds[round % 2])
            do {
                _ = try RemoteWriteBody.parse(
                    body, tenant: .standard, limits: IngestLimits(), cache: &cache)
            } catch {
                failures += 1
            }
        }
        #expect(failures > 1000 && failures < 20_000)
        #expect(cache.resetCount > 0)
    }

    @Test func snappyBombsAreRefusedBeforeTheyAreExpanded() throws {
        var limits = IngestLimits()
        limits.decodedBytesMax = 1000
        let body = SnappyBlock.compress([UInt8](repeating: 0, count: 2000))
        #expect(throws: IngestError.tooLarge(limit: "body-decoded-max", bytesMax: 1000)) {
            try ContentCoding.snappy.decode(body, limits: limits)
        }
        #expect(throws: IngestError.self) {
            try ContentCoding.snappy.decode([0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0], limits: limits)
        }
        let zip = Gzip.compress([UInt8](repeating: 0, count: 2000))
        #expect(throws: IngestError.tooLarge(limit: "body-decoded-max", bytesMax: 1000)) {
            try ContentCoding.gzip.decode(zip, limits: limits)
        }
        limits.bodyBytesMax = 10
        #expect(throws: IngestError.tooLarge(limit: "body-max", bytesMax: 10)) {
            try ContentCoding.identity.decode([UInt8](repeating: 0, count: 11), limits: limits)
        }
        let round = try ContentCoding.snappy.decode(
            SnappyBlock.compress(Self.example), limits: IngestLimits())
        #expect(round == Self.example)
    }

    @Test func versionTwoIsRefusedByName() {
        #expect(throws: IngestError.self) {
            try RemoteWriteBody.check(
                contentType: "application/x-protobuf;proto=io.prometheus.write.v2.Request",
                version: nil)
        }
        #expect(throws: Never.self) {
            try RemoteWriteBody.check(
                contentType: "application/x-protobuf;proto=prometheus.WriteRequest",
                version: "0.1.0")
        }
    }

    // Histograms.

    static func histogram(_ build: (inout ProtobufBytes) -> Void) -> [UInt8] {
        ProtobufBytes {
            $0.message(1) {
                $0.pair(1, "__name__", "h")
                $0.message(4, build)
                // An exemplar.
                $0.message(3) { $0.double(2, 1) }
            }
        }.bytes
    }

    static func span(
        _ side: Int, _ offset: Int64, _ length: UInt64
    ) -> (
        inout ProtobufBytes
    ) -> Void {
        {
            $0.message(side) {
                $0.zigzag(1, offset)
                $0.varint(2, length)
            }
        }
    }

    static let histogramBody = histogram {
        $0.varint(1, 10)
        $0.double(3, 12.5)
        $0.zigzag(4, 3)
        $0.double(5, 0.001)
        $0.varint(6, 2)
        span(11, -2, 2)(&$0)
        span(11, 3, 2)(&$0)
        $0.packedZigzag(12, [1, 2, -3, 4])
        span(8, 5, 1)(&$0)
        $0.packedZigzag(9, [4])
        $0.varint(14, 2)
        $0.varint(15, signed: 1234)
    }

    @Test func integerHistograms() throws {
        let parsed = try Self.parse(Self.histogramBody)
        let sample = try #require(parsed.batch.histograms.first)
        #expect(sample.timestamp == 1_234_000_000)
        #expect(
            sample.histogram
                == Histogram(
                    schema: 3, resetHint: .notReset, zeroThreshold: 0.001, zeroCount: 2, count: 10,
                    sum: 12.5,
                    // The third bucket is empty.
                    positive: .init(indexes: [-2, -1, 4], counts: [1, 3, 4]),
                    negative: .init(indexes: [5], counts: [4])))
        #expect(parsed.exemplars?.batch.lines.count == 1 && parsed.refusal == nil)
    }

    @Test func exemplarsAreLinesOfATenantOfTheirOwn() throws {
        let body = ProtobufBytes {
            $0.message(1) {
                $0.pair(1, "__name__", "h_bucket")
                $0.pair(1, "le", "0.5")
                for (id, millis) in [
                    ("a\"b\n", Int64(1500)), (String(repeating: "x", count: 122), 1),
                ] {
                    $0.message(3) {
                        $0.pair(1, "trace_id", id)
                        $0.double(2, 0.25)
                        $0.varint(3, signed: millis)
                    }
                }
            }
        }.bytes
        let parsed = try Self.parse(body)
        let batch = try #require(parsed.exemplars?.batch)
        #expect(batch.tenant == Tenant.standard.exemplars && batch.tenant.holdsExemplars)
        #expect(batch.streams.map(\.labels) == [Labels(["__name__": "h_bucket"])])
        let line = batch.lines.bytes[batch.lines.lineRange(0)]
        #expect(String(decoding: line, as: UTF8.self) == #"0.25 trace_id="a\"b\n""#)
        #expect(
            Exemplar(
                metric: "h_bucket", metadata: batch.lines.metadataBytes[...], line: line,
                timestamp: Timestamp(millis: 1500))
                == Exemplar(
                    series: Labels(["__name__": "h_bucket", "le": "0.5"]),
                    labels: Labels(["trace_id": "a\"b\n"]), value: 0.25,
                    timestamp: Timestamp(millis: 1500)))
        // 8 for the name and 122 more are too many.
        #expect(batch.lines.count == 1 && parsed.skips[.longExemplar] == 1)
    }

    @Test func floatHistogramsWithCustomBounds() throws {
        let body = Self.histogram {
            $0.double(2, 4.5)
            $0.double(3, .staleMarker)
            $0.zigzag(4, -53)
            $0.double(7, 0)
            Self.span(11, 0, 3)(&$0)
            $0.packedDoubles(13, [1.5, 0, 3])
            $0.packedDoubles(16, [0.1, 1])
            $0.varint(14, 3)
        }
        let histogram = try #require(try Self.parse(body).batch.histograms.first).histogram
        #expect(histogram.customBounds == [0.1, 1])
        #expect(histogram.positive == .init(indexes: [0, 2], counts: [1.5, 3]))
        #expect(histogram.resetHint == .gauge && histogram.isStaleMarker)
        #expect(histogram.sum.bitPattern == Double.staleMarkerBits)
    }

    static let badHistograms: [@Sendable (inout ProtobufBytes) -> Void] = [
        // More counts than spans, and the other way round.
        {
            span(11, 0, 1)(&$0); $0.packedZigzag(12, [1, 1])
        },
        {
            span(11, 0, 4_000_000_000)(&$0); $0.packedZigzag(12, [1, 1])
        },
        // A negative count, a negative gap, an index out of range.
        {
            span(11, 0, 2)(&$0); $0.packedZigzag(12, [1, -2])
        },
        {
            span(11, 0, 1)(&$0); span(11, -1, 1)(&$0); $0.packedZigzag(12, [1, 1])
        },
        {
            span(11, 2_147_483_647, 2)(&$0); $0.packedZigzag(12, [1, 1])
        },
        {
            span(11, 0, 2)(&$0); $0.packedZigzag(12, [.max, .max])
        },
        // Schemas.
        { $0.zigzag(4, 9) }, { $0.zigzag(4, -5) },
        { $0.packedDoubles(16, [1]) },
        {
            $0.zigzag(4, -53); $0.packedDoubles(16, [1, 1])
        },
        {
            $0.zigzag(4, -53); $0.packedDoubles(16, [.nan])
        },
        {
            $0.zigzag(4, -53); span(11, 0, 2)(&$0); $0.packedZigzag(12, [1, 1])
        },
        {
            $0.zigzag(4, -53); span(8, 0, 1)(&$0); $0.packedZigzag(9, [1])
        },
        // Both kinds of counts.
        {
            span(11, 0, 1)(&$0); $0.packedZigzag(12, [1]); $0.packedDoubles(13, [1])
        },
    ]

    @Test(arguments: badHistograms.indices)
    func histogramsThatContradictThemselvesAreLeftOut(index: Int) throws {
        let parsed = try Self.parse(Self.histogram(Self.badHistograms[index]))
        #expect(parsed.batch.histograms.isEmpty)
        #expect(parsed.skips[.badHistogram] == 1)
        // The exemplar was taken: a repetition would bring it again and nothing else.
        #expect(parsed.acceptedCount == 1 && parsed.refusal == nil)
    }
}
