package import Model

/// One evaluation of a LogQL query.
package struct LogQLRequest: Sendable {
    package enum Direction: Sendable, Hashable { case forward, backward }

    package var tenant: Tenant
    package var query: LogQLQuery
    /// Lines with start ≤ timestamp < end; numbers at start, start + step … ≤ end.
    package var start: Timestamp
    package var end: Timestamp
    /// Between the numbers, ns; 0 asks for one, at `end`.
    package var stepNanos: Int64
    /// Of lines; nil for all.
    package var limit: Int?
    package var direction: Direction
    /// Whether lines that `| context` shows around a match may lie outside of start and end.
    package var readsContextBeyond: Bool
    package var budget: QueryBudget

    package init(
        tenant: Tenant, query: LogQLQuery, start: Timestamp, end: Timestamp,
        stepNanos: Int64 = 0, limit: Int? = nil, direction: Direction = .backward,
        readsContextBeyond: Bool = false, budget: QueryBudget
    ) {
        self.tenant = tenant
        self.query = query
        self.start = start
        self.end = end
        self.stepNanos = stepNanos
        self.limit = limit
        self.direction = direction
        self.readsContextBeyond = readsContextBeyond
        self.budget = budget
    }
}

/// What an evaluation did.
package struct LogQLStatistics: Sendable, Equatable {
    /// Lines that came from the storage, which has filtered them by the head of the pipeline.
    package var linesProcessed = 0
    package var bytesProcessed = 0
    package var entriesReturned = 0

    package init() {}
}

/// A result with the work behind it.
package struct LogQLAnswer: Sendable {
    package var answer: QueryAnswer
    package var statistics: LogQLStatistics

    package init(answer: QueryAnswer, statistics: LogQLStatistics) {
        self.answer = answer
        self.statistics = statistics
    }
}

/// The end of a streamed result.
package struct LogQLSummary: Sendable {
    package var statistics: LogQLStatistics
    package var completeness: Completeness

    package init(statistics: LogQLStatistics, completeness: Completeness) {
        self.statistics = statistics
        self.completeness = completeness
    }
}
