/// A format that a target may answer in, under the name that files of scrapes have for it.
/// Source: Prometheus documentation, "Scrape protocol content negotiation".
package enum ScrapeProtocol: String, Sendable, Hashable, CaseIterable {
    case protobuf = "PrometheusProto"
    case openMetrics1 = "OpenMetricsText1.0.0"
    case openMetrics0 = "OpenMetricsText0.0.1"
    case text1 = "PrometheusText1.0.0"
    case text0 = "PrometheusText0.0.4"

    /// What targets are asked for, the dearest first, when nobody says. Native histograms come only
    /// in protobuf.
    package static func standard(withNativeHistograms: Bool) -> [ScrapeProtocol] {
        (withNativeHistograms ? [.protobuf] : [])
            + [.openMetrics1, .openMetrics0, .text1, .text0]
    }

    private var mediaType: String {
        switch self {
        case .protobuf:
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
                + "encoding=delimited"
        case .openMetrics1: "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8"
        case .openMetrics0: "application/openmetrics-text;version=0.0.1"
        case .text1: "text/plain;version=1.0.0;escaping=allow-utf-8"
        case .text0: "text/plain;version=0.0.4"
        }
    }

    /// The `Accept` header: `protocols` by falling weight, then anything.
    package static func accept(_ protocols: [ScrapeProtocol]) -> String {
        var weight = allCases.count + 1
        var parts: [String] = []
        for entry in protocols {
            parts.append("\(entry.mediaType);q=0.\(weight)")
            weight -= 1
        }
        parts.append("*/*;q=0.\(weight)")
        return parts.joined(separator: ",")
    }

    /// What a `Content-Type` says that a body is; nil when it says nothing that is known here.
    package init?(contentType: String?) {
        let media = (contentType ?? "").prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        switch media {
        case "application/openmetrics-text": self = .openMetrics1
        case "application/vnd.google.protobuf": self = .protobuf
        case "text/plain": self = .text0
        default: return nil
        }
    }
}
