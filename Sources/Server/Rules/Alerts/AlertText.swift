internal import Model
internal import Query

/// Labels and annotations of alerts: templates, with what they may name.
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
    static func problem(of text: String) -> String? {
        do throws(TemplateError) {
            _ = try AlertTemplate(text)
            return nil
        } catch {
            return error.description
        }
    }

    /// The text for one alert of the rule of that name. What goes wrong becomes the text, so that
    /// the alert is still sent.
    static func expand(_ text: String, _ context: Context, _ rule: String) async -> String {
        let world = context.world
        do throws(TemplateError) {
            let template = try AlertTemplate(text, name: "__alert_\(rule)")
            return try await template.expand(
                labels: context.labels, value: context.value,
                externalLabels: world.options.externalLabels.labels,
                externalURL: world.options.externalURL, at: context.time
            ) { query throws(QueryError) in try await answer(query, context) }
        } catch {
            world.warn("a text of alert \(rule) cannot be expanded: \(error)")
            return "<error expanding template: \(error)>"
        }
    }

    private static func answer(
        _ text: String, _ context: Context
    ) async throws(QueryError) -> [AlertSample] {
        let query = try RuleQuery(reading: text, .promql)
        let samples: [VectorSample]
        do throws(RuleProblem) {
            samples = try await context.world.evaluator.samples(of: query, at: context.time)
        } catch {
            throw .execution(message: error.description)
        }
        return samples.compactMap { sample in
            guard case .float(let value) = sample.value else { return nil }
            return AlertSample(labels: sample.labels, value: value)
        }
    }
}
