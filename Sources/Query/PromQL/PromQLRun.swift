internal import Model

/// One query on its way from text to answer.
struct PromQLRun {
    private let expr: PromQLExpr
    private let grid: StepGrid
    private let context: PromQLContext
    private let tenant: Tenant
    private let querier: any Querier
    private let budget: QueryBudget
    private let text: [UInt8]

    init(
        _ query: String, grid: StepGrid, options: PromQLEngine.Options, tenant: Tenant,
        querier: any Querier, budget: QueryBudget
    ) throws(QueryError) {
        let (parsed, text) = try PromQLParser.read(Array(query.utf8))
        self.text = text
        expr = try DurationResolver(
            grid: grid, lookbackNanos: options.lookbackNanos, text: text
        ).resolve(parsed)
        self.grid = grid
        context = PromQLContext(
            startNanos: grid.startNanos, endNanos: grid.endNanos,
            lookbackNanos: options.lookbackNanos, subqueryStepNanos: options.subqueryStepNanos,
            subqueryStepsMax: options.subqueryStepsMax, stepNanos: grid.resolutionNanos)
        self.tenant = tenant
        self.querier = querier
        self.budget = budget
    }

    func instantAnswer() async throws(QueryError) -> QueryAnswer {
        switch expr.withoutParens {
        case .matrix(let node): return try await rawSamples(node)
        case .subquery(let node): return try await subqueryRows(node)
        default: break
        }
        let annotations = PromQLAnnotations(text: text)
        let (result, completeness) = try await evaluated(expr, grid, annotations)
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
            completeness: completeness)
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
        let (result, completeness) = try await evaluated(expr, grid, annotations)
        let matrix: StepMatrix
        switch result {
        case .scalar(let values):
            var single = StepMatrix(stepCount: grid.count)
            single.append(.empty, values)
            matrix = single
        case .vector(let vector): matrix = vector
        case .string: preconditionFailure("BUG: the type was checked")
        }
        return QueryAnswer(
            value: .matrix(matrix.sortedByLabels().series(millis: grid.millis)),
            warnings: annotations.warnings, infos: annotations.infos,
            completeness: completeness)
    }

    // MARK: Evaluation

    private func evaluated(
        _ expr: PromQLExpr, _ grid: StepGrid, _ annotations: PromQLAnnotations
    ) async throws(QueryError) -> (PromQLResult, Completeness) {
        var collector = LeafCollector(context: context)
        let stages = try collector.collect(expr, grid)
        var evaluator = PromQLEvaluator(
            context: context, annotations: annotations, budget: budget)
        var completeness = Completeness()
        for stage in 0..<max(stages, 0) {
            let jobs = collector.jobs.filter { $0.stage == stage }
            for group in FetchGroup.groups(of: jobs) {
                completeness.merge(try await fetch(group, &evaluator, annotations))
            }
        }
        do {
            return (try evaluator.evaluate(expr, grid), completeness)
        } catch {
            throw QueryError(wrapping: error)
        }
    }

    private func fetch(
        _ group: FetchGroup, _ evaluator: inout PromQLEvaluator,
        _ annotations: PromQLAnnotations
    ) async throws(QueryError) -> Completeness {
        do {
            let sinks = try group.jobs.map { job in
                var parameters: [[Double]] = []
                if case .window(_, _, let expressions) = job.source {
                    parameters = try evaluator.parameters(expressions, job.key.grid)
                }
                return LeafSink(
                    job, parameters: parameters, annotations: annotations, budget: budget)
            }
            let request = group.request(tenant: tenant, budget: budget)
            func take(_ batch: [SeriesData]) throws {
                try budget.check()
                for series in batch {
                    for sink in sinks { try sink.consume(series) }
                }
            }
            let completeness: Completeness
            if let reduction = PromQLReduction(group.jobs, of: text, grid, context) {
                completeness = try await querier.selectSeries(
                    request, reducing: reduction.encoded(),
                    merge: { try PromQLReduction.merge($0, into: sinks) }, take)
            } else {
                completeness = try await querier.selectSeries(request, take)
            }
            for sink in sinks { evaluator.leaves[sink.job.key] = try sink.finish() }
            return completeness
        } catch {
            throw QueryError(wrapping: error)
        }
    }

    // MARK: Range vectors as results

    private func rawSamples(
        _ node: PromQLExpr.MatrixSelector
    ) async throws(QueryError) -> QueryAnswer {
        guard node.selector.boundary == .plain else {
            throw .parse(
                message: "\(node.selector.boundary.rawValue) modifier can only be used within a "
                    + "function call",
                position: QueryPosition(offset: node.range.lowerBound, in: text))
        }
        let reference = context.reference(node.selector.shift, grid).grid
        let end = Timestamp(nanos: reference.endNanos)
        let start = end.advanced(byNanos: -node.windowNanos).advanced(byNanos: 1)
        var series: [MatrixSeries] = []
        do {
            let completeness = try await querier.selectSeries(
                SeriesRequest(
                    tenant: tenant, selector: node.selector.selector, start: start,
                    end: end.advanced(byNanos: 1), budget: budget)
            ) { batch in
                for item in batch {
                    let made = MatrixSeries(raw: item, from: start, through: end)
                    if !made.values.isEmpty || !made.histograms.isEmpty { series.append(made) }
                }
            }
            series.sort { $0.labels < $1.labels }
            return QueryAnswer(value: .matrix(series), completeness: completeness)
        } catch {
            throw QueryError(wrapping: error)
        }
    }

    private func subqueryRows(
        _ node: PromQLExpr.Subquery
    ) async throws(QueryError) -> QueryAnswer {
        let reference = context.reference(node.shift, grid).grid
        let inner = try context.subqueryGrid(node, reference)
        let annotations = PromQLAnnotations(text: text)
        guard inner.count > 0 else { return QueryAnswer(value: .matrix([])) }
        let (result, completeness) = try await evaluated(node.inner, inner, annotations)
        guard case .vector(let matrix) = result else {
            preconditionFailure("BUG: the type was checked")
        }
        return QueryAnswer(
            value: .matrix(matrix.sortedByLabels().series(millis: inner.millis)),
            warnings: annotations.warnings, infos: annotations.infos, completeness: completeness)
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

extension MatrixSeries {
    /// The samples of `series` in the range, stale markers left out.
    fileprivate init(raw series: SeriesData, from start: Timestamp, through end: Timestamp) {
        self.init(labels: series.labels, timestampsMillis: [], values: [])
        let range = start.nanos...max(start.nanos, end.nanos)
        for (place, nanos) in series.timestamps.nanos.enumerated()
        where range.contains(nanos) && !series.values[place].isStaleMarker {
            timestampsMillis.append(Timestamp(nanos: nanos).millis)
            values.append(series.values[place])
        }
        for (place, nanos) in series.histogramTimestamps.nanos.enumerated()
        where range.contains(nanos) && !series.histograms[place].isStaleMarker {
            histogramTimestampsMillis.append(Timestamp(nanos: nanos).millis)
            histograms.append(series.histograms[place])
        }
    }
}
