internal import Model
internal import Query

/// What rules ask: an answer of numbers at one moment, and what alerts last wrote.
protocol RuleEvaluator: Sendable {
    /// The samples of the answer, by labels; a number on its own is a sample without labels.
    func samples(
        of query: RuleQuery, at time: Timestamp
    ) async throws(RuleProblem) -> [VectorSample]

    /// Of each series of the selector the last sample with start ≤ timestamp < end; stale markers
    /// are samples, too.
    func lastSamples(
        of matchers: [Matcher], from start: Timestamp, to end: Timestamp
    ) async throws(RuleProblem) -> [LastSample]
}

/// The last sample of a series.
struct LastSample: Sendable, Hashable {
    var labels: Labels
    var time: Timestamp
    var value: Double
}

/// Why a rule could not be evaluated or its samples not be written.
enum RuleProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// The server stops or reads its rules again: no failure of the rule.
    case cancelled
    case failed(String)

    init(_ error: QueryError) {
        if case .cancelled = error {
            self = .cancelled
        } else {
            self = .failed(error.description)
        }
    }

    var description: String {
        switch self {
        case .cancelled: "evaluation was cancelled"
        case .failed(let sentence): sentence
        }
    }
}

/// Evaluates over a `Querier`, as one tenant.
struct QuerierRuleEvaluator: RuleEvaluator {
    let querier: any Querier
    let tenant: Tenant
    let engine: PromQLEngine
    /// A budget for one query.
    let budget: @Sendable () -> QueryBudget

    func samples(
        of query: RuleQuery, at time: Timestamp
    ) async throws(RuleProblem) -> [VectorSample] {
        let answer: QueryAnswer
        do throws(QueryError) {
            switch query.language {
            case .promql:
                answer = try await engine.instant(
                    query.text, at: time, tenant: tenant, querier: querier, budget: budget())
            case .logql:
                let request = LogQLRequest(
                    tenant: tenant, query: try LogQLQuery(query.text), start: time, end: time,
                    budget: budget())
                answer = try await LogQLEngine(querier: querier).query(request).answer
            }
        } catch {
            throw RuleProblem(error)
        }
        try QuerierRuleEvaluator.check(answer.completeness)
        return try QuerierRuleEvaluator.samples(of: answer.value)
    }

    /// A part of the sum is no sum, and an alert neither ends nor begins anew because a node does
    /// not answer.
    private static func check(_ completeness: Completeness) throws(RuleProblem) {
        guard completeness.isComplete else {
            throw .failed(
                "the answer is incomplete: \(completeness.missing.joined(separator: "; "))")
        }
    }

    static func samples(of value: QueryValue) throws(RuleProblem) -> [VectorSample] {
        switch value {
        case .vector(let samples): return samples.sorted { $0.labels < $1.labels }
        case .scalar(let millis, let number):
            return [VectorSample(labels: .empty, timestampMillis: millis, value: .float(number))]
        case .string, .matrix, .streams:
            throw .failed("the answer is neither a vector nor a number")
        }
    }

    func lastSamples(
        of matchers: [Matcher], from start: Timestamp, to end: Timestamp
    ) async throws(RuleProblem) -> [LastSample] {
        var last: [LastSample] = []
        let completeness: Completeness
        do {
            let request = SeriesRequest(
                tenant: tenant, selector: Selector(matchers), start: start, end: end,
                budget: budget())
            completeness = try await querier.selectSeries(request) { batch in
                for series in batch {
                    guard let nanos = series.timestamps.nanos.last, let value = series.values.last
                    else { continue }
                    last.append(
                        LastSample(
                            labels: series.labels, time: Timestamp(nanos: nanos), value: value))
                }
            }
        } catch {
            throw RuleProblem(QueryError(wrapping: error))
        }
        try QuerierRuleEvaluator.check(completeness)
        return last.sorted { $0.labels < $1.labels }
    }
}
