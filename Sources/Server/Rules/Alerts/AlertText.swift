internal import Model
internal import Query

/// Labels and annotations of alerts, with what they may name.
enum AlertText {
    /// What an alert's texts are about.
    struct Context: Sendable {
        /// Of the sample, with the metric's name.
        var labels: Labels
        var value: Double
        var time: Timestamp
        var world: RuleSurroundings

        init(_ sample: VectorSample, at time: Timestamp, _ world: RuleSurroundings) {
            labels = sample.labels
            // A histogram has no one number.
            if case .float(let number) = sample.value { value = number } else { value = 0 }
            self.time = time
            self.world = world
        }
    }

    /// Why a text cannot be read; nil when it can.
    static func problem(of text: String) -> String? { nil }

    /// The text for one alert of the rule of that name.
    static func expand(_ text: String, _ context: Context, _ rule: String) async -> String { text }
}
