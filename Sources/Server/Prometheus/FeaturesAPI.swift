internal import Query

/// What this server can do, by Prometheus' names, so that clients need not go by the version.
/// Source: Prometheus documentation, "HTTP API", features.
struct FeaturesAPI: Sendable {
    private static let api = [
        "admin": false, "exclude_alerts": true, "label_values_match": true, "lifecycle": false,
        "otlp_write_receiver": false, "query_stats": false, "query_warnings": true,
        "remote_write_receiver": true, "time_range_labels": true, "time_range_series": true,
    ]
    private static let promQL = [
        "anchored", "at_modifier", "bool", "by", "duration_expr", "fill", "fill_left",
        "fill_right", "group_left", "group_right", "ignoring", "negative_offset", "offset", "on",
        "per_query_lookback_delta", "smoothed", "subqueries", "without",
    ]
    private static let operators = [
        "!=", "!~", "%", "*", "+", "-", "/", "<", "<=", "==", "=~", ">", ">=", "@", "^", "and",
        "atan2", "or", "unless",
    ]
    private static let rules = ["keep_firing_for", "query_offset"]
    private static let scrape = ["extra_scrape_metrics"]
    private static let discoveries = ["file", "static"]
    private static let storage = ["exemplar_storage", "native_histograms"]

    func addRoutes(to table: inout RouteTable) {
        for prefix in ["/api/v1", "/prometheus/api/v1"] {
            table.add([.get], "\(prefix)/features", .quick, features)
        }
    }

    func features(_ call: HTTPCall) async throws -> HTTPAnswer {
        func all(_ names: [String]) -> [String: Bool] {
            Dictionary(names.map { ($0, true) }) { first, _ in first }
        }
        let aggregations = PromQLExpr.Aggregate.Operation.allCases.map(\.rawValue)
        let categories: [(name: String, features: [String: Bool])] = [
            ("api", Self.api), ("promql", all(Self.promQL)),
            ("promql_functions", all(PromQLFunction.names)),
            ("promql_operators", all(Self.operators + aggregations)), ("rules", all(Self.rules)),
            ("scrape", all(Self.scrape)),
            ("service_discovery_providers", all(Self.discoveries)), ("tsdb", all(Self.storage)),
        ]
        return .json(
            PrometheusJSON.success { json in
                json.raw("{")
                for (place, category) in categories.enumerated() {
                    if place > 0 { json.comma() }
                    json.string(category.name)
                    json.raw(":{")
                    for (index, name) in category.features.keys.sorted().enumerated() {
                        if index > 0 { json.comma() }
                        json.string(name)
                        json.raw(":")
                        json.boolean(category.features[name] ?? false)
                    }
                    json.raw("}")
                }
                json.raw("}")
            })
    }
}
