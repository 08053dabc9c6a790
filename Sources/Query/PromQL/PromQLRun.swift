internal import Model

/// One query on its way from text to answer.
struct PromQLRun {
    let expr: PromQLExpr
    let grid: StepGrid
    let context: PromQLContext
    let tenant: Tenant
    let querier: any Querier
    let budget: QueryBudget
    let text: [UInt8]
    private let clock: QueryClock
    private let detail: QueryStatistics.Detail?
    /// Of `clock.monotonicNanos`: when it began, and when the text was read.
    private let beganNanos: Int64
    private let readNanos: Int64

    /// `endNanos`: of the query, which may lie behind its last step.
    init(
        _ query: String, grid: StepGrid, endNanos: Int64, engine: PromQLEngine, tenant: Tenant,
        querier: any Querier, budget: QueryBudget
    ) throws(QueryError) {
        let options = engine.options
        clock = engine.clock
        detail = options.statistics
        beganNanos = clock.monotonicNanos()
        let (parsed, text) = try PromQLParser.read(Array(query.utf8))
        self.text = text
        self.grid = grid
        context = PromQLContext(
            startNanos: grid.startNanos, endNanos: endNanos,
            lookbackNanos: options.lookbackNanos, subqueryStepNanos: options.subqueryStepNanos,
            subqueryStepsMax: options.subqueryStepsMax, stepNanos: grid.resolutionNanos,
            nowNanos: clock.wallNanos())
        expr = try DurationResolver(context, text: text).resolve(parsed)
        self.tenant = tenant
        self.querier = querier
        self.budget = budget
        readNanos = clock.monotonicNanos()
    }

    func instantAnswer() async throws(QueryError) -> QueryAnswer {
        switch expr.withoutParens {
        case .matrix(let node): return try await rawSamples(node)
        case .subquery(let node): return try await subqueryRows(node)
        default: break
        }
        let annotations = PromQLAnnotations(text: text)
        let counter = newCounter(grid)
        let (result, completeness) = try await evaluated(expr, grid, annotations, counter)
        let evaluatedNanos = clock.monotonicNanos()
        let millis = grid.millis[0]
        let value: QueryValue
        switch result {
        case .scalar(let values): value = .scalar(timestampMillis: millis, value: values[0])
        case .string(let string): value = .string(timestampMillis: millis, value: string)
        case .vector(let matrix):
            value = .vector(
                (0..<matrix.rowCount).filter(matrix.isPresent).map { row in
                    VectorSample(
                        labels: matrix.labels[row], timestampMillis: millis,
                        value: matrix.histogram(row).map { .histogram($0.histogram) }
                            ?? .float(matrix.values[row]))
                })
        }
        return QueryAnswer(
            value: value, warnings: annotations.warnings, infos: annotations.infos,
            completeness: completeness, statistics: statistics(counter, evaluatedNanos))
    }

    func rangeAnswer() async throws(QueryError) -> QueryAnswer {
        let type = expr.type
        guard type == .scalar || type == .vector else {
            let name = type == .matrix ? "range vector" : "string"
            throw .parse(
                message: "invalid expression type \"\(name)\" for range query, must be Scalar or "
                    + "instant Vector", position: QueryPosition(offset: 0, in: text))
        }
        let annotations = PromQLAnnotations(text: text)
        let counter = newCounter(grid)
        let (result, completeness) = try await evaluated(expr, grid, annotations, counter)
        let evaluatedNanos = clock.monotonicNanos()
        let matrix: StepMatrix
        switch result {
        case .scalar(let values):
            var single = StepMatrix(stepCount: grid.count)
            single.append(.empty, values)
            matrix = single
        case .vector(let vector): matrix = vector
        case .string: preconditionFailure("BUG: the type was checked")
        }
        let series = matrix.sortedByLabels().series(millis: grid.millis)
        return QueryAnswer(
            value: .matrix(series), warnings: annotations.warnings, infos: annotations.infos,
            completeness: completeness, statistics: statistics(counter, evaluatedNanos))
    }

    // MARK: Statistics

    /// Nil when nobody asks.
    func newCounter(_ grid: StepGrid) -> SampleCounter? {
        detail == nil ? nil : SampleCounter(stepCount: grid.count)
    }

    /// Where putting in order is part of the rest.
    func statisticsNow(_ counter: SampleCounter?) -> QueryStatistics? {
        statistics(counter, clock.monotonicNanos())
    }

    /// `evaluatedNanos`: when the result was there, if not in order.
    func statistics(_ counter: SampleCounter?, _ evaluatedNanos: Int64) -> QueryStatistics? {
        guard let detail, let counter else { return nil }
        var steps: [QueryStatistics.Step] = []
        if detail == .perStep {
            steps = zip(grid.millis, counter.perStep).map {
                .init(timestampMillis: $0, count: $1)
            }
        }
        return QueryStatistics(
            preparationNanos: readNanos - beganNanos,
            innerEvaluationNanos: evaluatedNanos - readNanos,
            resultSortNanos: clock.monotonicNanos() - evaluatedNanos,
            totalQueryableSamples: counter.total, samplesPerStep: steps,
            peakSamples: counter.peak)
    }

    // MARK: Evaluation

    func evaluated(
        _ expr: PromQLExpr, _ grid: StepGrid, _ annotations: PromQLAnnotations,
        _ counter: SampleCounter?
    ) async throws(QueryError) -> (PromQLResult, Completeness) {
        var collector = LeafCollector(context: context)
        let stages = try collector.collect(expr, grid)
        var evaluator = PromQLEvaluator(
            context: context, annotations: annotations, budget: budget, counter: counter)
        var completeness = Completeness()
        for stage in 0..<max(stages, 0) {
            let jobs = collector.jobs.filter { $0.stage == stage }
            for group in FetchGroup.groups(of: jobs) {
                completeness.merge(
                    try await fetch(group, &evaluator, annotations, counter))
            }
        }
        do {
            let result = try evaluator.evaluate(expr, grid)
            if case .vector(let matrix) = result { counter?.keep(matrix.values.count) }
            return (result, completeness)
        } catch {
            throw QueryError(wrapping: error)
        }
    }

    private func fetch(
        _ group: FetchGroup, _ evaluator: inout PromQLEvaluator,
        _ annotations: PromQLAnnotations, _ counter: SampleCounter?
    ) async throws(QueryError) -> Completeness {
        do {
            let sinks = try group.jobs.map { job in
                var parameters: [[Double]] = []
                if case .window(_, _, let expressions) = job.source {
                    parameters = try evaluator.parameters(expressions, job.key.grid)
                }
                return LeafSink(
                    job, parameters: parameters, annotations: annotations, budget: budget,
                    counter: counter)
            }
            let request = group.request(tenant: tenant, budget: budget)
            func take(_ batch: [SeriesData]) throws {
                try budget.check()
                counter?.isReading(
                    batch.reduce(0) { $0 + $1.values.count + $1.histograms.count })
                for series in batch {
                    for sink in sinks { try sink.consume(series) }
                }
            }
            let completeness: Completeness
            // Where samples are folded elsewhere nobody counts them.
            if counter == nil,
                let reduction = PromQLReduction(group.jobs, of: text, grid, context)
            {
                completeness = try await querier.selectSeries(
                    request, reducing: reduction.encoded(),
                    merge: { try PromQLReduction.merge($0, into: sinks) }, take)
            } else {
                completeness = try await querier.selectSeries(request, take)
            }
            for sink in sinks {
                let rows = try sink.finish()
                counter?.keep(rows.values.count)
                evaluator.leaves[sink.job.key] = rows
            }
            return completeness
        } catch {
            throw QueryError(wrapping: error)
        }
    }
}

/// Leaf jobs with the same selector whose time ranges touch: one call of the querier serves all.
struct FetchGroup {
    private(set) var jobs: [LeafJob]
    private var needed: Range<Int64>
    /// Of the selector that all jobs share; the order of matchers does not count.
    private let alternatives: Set<Set<Matcher>>

    private init(_ job: LeafJob) {
        jobs = [job]
        needed = job.needed
        alternatives = FetchGroup.alternatives(of: job)
    }

    private static func alternatives(of job: LeafJob) -> Set<Set<Matcher>> {
        Set(job.selector.selector.alternatives.map { Set($0) })
    }

    static func groups(of jobs: [LeafJob]) -> [FetchGroup] {
        var result: [FetchGroup] = []
        for job in jobs {
            let needed = job.needed
            let place = result.firstIndex { group in
                group.alternatives == FetchGroup.alternatives(of: job)
                    && group.needed.lowerBound <= needed.upperBound
                    && needed.lowerBound <= group.needed.upperBound
            }
            if let place {
                result[place].jobs.append(job)
                let union = result[place].needed
                result[place].needed =
                    min(
                        union.lowerBound, needed.lowerBound)..<max(
                        union.upperBound, needed.upperBound)
            } else {
                result.append(FetchGroup(job))
            }
        }
        return result
    }

    func request(tenant: Tenant, budget: QueryBudget) -> SeriesRequest {
        SeriesRequest(
            tenant: tenant, selector: jobs[0].selector.selector,
            start: Timestamp(nanos: needed.lowerBound), end: Timestamp(nanos: needed.upperBound),
            budget: budget)
    }
}

extension StepMatrix {
    /// Rows as result series; rows without a gap share `millis`.
    func series(millis: [Int64]) -> [MatrixSeries] {
        (0..<rowCount).compactMap { row in
            let cells = cells(row)
            var series = MatrixSeries(labels: labels[row], timestampsMillis: [], values: [])
            if !values[cells].contains(where: \.isStaleMarker) {
                series.timestampsMillis = millis
                series.values = Array(values[cells])
                return series
            }
            for (step, cell) in cells.enumerated() {
                if let box = histogram(cell) {
                    series.histogramTimestampsMillis.append(millis[step])
                    series.histograms.append(box.histogram)
                } else if !values[cell].isStaleMarker {
                    series.timestampsMillis.append(millis[step])
                    series.values.append(values[cell])
                }
            }
            return series.values.isEmpty && series.histograms.isEmpty ? nil : series
        }
    }
}
