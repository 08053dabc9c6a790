package import Model

/// A form that lines have, as Loki's `/loki/api/v1/patterns` gives it.
package struct LogPattern: Sendable, Hashable {
    /// How many lines began in a step.
    package struct Sample: Sendable, Hashable {
        /// The step's start, a multiple of the step, ns.
        package let nanos: Int64
        package let count: Int
    }

    /// What `|>` takes.
    package let text: String
    /// The `detected_level` of its lines; `unknown` when they have none.
    package let level: String
    package let count: Int
    /// Ascending; steps without lines are left out.
    package let samples: [Sample]
}

extension LogQLEngine {
    /// The forms of the lines that the request's log query keeps, most frequent first, as many as its
    /// limit allows, those of each level by themselves; how many lines have each per `stepNanos`, unless
    /// that is 0. As `| patterns`, which may end the query or not.
    package func patterns(
        _ request: LogQLRequest
    ) async throws(QueryError) -> (patterns: [LogPattern], completeness: Completeness) {
        guard case .log(let log) = request.query.expression, log.ending ?? .patterns == .patterns
        else {
            throw .execution(message: "only log queries have patterns")
        }
        var summary = PatternSummary(log, request: request, tellsLevels: true)
        let (forms, completeness) = try await summary.gather(querier)
        let patterns = forms.map { form in
            LogPattern(
                text: String(decoding: form.text, as: UTF8.self),
                level: String(decoding: form.level, as: UTF8.self), count: form.count,
                samples: form.steps.sorted { $0.key < $1.key }
                    .map { LogPattern.Sample(nanos: $0.key, count: $0.value) })
        }
        return (patterns, completeness)
    }
}
