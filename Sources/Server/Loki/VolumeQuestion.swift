package import Model
internal import Query

/// What a call asks of the volume of logs: of which streams, and in which parts.
package struct VolumeQuestion: Sendable {
    package let matchers: [Matcher]
    /// What the parts are told apart by; empty: by all labels that there are.
    package let names: [String]
    /// A part for each label's name rather than for each set of values.
    package let isByLabel: Bool

    /// `query`, `targetLabels`, `aggregateBy`. Without target labels the parts of series are told
    /// apart by the labels that the selector names, those of labels by all.
    package init(_ call: HTTPCall) throws {
        var matchers = try LogQLQuery.parseSelector(try call.required("query"))
        switch call.parameters["aggregateBy"] ?? "" {
        case "", "series": isByLabel = false
        case "labels": isByLabel = true
        case let other:
            throw HTTPFailure.invalid(
                "aggregateBy", "\"\(other)\" is not series or labels")
        }
        let targets = (call.parameters["targetLabels"] ?? "").split(separator: ",").map {
            String($0.drop { $0 == " " })
        }
        for name in targets {
            guard LabelName.isPlain(name) else {
                throw HTTPFailure.invalid("targetLabels", "\"\(name)\" is no label name")
            }
            // Streams without the label are no part of it.
            if !matchers.contains(where: { $0.name == name }) {
                matchers.append(try Matcher(name, .matches, ".+"))
            }
        }
        self.matchers = matchers
        var seen: Set<String> = []
        let chosen = targets.isEmpty && !isByLabel ? matchers.map(\.name) : targets
        names = chosen.filter { seen.insert($0).inserted }
    }

    /// The query that counts: bytes in the last `windowNanos`, by `names`.
    package func metric(by names: [String], windowNanos: Int64) -> String {
        let selector = matchers.map(\.description).joined(separator: ",")
        let window = "[\(max(windowNanos, 1))ns]"
        let parts = names.joined(separator: ",")
        return "sum by (\(parts)) (bytes_over_time({\(selector)}\(window)))"
    }
}
