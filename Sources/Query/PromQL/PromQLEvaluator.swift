internal import Model

/// What an expression is worth at all steps of a grid.
enum PromQLResult {
    /// One value per step.
    case scalar([Double])
    case string(String)
    case vector(StepMatrix)
}

/// Evaluates an expression whose leaves have been fetched. Purely computes; recursion is bounded
/// by the parser's depth limit.
struct PromQLEvaluator {
    let context: PromQLContext
    let annotations: PromQLAnnotations
    let budget: QueryBudget
    /// Nil in subqueries, and when nobody asks.
    private(set) var counter: SampleCounter?
    var leaves: [LeafJob.Key: StepMatrix] = [:]
    /// Whether the call or operator that is being evaluated says `keep_metric_names`.
    var keepsMetricNames = false

    init(
        context: PromQLContext, annotations: PromQLAnnotations, budget: QueryBudget,
        counter: SampleCounter?
    ) {
        self.counter = counter
        self.context = context
        self.annotations = annotations
        self.budget = budget
    }

    func evaluate(_ expr: PromQLExpr, _ grid: StepGrid) throws -> PromQLResult {
        try budget.check()
        if let known = leaves[LeafJob.Key(range: expr.range, grid: grid)],
            isFetched(expr)
        {
            if case .aggregate(let node) = expr { return .vector(limited(known, node)) }
            return .vector(known)
        }
        switch expr {
        case .number(let node):
            return .scalar(Array(repeating: node.value, count: grid.count))
        case .string(let node): return .string(node.value)
        case .parens(let node): return try evaluate(node.inner, grid)
        case .unary(let node):
            let operand = try evaluate(node.operand, grid)
            guard node.isNegation else { return operand }
            return try negate(operand)
        case .binary(let node):
            return try keepingNames(node.keepsMetricNames).evaluate(node, grid)
        case .aggregate(let node): return .vector(limited(try evaluate(node, grid), node))
        case .call(let node):
            return try keepingNames(node.keepsMetricNames).evaluate(node, grid)
        case .vector: preconditionFailure("BUG: a selector was not fetched")
        case .matrix, .subquery:
            preconditionFailure("BUG: a range vector is evaluated outside of its function")
        }
    }

    private func keepingNames(_ keepsMetricNames: Bool) -> PromQLEvaluator {
        guard keepsMetricNames != self.keepsMetricNames else { return self }
        var result = self
        result.keepsMetricNames = keepsMetricNames
        return result
    }

    /// Without metric names, unless the query wants them kept.
    func unnamed(_ matrix: StepMatrix) throws -> StepMatrix {
        keepsMetricNames ? try matrix.merged() : try matrix.withoutMetricNames()
    }

    private func limited(_ matrix: StepMatrix, _ node: PromQLExpr.Aggregate) -> StepMatrix {
        guard let limit = node.limit, limit < matrix.rowCount else { return matrix }
        return matrix.selecting(Array(0..<limit))
    }

    /// Whether results under the range of `expr` are those of `expr`: parentheses and `absent`
    /// share or transform what stands there.
    private func isFetched(_ expr: PromQLExpr) -> Bool {
        switch expr {
        case .vector, .aggregate: true
        case .call(let node):
            switch node.function.implementation {
            case .absent, .absentOverTime: false
            default: true
            }
        default: false
        }
    }

    func vector(_ expr: PromQLExpr, _ grid: StepGrid) throws -> StepMatrix {
        guard case .vector(let matrix) = try evaluate(expr, grid) else {
            preconditionFailure("BUG: types were checked")
        }
        return matrix
    }

    func scalar(_ expr: PromQLExpr, _ grid: StepGrid) throws -> [Double] {
        guard case .scalar(let values) = try evaluate(expr, grid) else {
            preconditionFailure("BUG: types were checked")
        }
        return values
    }

    func string(_ expr: PromQLExpr) -> String {
        guard case .string(let node) = expr.withoutParens else {
            preconditionFailure("BUG: types were checked")
        }
        return node.value
    }

    /// The values of scalar arguments: one for all steps when they do not change.
    func parameters(_ expressions: [PromQLExpr], _ grid: StepGrid) throws -> [[Double]] {
        try expressions.map { expr in
            if case .number(let node) = expr.withoutParens { return [node.value] }
            let values = try scalar(expr, grid)
            let isConstant = values.allSatisfy { $0.bitPattern == values.first?.bitPattern }
            return isConstant ? Array(values.prefix(1)) : values
        }
    }

    private func negate(_ operand: PromQLResult) throws -> PromQLResult {
        switch operand {
        case .scalar(let values): return .scalar(values.map { -$0 })
        case .vector(var matrix):
            for cell in matrix.values.indices where !matrix.values[cell].isStaleMarker {
                matrix.values[cell] = -matrix.values[cell]
            }
            for cell in matrix.histograms.indices {
                if let box = matrix.histograms[cell] {
                    matrix.histograms[cell] = HistogramBox(
                        HistogramArithmetic.scale(box.histogram, by: -1))
                }
            }
            return .vector(try matrix.withoutMetricNames())
        case .string: preconditionFailure("BUG: types were checked")
        }
    }

    /// What evaluates the inner expression of a subquery, whose samples do not count.
    var withinSubquery: PromQLEvaluator {
        var result = self
        result.counter = nil
        return result
    }

    /// A window function over a subquery: the inner rows take the place of series.
    func overSubquery(
        _ node: PromQLExpr.Subquery, _ function: WindowFunction, _ parameters: [[Double]],
        _ grid: StepGrid
    ) throws -> StepMatrix {
        let (reference, isAnchored) = context.reference(node.shift, grid)
        let inner = try context.subqueryGrid(node, reference)
        guard inner.count > 0 else { return StepMatrix(stepCount: grid.count) }
        let matrix = try withinSubquery.vector(node.inner, inner)
        let times = (0..<inner.count).map(inner.time)
        let shared = TimestampColumn(times)
        let isBroadcastable =
            isAnchored && function != .predictLinear && parameters.allSatisfy { $0.count == 1 }
        let windowGrid =
            isAnchored && !isBroadcastable
            ? StepGrid(
                startNanos: reference.startNanos, stepNanos: 0, count: grid.count) : reference
        var windows = WindowEvaluator(
            function: function, grid: windowGrid, windowNanos: node.windowNanos,
            parameters: parameters, annotations: annotations, range: node.range,
            budget: budget, nowNanos: { grid.time($0) })
        var result = StepMatrix(stepCount: windowGrid.count)
        var row = Array(repeating: StepMatrix.absent, count: windowGrid.count)
        var boxes: [HistogramBox?] = []
        var counterNames: CounterNames?
        if function == .rate || function == .increase {
            counterNames = CounterNames(
                onlyName: nil, annotations: annotations, range: node.range)
        }
        for index in 0..<matrix.rowCount {
            let series = SubqueryRow.series(matrix, index, times, shared)
            counter?.addWindows(of: series, windowGrid, windowNanos: node.windowNanos)
            try windows.evaluate(series, into: &row, &boxes)
            counterNames?.check(series.labels, row)
            try budget.charge(samples: windowGrid.count)
            result.append(series.labels, row, boxes)
        }
        result.dropEmptyRows()
        if !function.keepsMetricName { result = try unnamed(result) }
        return result.broadcast(to: grid.count)
    }
}

/// Turns a row into a series, with the shared column when nothing is missing in it.
private enum SubqueryRow {
    static func series(
        _ matrix: StepMatrix, _ row: Int, _ times: [Int64], _ shared: TimestampColumn
    ) -> SeriesData {
        let cells = matrix.cells(row)
        var nanos: [Int64] = []
        var values: [Double] = []
        var histogramNanos: [Int64] = []
        var histograms: [Histogram] = []
        for (step, cell) in cells.enumerated() {
            if !matrix.values[cell].isStaleMarker {
                nanos.append(times[step])
                values.append(matrix.values[cell])
            } else if let box = matrix.histogram(cell) {
                histogramNanos.append(times[step])
                histograms.append(box.histogram)
            }
        }
        return SeriesData(
            id: SeriesID(high: 0, low: 0), labels: matrix.labels[row],
            timestamps: nanos.count == times.count ? shared : TimestampColumn(nanos),
            values: values,
            histogramTimestamps: histograms.isEmpty ? .empty : TimestampColumn(histogramNanos),
            histograms: histograms)
    }
}
