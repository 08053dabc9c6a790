package import Model

/// Answers PromQL queries from a `Querier`.
///
/// A query is parsed, its leaves are listed (`LeafCollector`), each distinct selector is asked for
/// once and its series turned into step results as they arrive (`LeafSink`), and the rest of the
/// expression is computed over these (`PromQLEvaluator`). Memory is that of the leaves' results,
/// not of the samples read.
package struct PromQLEngine: Sendable {
    /// What is the same for all queries of an engine.
    package struct Options: Sendable, Hashable {
        /// How far an instant selector looks back for a sample.
        package var lookbackNanos: Int64
        /// Of subqueries that do not say.
        package var subqueryStepNanos: Int64
        /// Limit `query.steps_max` of a range query.
        package var stepsMax: Int
        /// Limit `query.subquery_steps_max`.
        package var subqueryStepsMax: Int
        /// What answers say of their cost; nil for nothing.
        package var statistics: QueryStatistics.Detail?

        package init(
            lookbackNanos: Int64 = 300_000_000_000, subqueryStepNanos: Int64 = 60_000_000_000,
            stepsMax: Int = 11_000, subqueryStepsMax: Int = 1_000_000
        ) {
            self.lookbackNanos = lookbackNanos
            self.subqueryStepNanos = subqueryStepNanos
            self.stepsMax = stepsMax
            self.subqueryStepsMax = subqueryStepsMax
        }
    }

    package let options: Options

    package let clock: QueryClock

    package init(options: Options = Options(), clock: QueryClock = .still) {
        self.options = options
        self.clock = clock
    }

    /// The expression that `query` is; throws `parse`, `unsupported` or a limit.
    package static func parseOnly(_ query: String) throws(QueryError) -> PromQLExpr {
        try PromQLParser.parse(query)
    }

    /// The answer at one instant. A range selector at the top gives its raw samples as a matrix.
    package func instant(
        _ query: String, at time: Timestamp, tenant: Tenant, querier: any Querier,
        budget: QueryBudget
    ) async throws(QueryError) -> QueryAnswer {
        let run = try PromQLRun(
            query, grid: StepGrid(atNanos: time.nanos), endNanos: time.nanos, engine: self,
            tenant: tenant, querier: querier, budget: budget)
        return try await run.instantAnswer()
    }

    /// The answer at start, start + step, … ≤ end. `stepNanos` > 0; start ≤ end.
    package func range(
        _ query: String, start: Timestamp, end: Timestamp, stepNanos: Int64, tenant: Tenant,
        querier: any Querier, budget: QueryBudget
    ) async throws(QueryError) -> QueryAnswer {
        guard stepNanos > 0 else {
            throw .execution(
                message: "zero or negative query resolution step widths are not accepted. "
                    + "Try a positive integer")
        }
        guard start <= end else {
            throw .execution(message: "end timestamp must not be before start time")
        }
        let (span, overflow) = end.nanos.subtractingReportingOverflow(start.nanos)
        guard !overflow, span / stepNanos < options.stepsMax else {
            throw .limit(name: "query.steps_max", allowed: options.stepsMax)
        }
        let grid = StepGrid(
            startNanos: start.nanos, stepNanos: stepNanos, count: Int(span / stepNanos) + 1)
        let run = try PromQLRun(
            query, grid: grid, endNanos: end.nanos, engine: self, tenant: tenant,
            querier: querier, budget: budget)
        return try await run.rangeAnswer()
    }
}
