internal import Model

extension PromQLEvaluator {
    func evaluate(_ node: PromQLExpr.Binary, _ grid: StepGrid) throws -> PromQLResult {
        let left = try evaluate(node.left, grid)
        let right = try evaluate(node.right, grid)
        let cells = CellOperator(
            operation: node.operation, returnsBool: node.returnsBool, annotations: annotations,
            range: node.range)
        if node.operation.isGapOperator {
            return .vector(
                GapOperator(node).apply(left.asGaps, right.asGaps, stepCount: grid.count))
        }
        switch (left, right) {
        case (.scalar(let a), .scalar(let b)):
            return .scalar(zip(a, b).map { cells.floats($0, $1) })
        case (.vector(let matrix), .scalar(let values)):
            return .vector(try combine(matrix, values, cells, scalarIsLeft: false))
        case (.scalar(let values), .vector(let matrix)):
            return .vector(try combine(matrix, values, cells, scalarIsLeft: true))
        case (.vector(let a), .vector(let b)):
            let matching = VectorMatch(node: node, cells: cells)
            switch node.operation {
            case .and: return .vector(matching.intersection(a, b, keepsMatched: true))
            case .unless: return .vector(matching.intersection(a, b, keepsMatched: false))
            case .or: return .vector(try matching.union(a, b))
            default: return .vector(try matching.combine(a, b))
            }
        default: preconditionFailure("BUG: types were checked")
        }
    }

    private func combine(
        _ matrix: StepMatrix, _ scalars: [Double], _ cells: CellOperator, scalarIsLeft: Bool
    ) throws -> StepMatrix {
        var result = matrix
        let isFilter = cells.operation.keepsMetricName && !cells.returnsBool
        for row in 0..<matrix.rowCount {
            for (step, index) in matrix.cells(row).enumerated() where matrix.isPresent(index) {
                let cell = matrix.cell(index)
                let scalar = CellOperator.Cell(value: scalars[step], box: nil)
                var outcome =
                    scalarIsLeft ? cells.apply(scalar, cell) : cells.apply(cell, scalar)
                // A filter keeps the vector's value, whichever side it stands on.
                if cells.operation.isComparison, isFilter, scalarIsLeft, !outcome.isAbsent {
                    outcome = cell
                }
                result.set(index, outcome)
            }
        }
        result.dropEmptyRows()
        return isFilter ? result : try unnamed(result)
    }
}
