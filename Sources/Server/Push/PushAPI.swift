internal import Ingest
internal import Model
internal import Platform

/// Everything that takes data over HTTP. 2xx only after what was understood is durable; what was
/// left out is counted by reason and, when nothing could be used, the client is told.
struct PushAPI: Sendable {
    let appender: any Appender
    let caches: SeriesCaches
    let adjustableLimits: Adjustable<IngestLimits>
    let time: any TimeSource
    let telemetry: Telemetry
    let version: String

    func addRoutes(to table: inout RouteTable) {
        table.add([.post], "/api/v1/import/prometheus", .write, prometheusText)
        table.add([.post], "/api/v1/write", .write, remoteWrite)
        table.add([.post], "/write", .write, influx)
        table.add([.post], "/api/v2/write", .write, influx)
        table.add([.get, .post], "/ping", .quick, ping)
        table.add([.get, .post], "/query", .quick, influxQuery)
        table.add([.post], "/loki/api/v1/push", .write, loki)
        table.add([.post], "/otlp/v1/logs", .write, otlpLogs)
        table.add([.post], "/v1/logs", .write, otlpLogs)
    }

    func prometheusText(_ call: HTTPCall) async throws -> HTTPAnswer {
        let body = try decoded(call)
        let dialect = PrometheusTextBody.Dialect(contentType: call.headers["content-type"])
        let parsed = try parse { cache throws(IngestError) in
            try PrometheusTextBody.parse(
                body, dialect: dialect, tenant: call.tenant, now: now, limits: limits,
                cache: &cache)
        }
        return try await append(parsed, protocolName: "prometheus_text")
    }

    func remoteWrite(_ call: HTTPCall) async throws -> HTTPAnswer {
        do {
            try RemoteWriteBody.check(
                contentType: call.headers["content-type"],
                version: call.headers["x-prometheus-remote-write-version"])
        } catch {
            throw HTTPFailure(error)
        }
        let body = try decoded(call, standard: .snappy)
        let parsed = try parse { cache throws(IngestError) in
            try RemoteWriteBody.parse(body, tenant: call.tenant, limits: limits, cache: &cache)
        }
        return try await append(parsed, protocolName: "remote_write")
    }

    func influx(_ call: HTTPCall) async throws -> HTTPAnswer {
        var options = InfluxBody.Options()
        guard let precision = InfluxBody.Precision(parameter: call.parameters["precision"]) else {
            throw HTTPFailure.invalid("precision", "ns, u, ms, s, m or h is expected")
        }
        options.precision = precision
        options.database = call.parameters["db"] ?? call.parameters["bucket"] ?? ""
        let body = try decoded(call)
        let chosen = options
        let parsed = try parse { cache throws(IngestError) in
            try InfluxBody.parse(
                body, options: chosen, tenant: call.tenant, now: now, limits: limits,
                cache: &cache)
        }
        return try await append(parsed, protocolName: "influx")
    }

    func loki(_ call: HTTPCall) async throws -> HTTPAnswer {
        // Loki takes protobuf unless the type says JSON; a form's type is what curl sends unasked.
        let isJSON = call.contentType != "application/x-protobuf"
        let body = try decoded(call, standard: isJSON ? .identity : .snappy)
        let parsed = try parse { cache throws(IngestError) in
            isJSON
                ? try LokiBody.parseJSON(body, tenant: call.tenant, limits: limits, cache: &cache)
                : try LokiBody.parseProtobuf(
                    body, tenant: call.tenant, limits: limits, cache: &cache)
        }
        return try await append(parsed, protocolName: "loki")
    }

    func ping(_ call: HTTPCall) async throws -> HTTPAnswer {
        HTTPAnswer(
            status: 204,
            headers: [("X-Influxdb-Version", "1.8.10"), ("X-Influxdb-Build", "varve")])
    }

    /// What Influx clients ask before they write: databases exist without being made.
    func influxQuery(_ call: HTTPCall) async throws -> HTTPAnswer {
        let text = (call.parameters["q"] ?? "").uppercased()
        let isKnown = ["CREATE DATABASE", "CREATE RETENTION POLICY", "SHOW DATABASES"].contains {
            text.hasPrefix($0)
        }
        guard isKnown else {
            throw HTTPFailure.invalid("q", "InfluxQL is not spoken here; query with PromQL")
        }
        var json = JSONWriter()
        json.raw("{\"results\":[{\"statement_id\":0}]}")
        return .json(json.bytes)
    }

    var limits: IngestLimits { adjustableLimits.value }

    var now: Timestamp { Timestamp(nanos: time.wallNanos()) }

    func decoded(
        _ call: HTTPCall, standard: ContentCoding = .identity
    ) throws(HTTPFailure) -> [UInt8] {
        let header = call.headers["content-encoding"]
        guard let coding = ContentCoding(header: header) else {
            throw HTTPFailure(
                status: 415, type: "bad_data",
                message: "Content-Encoding \"\(header ?? "")\" is not one of gzip, deflate, snappy")
        }
        do {
            return try (header == nil ? standard : coding).decode(call.body, limits: limits)
        } catch {
            throw HTTPFailure(error)
        }
    }

    func parse(
        _ body: (inout SeriesCache) throws(IngestError) -> ParsedBody
    ) throws(HTTPFailure) -> ParsedBody {
        do {
            return try caches.withCache(body)
        } catch {
            throw HTTPFailure(error)
        }
    }

    func append(
        _ parsed: ParsedBody, protocolName: String
    ) async throws -> HTTPAnswer {
        for (reason, count) in parsed.skips.pairs {
            telemetry.counter(
                "varve_push_skipped_total", help: "Items of pushed bodies that were left out.",
                labels: [("protocol", protocolName), ("reason", reason.rawValue)]
            ).add(count)
        }
        var receipt = AppendReceipt()
        if !parsed.batch.isEmpty { receipt = try await appender.append(parsed.batch) }
        var exemplarCount = 0
        if let exemplars = parsed.exemplars?.batch {
            exemplarCount = exemplars.lines.count
            receipt.rejections += try await appender.append(exemplars).rejections
        }
        if let refusal = parsed.refusal { throw HTTPFailure(refusal) }
        let refused = receipt.rejections.reduce(0) { $0 + $1.itemCount }
        if let first = receipt.rejections.first, refused >= itemCount(parsed.batch) + exemplarCount
        {
            throw HTTPFailure.badData(
                "nothing was taken: \(first.reason) refused \(refused) items (\(first.example))")
        }
        return .noContent
    }

    private func itemCount(_ batch: WriteBatch) -> Int {
        batch.samples.count + batch.histograms.count + batch.lines.count
    }
}

extension HTTPFailure {
    /// What a refused body is over HTTP.
    init(_ error: IngestError) {
        self.init(status: error.httpStatus, type: "bad_data", message: error.description)
    }
}
