package import Model

/// The door for HTTP handlers: a body with its headers in, a `ParsedBody` out. Holds the limits and
/// the caches that all requests share; from any task. Parsing is CPU work: about 10 ms per MB.
///
/// Answering: append `ParsedBody.batch` first; then `refusal` or a thrown `IngestError` gives the
/// status and the words, else the protocol's own success (204).
package struct PushBodies: Sendable {
    package let limits: IngestLimits
    private let caches: SeriesCaches

    package init(limits: IngestLimits = IngestLimits(), caches: SeriesCaches) {
        self.limits = limits
        self.caches = caches
    }

    /// `/api/v1/write`. The protocol demands snappy, so an absent `Content-Encoding` is snappy.
    package func remoteWrite(
        _ body: [UInt8], contentType: String?, contentEncoding: String?, version: String?,
        tenant: Tenant
    ) throws(IngestError) -> ParsedBody {
        try RemoteWriteBody.check(contentType: contentType, version: version)
        let bytes = try decode(body, contentEncoding ?? "snappy")
        return try caches.withCache { (cache: inout SeriesCache) throws(IngestError) in
            try RemoteWriteBody.parse(bytes, tenant: tenant, limits: limits, cache: &cache)
        }
    }

    /// `/api/v1/import/prometheus`. `now`: for samples without a timestamp.
    package func prometheusText(
        _ body: [UInt8], contentType: String?, contentEncoding: String?, tenant: Tenant,
        now: Timestamp
    ) throws(IngestError) -> ParsedBody {
        let bytes = try decode(body, contentEncoding)
        let dialect = PrometheusTextBody.Dialect(contentType: contentType)
        return try caches.withCache { (cache: inout SeriesCache) throws(IngestError) in
            try PrometheusTextBody.parse(
                bytes, dialect: dialect, tenant: tenant, now: now, limits: limits, cache: &cache)
        }
    }

    /// `/write` and `/api/v2/write`. `now`: for lines without a timestamp.
    package func influx(
        _ body: [UInt8], options: InfluxBody.Options, contentEncoding: String?, tenant: Tenant,
        now: Timestamp
    ) throws(IngestError) -> ParsedBody {
        let bytes = try decode(body, contentEncoding)
        return try caches.withCache { (cache: inout SeriesCache) throws(IngestError) in
            try InfluxBody.parse(
                bytes, options: options, tenant: tenant, now: now, limits: limits, cache: &cache)
        }
    }

    /// `/loki/api/v1/push`: JSON when the content type says so, else protobuf, which is snappy
    /// unless `Content-Encoding` says otherwise.
    package func loki(
        _ body: [UInt8], contentType: String?, contentEncoding: String?, tenant: Tenant
    ) throws(IngestError) -> ParsedBody {
        let isJSON = (contentType ?? "").lowercased().contains("json")
        let bytes = try decode(body, isJSON ? contentEncoding : contentEncoding ?? "snappy")
        return try caches.withCache { (cache: inout SeriesCache) throws(IngestError) in
            isJSON
                ? try LokiBody.parseJSON(bytes, tenant: tenant, limits: limits, cache: &cache)
                : try LokiBody.parseProtobuf(bytes, tenant: tenant, limits: limits, cache: &cache)
        }
    }

    private func decode(
        _ body: [UInt8], _ contentEncoding: String?
    ) throws(IngestError) -> [UInt8] {
        guard let coding = ContentCoding(header: contentEncoding) else {
            throw .unsupported(what: "Content-Encoding \(contentEncoding ?? "") is not supported")
        }
        return try coding.decode(body, limits: limits)
    }
}
