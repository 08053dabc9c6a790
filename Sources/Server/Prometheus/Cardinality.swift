internal import Model

/// How many series there are, and by which names and labels: what Prometheus says of its head block,
/// here of the series with samples in a range of time.
struct Cardinality {
    /// Name and how many, the largest first; of equal ones by name.
    typealias Row = (name: String, count: Int)

    private(set) var seriesCount = 0
    private var byMetric: [String: Int] = [:]
    private var byPair: [Pair: Int] = [:]
    private var labelBytes: [String: Int] = [:]

    private struct Pair: Hashable {
        let name: String
        let value: String
    }

    mutating func add(_ labels: Labels) {
        seriesCount += 1
        for (name, value) in labels.pairs {
            if name == "__name__" { byMetric[value, default: 0] += 1 }
            byPair[Pair(name: name, value: value), default: 0] += 1
            labelBytes[name, default: 0] += value.utf8.count
        }
    }

    var pairCount: Int { byPair.count }

    func seriesByMetric(_ limit: Int) -> [Row] { Self.top(byMetric.map { ($0, $1) }, limit) }

    func valuesByLabel(_ limit: Int) -> [Row] {
        var counts: [String: Int] = [:]
        for pair in byPair.keys { counts[pair.name, default: 0] += 1 }
        return Self.top(counts.map { ($0, $1) }, limit)
    }

    /// Bytes of the values in all series.
    func bytesByLabel(_ limit: Int) -> [Row] { Self.top(labelBytes.map { ($0, $1) }, limit) }

    /// `name=value`.
    func seriesByPair(_ limit: Int) -> [Row] {
        Self.top(byPair.map { ("\($0.name)=\($0.value)", $1) }, limit)
    }

    private static func top(_ rows: [Row], _ limit: Int) -> [Row] {
        Array(rows.sorted { ($1.count, $0.name) < ($0.count, $1.name) }.prefix(limit))
    }
}
