internal import Model

/// `default`, `if` and `ifnot` of MetricsQL: about where a side has something and where not. A
/// number has no labels and stands for every series; as a number, NaN is nothing.
struct GapOperator {
    private let operation: PromQLExpr.BinaryOperator
    private let matching: PromQLExpr.VectorMatching
    private let signature: LabelGrouping

    init(_ node: PromQLExpr.Binary) {
        operation = node.operation
        matching = node.matching
        signature = LabelGrouping(
            names: node.matching.labels, isWithout: !node.matching.isOn)
    }

    func apply(_ left: StepMatrix, _ right: StepMatrix, stepCount: Int) -> StepMatrix {
        operation == .default ? filled(left, right) : filtered(left, right)
    }

    private func rows(_ matrix: StepMatrix) -> [Labels: [Int]] {
        Dictionary(
            grouping: matrix.labels.indices, by: { signature.key(of: matrix.labels[$0]) })
    }

    /// The rows that match; the only ones without labels match everything.
    private func partners(_ key: Labels, in rows: [Labels: [Int]]) -> [Int] {
        if let exact = rows[key] { return exact }
        return rows.count == 1 ? rows[.empty] ?? [] : []
    }

    private func filtered(_ left: StepMatrix, _ right: StepMatrix) -> StepMatrix {
        let rights = rows(right)
        var result = left
        for row in 0..<left.rowCount {
            let partners = partners(signature.key(of: left.labels[row]), in: rights)
            for (step, cell) in left.cells(row).enumerated() {
                let isThere = partners.contains {
                    right.isPresent($0 * right.stepCount + step)
                }
                if isThere != (operation == .if) { result.set(cell, .absent) }
            }
        }
        result.dropEmptyRows()
        return result
    }

    /// Gaps of the left rows are filled; right rows that match none are added, but not a number
    /// that was there to fill.
    private func filled(_ left: StepMatrix, _ right: StepMatrix) -> StepMatrix {
        let rights = rows(right)
        var result = left
        if right.hasHistograms { result.needHistograms() }
        var used: Set<Int> = []
        for row in 0..<left.rowCount {
            let partners = partners(signature.key(of: left.labels[row]), in: rights)
            used.formUnion(partners)
            for (step, cell) in left.cells(row).enumerated() where !left.isPresent(cell) {
                let filler = partners.first { right.isPresent($0 * right.stepCount + step) }
                if let filler {
                    result.set(cell, right.cell(filler * right.stepCount + step))
                }
            }
        }
        for row in 0..<right.rowCount where !used.contains(row) {
            let cells = right.cells(row)
            result.append(
                right.labels[row], Array(right.values[cells]),
                right.hasHistograms ? Array(right.histograms[cells]) : [])
        }
        result.dropEmptyRows()
        return result
    }
}

extension PromQLResult {
    /// A number as one row without labels, NaN as nothing.
    var asGaps: StepMatrix {
        switch self {
        case .vector(let matrix): return matrix
        case .scalar(let values):
            var result = StepMatrix(stepCount: values.count)
            result.append(.empty, values.map { $0.isNaN ? StepMatrix.absent : $0 })
            return result
        case .string: preconditionFailure("BUG: types were checked")
        }
    }
}
