internal import Encoding
package import Model

/// OpenTelemetry logs over HTTP: `ExportLogsServiceRequest` as protobuf or JSON.
///
/// What a resource says becomes what Loki makes of it: the attributes of `OTLPNames.labels` are
/// labels of the stream, everything else about resource, scope and record is structured metadata,
/// the body is the line. A body that is broken refuses the whole request; records of a resource
/// whose labels break a rule are left out and counted.
/// Sources: OpenTelemetry specification, "OTLP" 1.x, logs.proto and common.proto; Grafana Loki
/// documentation, "Ingesting logs to Loki using OpenTelemetry Collector".
package enum OTLPBody {
    /// A JSON body, decoded: `{"resourceLogs":[…]}`. `now`: of records without a time.
    package static func parseJSON(
        _ body: [UInt8], tenant: Tenant, now: Timestamp, limits: IngestLimits,
        cache: inout SeriesCache
    ) throws(IngestError) -> ParsedBody {
        cache.begin(tenant: tenant, domain: "otlp")
        var reader = OTLPJSONReader(body, sink: OTLPSink(tenant: tenant, now: now, limits: limits))
        try reader.read(&cache)
        return reader.sink.parsed
    }

    /// A protobuf body, decoded. `now`: of records without a time.
    package static func parseProtobuf(
        _ body: [UInt8], tenant: Tenant, now: Timestamp, limits: IngestLimits,
        cache: inout SeriesCache
    ) throws(IngestError) -> ParsedBody {
        cache.begin(tenant: tenant, domain: "otlp")
        var reader = OTLPProtobufReader(
            body, sink: OTLPSink(tenant: tenant, now: now, limits: limits))
        try reader.read(&cache)
        return reader.sink.parsed
    }
}
