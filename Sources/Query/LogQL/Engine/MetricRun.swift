internal import Model

/// Evaluates the tree of a metric query over the grid, from the leaves up.
struct MetricRun {
    let querier: any Querier
    let options: LogQLEngine.Options
    let request: LogQLRequest
    let grid: LogStepGrid

    /// What the evaluation gathers beside values.
    private struct Work {
        var statistics = LogQLStatistics()
        var completeness = Completeness()
        /// Range aggregations that were begun: they come as they stand in the text.
        var rangeCount = 0
    }

    func answer(to metric: MetricExpression) async throws(QueryError) -> LogQLAnswer {
        var work = Work()
        let vector = try await value(of: metric, &work)
        let value = grid.isInstant ? instant(vector, metric) : matrix(vector)
        return LogQLAnswer(
            answer: QueryAnswer(value: value, completeness: work.completeness),
            statistics: work.statistics)
    }

    private func value(
        of metric: MetricExpression, _ work: inout Work
    ) async throws(QueryError) -> LogVector {
        switch metric {
        case .number(let value): return .scalar(value)
        case .vector(let value):
            let values = [Double](repeating: value, count: grid.count)
            return .series([LogSeries(labels: .empty, values: values)])
        case .range(let range):
            return .series(try await series(of: range, range.grouping, &work))
        case .aggregation(let aggregation):
            // A sum of sums needs no inner series: memory stays with the groups.
            if aggregation.function == .sum, case .range(let range) = aggregation.operand,
                MetricRun.isAdditive(range)
            {
                let grouping = aggregation.grouping ?? .all
                return .series(try await series(of: range, grouping, &work))
            }
            let operand = try await value(of: aggregation.operand, &work)
            return .series(
                VectorAggregator(aggregation, stepCount: grid.count).apply(to: operand))
        case .binary(let binary):
            let left = try await value(of: binary.left, &work)
            let right = try await value(of: binary.right, &work)
            return try VectorBinary(binary, stepCount: grid.count).apply(left, right)
        case .labelReplace(let replacement):
            let operand = try await value(of: replacement.operand, &work)
            return try replacement.apply(to: operand)
        case .variants(let variants):
            var result: [LogSeries] = []
            for (number, expression) in variants.expressions.enumerated() {
                for var one in try await value(of: expression, &work).series(count: grid.count) {
                    var builder = LabelsBuilder(one.labels)
                    builder.set("__variant__", "\(number)")
                    one.labels = builder.build()
                    result.append(one)
                }
            }
            return .series(result)
        }
    }

    /// Whether the sum of groups' values is the value of all their lines.
    private static func isAdditive(_ range: RangeAggregation) -> Bool {
        guard range.grouping == nil else { return false }
        switch range.function {
        case .countOverTime, .rate, .bytesOverTime, .bytesRate, .sumOverTime: return true
        default: return false
        }
    }

    private func series(
        of range: RangeAggregation, _ grouping: LabelGrouping?, _ work: inout Work
    ) async throws(QueryError) -> [LogSeries] {
        var run = RangeRun(
            range, grouping: grouping, steps: grid, options: options, budget: request.budget)
        let place = work.rangeCount
        work.rangeCount += 1
        do {
            let lines = run.lineRequest(tenant: request.tenant)
            let completeness: Completeness
            if run.isReducible {
                let reduction = LogQLReduction(
                    text: request.query.description, grid: grid, options: options, place: place,
                    grouping: grouping)
                completeness = try await querier.selectLines(
                    lines, reducing: reduction.encoded(), merge: { try run.merge($0) },
                    { data in
                        try run.add(data)
                        return true
                    })
            } else {
                completeness = try await querier.selectLines(lines) { data in
                    try run.add(data)
                    return true
                }
            }
            work.completeness.merge(completeness)
        } catch {
            throw QueryError(wrapping: error)
        }
        work.statistics.linesProcessed += run.lineCount
        work.statistics.bytesProcessed += run.byteCount
        // The order of arrival is not the data's: sort, so that ties fall the same way each time.
        return run.result().sorted { $0.labels < $1.labels }
    }

    private func instant(_ vector: LogVector, _ metric: MetricExpression) -> QueryValue {
        let millis = Timestamp(nanos: grid.nanos(0)).millis
        guard case .series(let series) = vector else {
            guard case .scalar(let value) = vector else { return .vector([]) }
            return .scalar(timestampMillis: millis, value: value)
        }
        var samples: [VectorSample] = []
        for one in series where !LogVector.isAbsent(one.values[0]) {
            samples.append(
                VectorSample(
                    labels: one.labels, timestampMillis: millis, value: .float(one.values[0])))
        }
        if !MetricRun.hasOrder(metric) { samples.sort { $0.labels < $1.labels } }
        return .vector(samples)
    }

    /// Whether the order of the series is part of the value.
    private static func hasOrder(_ metric: MetricExpression) -> Bool {
        guard case .aggregation(let aggregation) = metric else { return false }
        switch aggregation.function {
        case .sort, .sortDescending, .topk, .bottomk, .approximateTopk: return true
        default: return false
        }
    }

    private func matrix(_ vector: LogVector) -> QueryValue {
        let millis = (0..<grid.count).map { Timestamp(nanos: grid.nanos($0)).millis }
        var result: [MatrixSeries] = []
        for one in vector.series(count: grid.count) {
            if !one.values.contains(where: LogVector.isAbsent) {
                result.append(
                    MatrixSeries(
                        labels: one.labels, timestampsMillis: millis, values: one.values))
                continue
            }
            let present = one.values.indices.filter { !LogVector.isAbsent(one.values[$0]) }
            if present.isEmpty { continue }
            result.append(
                MatrixSeries(
                    labels: one.labels, timestampsMillis: present.map { millis[$0] },
                    values: present.map { one.values[$0] }))
        }
        return .matrix(result.sorted { $0.labels < $1.labels })
    }
}
