internal import Model

/// Tells who takes the rate of what is not named like a counter, as Prometheus does: once per
/// name, where a rate of floats came out.
struct CounterNames {
    private static let suffixes = ["_total", "_sum", "_count", "_bucket"]

    /// Of all series, where it is known.
    private let onlyName: String?
    private let annotations: PromQLAnnotations
    private let range: Range<Int>
    private var isDone: Bool

    init(onlyName: String?, annotations: PromQLAnnotations, range: Range<Int>) {
        self.onlyName = onlyName
        self.annotations = annotations
        self.range = range
        isDone = onlyName.map(CounterNames.isUsual) ?? false
    }

    /// `row`: the floats that came out for the series. O(1) once the only name was told of.
    mutating func check(_ labels: Labels, _ row: [Double]) {
        guard !isDone, !row.allSatisfy(\.isStaleMarker) else { return }
        let name = onlyName ?? labels.metricName
        if onlyName != nil { isDone = true }
        if !CounterNames.isUsual(name) { annotations.possiblyNoCounter(name, at: range) }
    }

    private static func isUsual(_ name: String) -> Bool {
        name.isEmpty || suffixes.contains(where: name.hasSuffix)
    }
}
