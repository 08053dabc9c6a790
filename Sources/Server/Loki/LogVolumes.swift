package import Model

/// Bytes of logs in parts, as `index/volume` answers them. Source: Grafana Loki documentation, "HTTP
/// API", query log volume.
package struct LogVolumes: Sendable {
    /// One part: its labels, or one label's name with an empty value.
    package struct Row: Sendable {
        package let pairs: [(name: String, value: String)]
        package fileprivate(set) var bytesByMillis: [Int64: Double] = [:]

        /// Of all points.
        package var bytes: Double { bytesByMillis.values.reduce(0, +) }
    }

    private let isByLabel: Bool
    private var numbers: [String: Int] = [:]
    private var rows: [Row] = []

    /// `isByLabel`: what is added counts for each of its labels.
    package init(isByLabel: Bool) { self.isByLabel = isByLabel }

    /// timestampsMillis, bytes: as many, of one set of labels.
    package mutating func add(_ labels: Labels, _ timestampsMillis: [Int64], _ bytes: [Double]) {
        if isByLabel {
            for pair in labels.pairs { add([(pair.name, "")], timestampsMillis, bytes) }
        } else {
            add(labels.pairs, timestampsMillis, bytes)
        }
    }

    private mutating func add(
        _ pairs: [(name: String, value: String)], _ timestampsMillis: [Int64], _ bytes: [Double]
    ) {
        let key = pairs.map { "\($0.name)\u{0}\($0.value)" }.joined(separator: "\u{0}")
        let number = numbers[key] ?? rows.count
        if number == rows.count {
            numbers[key] = number
            rows.append(Row(pairs: pairs))
        }
        for (millis, value) in zip(timestampsMillis, bytes) {
            rows[number].bytesByMillis[millis, default: 0] += value
        }
    }

    /// Most bytes first, then by labels; at most `limit`.
    package func largest(_ limit: Int) -> [Row] {
        let sorted = rows.map { ($0, $0.bytes, Labels($0.pairs.map { ($0.name, $0.value) })) }
            .sorted { a, b in
                if a.1 != b.1 { return a.1 > b.1 }
                if isByLabel { return a.0.pairs[0].name < b.0.pairs[0].name }
                return a.2 < b.2
            }
        return sorted.prefix(limit).map(\.0)
    }

    /// A vector, or for a range a matrix, in Prometheus' shape.
    package func answer(limit: Int, isRange: Bool, warnings: [String]) -> [UInt8] {
        PrometheusJSON.success(warnings: warnings) { json in
            json.raw("{\"resultType\":\"\(isRange ? "matrix" : "vector")\",\"result\":[")
            for (index, row) in largest(limit).enumerated() {
                if index > 0 { json.comma() }
                json.raw("{\"metric\":{")
                for (place, pair) in row.pairs.enumerated() {
                    if place > 0 { json.comma() }
                    json.string(pair.name)
                    json.raw(":")
                    json.string(pair.value)
                }
                json.raw(isRange ? "},\"values\":[" : "},\"value\":")
                let points = row.bytesByMillis.sorted { $0.key < $1.key }
                for (place, point) in points.enumerated() where isRange || place == 0 {
                    if place > 0 { json.comma() }
                    json.raw("[")
                    json.seconds(millis: point.key)
                    json.comma()
                    json.quoted(point.value)
                    json.raw("]")
                }
                json.raw(isRange ? "]}" : "}")
            }
            json.raw("],\"stats\":{}}")
        }
    }
}
