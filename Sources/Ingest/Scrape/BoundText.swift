internal import Encoding
internal import Model

/// Values of `le` and `quantile`, which are numbers: as OpenMetrics writes them, `1.0` and `+Inf`,
/// so that a series is the same whichever format brought it.
/// Source: OpenMetrics 1.0, canonical numbers; Prometheus 3, migration guide.
enum BoundText {
    private static let exponentsBelow = 1e-4
    private static let exponentsFrom = 1e6

    static func format(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        let magnitude = value.magnitude
        if magnitude != 0, magnitude < exponentsBelow || magnitude >= exponentsFrom {
            return DoubleText.exponential(value)
        }
        var bytes: [UInt8] = []
        DoubleText.append(value, to: &bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        return text.contains(".") ? text : text + ".0"
    }

    /// `labels` of a family of that kind with its bound in this form; what is no number stays.
    static func normalised(_ labels: Labels, of kind: MetricMetadata.Kind) -> Labels {
        let name: String
        switch kind {
        case .histogram, .gaugeHistogram: name = "le"
        case .summary: name = "quantile"
        default: return labels
        }
        guard let text = labels[name] else { return labels }
        let bytes = Array(text.utf8)
        guard
            let value = DoubleText.parse(
                bytes, from: 0, to: bytes.count, words: .nanAndInfinity)
        else { return labels }
        var builder = LabelsBuilder(labels)
        builder.set(name, format(value))
        return builder.build()
    }
}
