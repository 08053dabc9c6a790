/// A query result as the Prometheus API sends it, ready for a table or a chart.
struct PrometheusResult {
    struct Point {
        var millis: Int64
        /// As sent; a histogram is its count and sum.
        var text: String
        /// NaN for what is no number.
        var number: Double
    }

    struct Series {
        var labels: [String: String]
        var points: [Point]
    }

    private(set) var series: [Series] = []
    /// Samples of a window, each with its own time.
    private(set) var isMatrix = false

    /// Takes the `data` of an answer; what it does not understand is left out.
    init(_ data: Any) {
        guard let data = data as? [String: Any], let type = data["resultType"] as? String else {
            return
        }
        if type == "scalar" || type == "string" {
            guard let point = PrometheusResult.point(data["result"]) else { return }
            series = [Series(labels: [:], points: [point])]
            return
        }
        isMatrix = type == "matrix"
        for element in data["result"] as? [[String: Any]] ?? [] {
            let labels = element["metric"] as? [String: String] ?? [:]
            var pairs: [Any] = element["values"] as? [Any] ?? []
            pairs += element["histograms"] as? [Any] ?? []
            pairs += [element["value"], element["histogram"]].compactMap { $0 }
            let points = pairs.compactMap(PrometheusResult.point).sorted { $0.millis < $1.millis }
            series.append(Series(labels: labels, points: points))
        }
    }

    /// Names that any series has, the metric name first.
    var labelNames: [String] {
        var names: Set<String> = []
        for one in series { names.formUnion(one.labels.keys) }
        return names.sorted { ($0 == "__name__" ? "" : $0) < ($1 == "__name__" ? "" : $1) }
    }

    /// The labels in which series differ, as a legend says it; all of them when they do not.
    func name(of one: Series) -> String {
        let distinct = labelNames.filter { name in
            series.contains { $0.labels[name] != one.labels[name] }
        }
        let shown = distinct.isEmpty ? labelNames : distinct
        let pairs = shown.filter { $0 != "__name__" || distinct.isEmpty }.compactMap { name in
            one.labels[name].map { name == "__name__" ? "" : "\(name)=\"\($0)\"" }
        }.filter { !$0.isEmpty }
        let metric = shown.contains("__name__") ? one.labels["__name__"] ?? "" : ""
        let inBraces = pairs.isEmpty ? "" : "{\(pairs.joined(separator: ", "))}"
        let name = metric + inBraces
        return name.isEmpty ? "value" : name
    }

    private static func point(_ value: Any?) -> Point? {
        guard let pair = value as? [Any], pair.count == 2, let seconds = pair[0] as? Double else {
            return nil
        }
        let millis = Int64((seconds * 1_000).rounded())
        if let text = pair[1] as? String {
            return Point(millis: millis, text: text, number: Double(text) ?? .nan)
        }
        guard let histogram = pair[1] as? [String: Any] else { return nil }
        let count = histogram["count"] as? String ?? ""
        let sum = histogram["sum"] as? String ?? ""
        return Point(
            millis: millis, text: "count \(count), sum \(sum)", number: Double(count) ?? .nan)
    }
}
