/// What a query cost, as Prometheus counts it. Source: Prometheus, util/stats/query_stats.go.
package struct QueryStatistics: Sendable, Equatable {
    package enum Detail: Sendable, Hashable {
        case totals
        /// Samples of every step beside their total.
        case perStep
    }

    /// Reading the text and listing what it needs.
    package var preparationNanos: Int64
    /// Fetching samples and computing with them.
    package var innerEvaluationNanos: Int64
    /// Putting the result in order.
    package var resultSortNanos: Int64
    /// Samples that were looked at: at each step those that a selector found, or that lay in its
    /// window, as if the step had been asked for alone. A histogram counts as many as it is long.
    package var totalQueryableSamples: Int
    /// Empty unless `Detail.perStep` was asked for; else one per step.
    package var samplesPerStep: [Step]
    /// The most values that were held at once: rows made so far and the samples being read.
    package var peakSamples: Int

    package struct Step: Sendable, Equatable {
        package var timestampMillis: Int64
        package var count: Int
    }

    package var evaluationNanos: Int64 {
        preparationNanos + innerEvaluationNanos + resultSortNanos
    }
}
