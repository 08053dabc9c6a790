internal import Model

/// `count_values_over_time`: how often each value stands in the windows of one series.
struct ValueCounts {
    private let index: WindowIndex
    private let values: [Double]
    private let label: String

    /// `values`: those of the index' column.
    init(_ index: WindowIndex, _ values: [Double], label: String) {
        self.index = index
        self.values = values
        self.label = label
    }

    /// A row for each value, ascending; a value that a window does not hold has no cell there.
    /// Each new row is charged. Errors: `QueryLimitError`.
    func rows(
        of labels: Labels, budget: QueryBudget
    ) throws -> [(labels: Labels, row: [Double])] {
        let blank = Array(repeating: StepMatrix.absent, count: index.lows.count)
        var places: [String: Int] = [:]
        var result: [(value: Double, text: String, row: [Double])] = []
        for step in blank.indices {
            for sample in Int(index.lows[step])..<Int(index.highs[step]) {
                let text = NumberText.format(values[sample])
                let place = places[text] ?? result.count
                if place == result.count {
                    places[text] = place
                    try budget.charge(samples: blank.count)
                    result.append((values[sample], text, blank))
                }
                let known = result[place].row[step]
                result[place].row[step] = known.isStaleMarker ? 1 : known + 1
            }
        }
        return result.sorted { $0.value < $1.value }.map { item in
            var builder = LabelsBuilder(labels)
            builder.set(label, item.text)
            return (builder.build(), item.row)
        }
    }
}

extension PromQLEvaluator {
    /// Over a subquery.
    func countValuesOverTime(
        _ node: PromQLExpr.Call, _ grid: StepGrid
    ) throws -> StepMatrix {
        guard case .subquery(let subquery) = node.arguments[1].withoutParens else {
            preconditionFailure("BUG: a selector was not fetched")
        }
        let label = string(node.arguments[0])
        let reference = context.reference(subquery.shift, grid).grid
        let inner = try context.subqueryGrid(subquery, reference)
        guard inner.count > 0 else { return StepMatrix(stepCount: grid.count) }
        let matrix = try withinSubquery.vector(subquery.inner, inner)
        var result = StepMatrix(stepCount: reference.count)
        for row in 0..<matrix.rowCount {
            var nanos: [Int64] = []
            var values: [Double] = []
            for (step, cell) in matrix.cells(row).enumerated()
            where !matrix.values[cell].isStaleMarker {
                nanos.append(inner.time(step))
                values.append(matrix.values[cell])
            }
            let series = SeriesData(
                id: SeriesID(high: 0, low: 0), labels: matrix.labels[row],
                timestamps: TimestampColumn(nanos), values: values)
            counter?.addWindows(of: series, reference, windowNanos: subquery.windowNanos)
            let index = WindowIndex(
                series.timestamps, grid: reference, windowNanos: subquery.windowNanos)
            for (labels, row) in try ValueCounts(index, values, label: label)
                .rows(of: matrix.labels[row], budget: budget)
            {
                result.append(labels, row)
            }
        }
        result.dropEmptyRows()
        return try unnamed(result).broadcast(to: grid.count)
    }
}
