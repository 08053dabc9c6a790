internal import Encoding
internal import Ingest

/// Logs of OpenTelemetry: `/otlp/v1/logs`, as a collector's `otlphttp` exporter knows Loki, and
/// `/v1/logs`, the specification's own path. The answer is in the format of the request and says how
/// many records were left out. Source: OpenTelemetry specification, "OTLP", OTLP/HTTP.
extension PushAPI {
    func otlpLogs(_ call: HTTPCall) async throws -> HTTPAnswer {
        let type = call.contentType
        guard type == "application/json" || type == "application/x-protobuf" else {
            throw HTTPFailure(
                status: 415, type: "bad_data",
                message: "Content-Type \"\(type.prefix(80))\" is not application/x-protobuf or "
                    + "application/json")
        }
        let isJSON = type == "application/json"
        let body = try decoded(call)
        let now = now
        let parsed = try parse { cache throws(IngestError) in
            isJSON
                ? try OTLPBody.parseJSON(
                    body, tenant: call.tenant, now: now, limits: limits, cache: &cache)
                : try OTLPBody.parseProtobuf(
                    body, tenant: call.tenant, now: now, limits: limits, cache: &cache)
        }
        _ = try await append(parsed, protocolName: "otlp")
        let leftOut = parsed.skips.total - parsed.skips[.metadataLimit]
        let reason = leftOut > 0 ? parsed.firstSkip?.description ?? "" : ""
        return HTTPAnswer(
            contentType: type,
            body: .bytes(
                isJSON
                    ? PushAPI.answer(leftOut: leftOut, reason)
                    : PushAPI.protobufAnswer(leftOut: leftOut, reason)))
    }

    private static func answer(leftOut: Int, _ reason: String) -> [UInt8] {
        guard leftOut > 0 else { return Array("{}".utf8) }
        var json = JSONWriter()
        json.raw("{\"partialSuccess\":{\"rejectedLogRecords\":\"\(leftOut)\",\"errorMessage\":")
        json.string(reason)
        json.raw("}}")
        return json.bytes
    }

    /// ExportLogsServiceResponse: partial success 1 (records left out 1, why 2).
    private static func protobufAnswer(leftOut: Int, _ reason: String) -> [UInt8] {
        guard leftOut > 0 else { return [] }
        var partial: [UInt8] = [1 << 3]
        Varint.append(UInt64(leftOut), to: &partial)
        partial.append(2 << 3 | 2)
        Varint.append(UInt64(reason.utf8.count), to: &partial)
        partial += reason.utf8
        var answer: [UInt8] = [1 << 3 | 2]
        Varint.append(UInt64(partial.count), to: &answer)
        return answer + partial
    }
}
