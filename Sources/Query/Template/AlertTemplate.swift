package import Model

/// A sample that a query in an alert's template answers with.
package struct AlertSample: Sendable {
    /// With the metric's name as `__name__`.
    package var labels: Labels
    package var value: Double

    package init(labels: Labels, value: Double) {
        self.labels = labels
        self.value = value
    }
}

/// The text of a label or annotation of an alerting rule: a template with Prometheus' functions,
/// in which `$labels`, `$value`, `$externalLabels` and `$externalURL` are what they are there.
/// Immutable; read once and expanded for every alert.
///
/// Source: Prometheus, docs/configuration/template_reference.md, template/template.go,
/// rules/alerting.go.
package struct AlertTemplate: Sendable {
    /// Answers a query of the template's at the time that it is expanded for.
    package typealias Query = @Sendable (String) async throws(QueryError) -> [AlertSample]

    /// What alerts' templates are told, as variables.
    private static let preamble =
        "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
        + "{{$externalURL := .ExternalURL}}{{$value := .Value}}"

    /// Queries of one expansion.
    package static let queriesMax = 32

    private let name: String
    /// Nil for a text without actions, which is its own expansion.
    private let template: Template?
    private let text: String
    private let expressions = TemplateExpressions()

    /// Throws when `text` is not a template: an unknown function, an action that is not closed.
    /// `name`: for errors, as in `__alert_HighLoad`.
    package init(_ text: String, name: String = "alert") throws(TemplateError) {
        self.name = name
        self.text = text
        guard text.contains("{{") else {
            template = nil
            return
        }
        do {
            template = try Template(
                AlertTemplate.preamble + text, name: name,
                functions: AlertTemplateFunctions.functions)
        } catch {
            throw TemplateError("error parsing template \(name): \(error.message)")
        }
    }

    /// The text for one alert. `externalURL` is where the alert's receiver finds this server; `time`
    /// is what the rule was evaluated for. Throws when a function fails, a query among them, and
    /// when the template passes its limits.
    ///
    /// The template is carried out as far as it comes without an answer, the query is asked, and it
    /// begins again: the answers of a query are the same throughout.
    package func expand(
        labels: Labels, value: Double, externalLabels: Labels = .empty, externalURL: String = "",
        at time: Timestamp, query: Query
    ) async throws(TemplateError) -> String {
        guard let template else { return text }
        let data = TemplateMap(
            .record("struct"),
            [
                Array("Labels".utf8): .map(TemplateMap(labels)),
                Array("ExternalLabels".utf8): .map(TemplateMap(externalLabels)),
                Array("ExternalURL".utf8): .text(externalURL),
                Array("Value".utf8): .float(value),
            ])
        var context = TemplateContext(expressions)
        context.nowNanos = time.nanos
        context.externalURL = externalURL
        while true {
            var output: [UInt8] = []
            let wanted: String
            do throws(TemplateError) {
                try template.execute(.map(data), context, into: &output)
                return String(decoding: output, as: UTF8.self)
            } catch {
                guard let text = error.wantedQuery else { throw executing(error.message) }
                wanted = text
            }
            guard context.answers.count < AlertTemplate.queriesMax else {
                throw executing("more than \(AlertTemplate.queriesMax) queries")
            }
            do throws(QueryError) {
                context.answers[wanted] = try await query(wanted).map(AlertTemplate.value)
            } catch {
                throw executing("error calling query: \(error)")
            }
        }
    }

    private func executing(_ message: String) -> TemplateError {
        TemplateError("error executing template \(name): \(message)")
    }

    private static func value(_ sample: AlertSample) -> TemplateValue {
        .map(
            TemplateMap(
                .record(TemplateFunction.Parameter.sample.rawValue),
                [
                    Array("Labels".utf8): .map(TemplateMap(sample.labels)),
                    Array("Value".utf8): .float(sample.value),
                ]))
    }
}

extension TemplateMap {
    init(_ labels: Labels) {
        self.init(.texts)
        labels.forEachSlice { name, value in
            entries[Array(name)] = .text(Array(value))
            return true
        }
    }
}
