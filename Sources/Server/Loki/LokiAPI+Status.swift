internal import Ingest
internal import Model
internal import Query

/// What Grafana asks of a Loki before it asks for logs. Source: Grafana Loki documentation, "HTTP
/// API"; grafana/logs-drilldown, which reads the limits.
extension LokiAPI {
    /// Bounds and switches that Logs Drilldown draws its pages by. Durations of 0s: no bound.
    func drilldownLimits(_ call: HTTPCall) async throws -> HTTPAnswer {
        let seconds = context.limits.timeoutNanos / 1_000_000_000
        var json = JSONWriter()
        let fields = LevelFields.names.map { "\"\($0)\"" }.joined(separator: ",")
        json.raw("{\"limits\":{\"discover_log_levels\":\(intake.value.discoversLevels),")
        json.raw("\"discover_service_name\":[],\"log_level_fields\":[\(fields)],")
        json.raw("\"max_entries_limit_per_query\":\(LokiAPI.entriesShownMax),")
        json.raw("\"max_line_size_truncate\":false,\"max_query_bytes_read\":\"0B\",")
        json.raw("\"max_query_length\":\"0s\",\"max_query_lookback\":\"0s\",")
        json.raw("\"max_query_range\":\"0s\",")
        json.raw("\"max_query_series\":\(context.limits.seriesMax),")
        json.raw("\"metric_aggregation_enabled\":false,\"pattern_persistence_enabled\":false,")
        json.raw("\"query_timeout\":\"\(seconds)s\",\"retention_period\":\"0s\",")
        json.raw("\"volume_enabled\":true,\"volume_max_series\":\(LokiAPI.volumeLimitMax)},")
        json.raw("\"pattern_ingester_enabled\":true,\"version\":\"\(LokiAPI.likeness)\"}")
        return .json(json.bytes)
    }

    /// What Grafana offers as most lines of a query; a query may ask for more.
    private static let entriesShownMax = 5_000
    /// The Loki whose functions and endpoints there are.
    static let likeness = "3.0.0"

    /// Loki answers with its settings; ours are at `/api/v1/status/config`.
    func configuration(_ call: HTTPCall) async throws -> HTTPAnswer {
        HTTPAnswer(
            contentType: "text/plain; charset=utf-8",
            body: .bytes(Array("target: all\nauth_enabled: false\n".utf8)))
    }
}
