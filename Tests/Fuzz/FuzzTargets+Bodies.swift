internal import Encoding
internal import Ingest
internal import Model

/// Bodies of HTTP requests.
extension FuzzTargets {
    static let bodies = [
        Target("influx", run: influx),
        Target("prometheus_text", run: prometheusText),
        Target("remote_write", run: remoteWrite),
        Target("remote_read", seeds: [[0x0A, 12, 8, 1, 16, 2, 0x1A, 6, 18, 1, 97, 26, 1, 98]]) {
            _ = try? RemoteReadBody.parse($0)
        },
        Target("loki_json", run: lokiJSON),
        Target("loki_protobuf", run: lokiProtobuf),
        Target("otlp_json", run: otlpJSON),
        Target("otlp_protobuf", run: otlpProtobuf),
        Target("decompression", lengthMax: 16_384, run: decompression),
    ]

    private static let now = Timestamp(millis: 1_750_000_000_000)

    /// Small, so that inputs reach them.
    private static var limits: IngestLimits {
        var limits = IngestLimits()
        limits.decodedBytesMax = 1 << 20
        limits.labelCountMax = 8
        limits.labelNameBytesMax = 64
        limits.labelValueBytesMax = 256
        limits.lineBytesMax = 128
        limits.metadataCountMax = 4
        limits.metadataBytesMax = 256
        limits.nestingMax = 8
        limits.discoversLevels = true
        return limits
    }

    /// Reads the body twice: what the cache has learned must not change what a body means.
    private static func read(
        _ parse: (inout SeriesCache) throws(IngestError) -> ParsedBody
    ) {
        var cache = SeriesCache(seed: 1, seriesCountMax: 16)
        guard let first = try? parse(&cache) else { return }
        checkRoundTrip(first.batch)
        guard let second = try? parse(&cache) else {
            preconditionFailure("a body is refused the second time")
        }
        precondition(
            first.batch.encoded() == second.batch.encoded() && first.skips == second.skips,
            "a body means something else the second time")
    }

    private static func influx(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let variant = input.choice(of: 8)
        var options = InfluxBody.Options()
        options.precision =
            [.nanoseconds, .microseconds, .milliseconds, .seconds][variant & 3]
        options.keepsNames = variant & 4 != 0
        options.database = "d"
        let body = input.array
        read { cache throws(IngestError) in
            try InfluxBody.parse(
                body, options: options, tenant: .standard, now: now, limits: limits,
                cache: &cache)
        }
    }

    private static func prometheusText(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let dialect: PrometheusTextBody.Dialect =
            input.choice(of: 2) == 0 ? .prometheus : .openMetrics
        let body = input.array
        read { cache throws(IngestError) in
            try PrometheusTextBody.parse(
                body, dialect: dialect, tenant: .standard, now: now, limits: limits,
                cache: &cache)
        }
    }

    private static func remoteWrite(_ bytes: [UInt8]) {
        read { cache throws(IngestError) in
            try RemoteWriteBody.parse(bytes, tenant: .standard, limits: limits, cache: &cache)
        }
    }

    private static func lokiJSON(_ bytes: [UInt8]) {
        read { cache throws(IngestError) in
            try LokiBody.parseJSON(bytes, tenant: .standard, limits: limits, cache: &cache)
        }
    }

    private static func lokiProtobuf(_ bytes: [UInt8]) {
        read { cache throws(IngestError) in
            try LokiBody.parseProtobuf(bytes, tenant: .standard, limits: limits, cache: &cache)
        }
    }

    private static func otlpJSON(_ bytes: [UInt8]) {
        read { cache throws(IngestError) in
            try OTLPBody.parseJSON(
                bytes, tenant: .standard, now: now, limits: limits, cache: &cache)
        }
    }

    private static func otlpProtobuf(_ bytes: [UInt8]) {
        read { cache throws(IngestError) in
            try OTLPBody.parseProtobuf(
                bytes, tenant: .standard, now: now, limits: limits, cache: &cache)
        }
    }

    /// Never more comes out than the limit, and what was compressed comes out as it was.
    private static func decompression(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let coding = ContentCoding.allCases[input.choice(of: ContentCoding.allCases.count)]
        let body = input.array
        if let content = try? coding.decode(body, limits: limits) {
            precondition(content.count <= limits.decodedBytesMax, "a limit was passed")
        }
        precondition(
            (try? SnappyBlock.decompress(SnappyBlock.compress(body), limit: body.count)) == body
                && (try? Gzip.decompress(Gzip.compress(body), limit: body.count)) == body,
            "compressed and lost")
    }
}
