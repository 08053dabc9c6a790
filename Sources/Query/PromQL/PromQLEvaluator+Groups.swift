internal import Model

/// Aggregations of MetricsQL: of all values of a group at one step, of each row among its group,
/// and selections of rows.
extension PromQLEvaluator {
    func evaluateExtra(
        _ matrix: StepMatrix, _ node: PromQLExpr.Aggregate, _ parameters: [Double]
    ) throws -> StepMatrix {
        noteIgnoredHistograms(matrix, node)
        switch node.operation {
        case .any: return anyRows(matrix, node)
        case .share, .zscore: return try shares(matrix, node)
        case .outliersIQR, .outliersMAD: return outliers(matrix, node, parameters)
        case .outliersk: return deviants(matrix, node, parameters)
        default:
            if let ranking = node.operation.rowRanking {
                return ranked(matrix, node, ranking, count: parameters.first ?? 0)
            }
            return values(matrix, node)
        }
    }

    /// The floats of rows at a step.
    private func gather(
        _ matrix: StepMatrix, _ rows: [Int], _ step: Int, into scratch: inout [Double]
    ) {
        scratch.removeAll(keepingCapacity: true)
        for row in rows {
            let value = matrix.values[row * matrix.stepCount + step]
            if !value.isStaleMarker { scratch.append(value) }
        }
    }

    private func values(_ matrix: StepMatrix, _ node: PromQLExpr.Aggregate) -> StepMatrix {
        var result = StepMatrix(stepCount: matrix.stepCount)
        var scratch: [Double] = []
        for group in groups(matrix, node.grouping) {
            let base = result.values.count
            result.appendBlank(group.labels)
            for step in 0..<matrix.stepCount {
                gather(matrix, group.rows, step, into: &scratch)
                guard !scratch.isEmpty else { continue }
                if node.operation == .histogram {
                    var builder = HistogramBuilder()
                    for value in scratch { builder.add(value) }
                    result.set(base + step, builder.histogram)
                } else {
                    result.values[base + step] = Self.value(node.operation, &scratch)
                }
            }
        }
        result.dropEmptyRows()
        return result
    }

    private static func value(
        _ operation: PromQLExpr.Aggregate.Operation, _ values: inout [Double]
    ) -> Double {
        switch operation {
        case .median: return Quantile.of(&values, 0.5)
        case .mode: return SortedValues.mode(&values)
        case .distinct: return SortedValues.distinctCount(&values)
        case .iqr: return Quantile.of(&values, 0.75) - Quantile.of(&values, 0.25)
        case .mad:
            let median = Quantile.of(&values, 0.5)
            for place in values.indices { values[place] = abs(values[place] - median) }
            return Quantile.of(&values, 0.5)
        case .sum2:
            for place in values.indices { values[place] *= values[place] }
            return KahanSum.of(values)
        default:
            let count = Double(values.count)
            for place in values.indices { values[place] = FloatMath.logarithm(values[place]) }
            return FloatMath.exponential(KahanSum.of(values) / count)
        }
    }

    /// At each step what the first row has that has anything.
    private func anyRows(_ matrix: StepMatrix, _ node: PromQLExpr.Aggregate) -> StepMatrix {
        var result = StepMatrix(stepCount: matrix.stepCount)
        for group in groups(matrix, node.grouping) {
            let base = result.values.count
            result.appendBlank(group.labels)
            for step in 0..<matrix.stepCount {
                let row = group.rows.first { matrix.isPresent($0 * matrix.stepCount + step) }
                guard let row else { continue }
                result.set(base + step, matrix.cell(row * matrix.stepCount + step))
            }
        }
        result.dropEmptyRows()
        return result
    }

    private func shares(
        _ matrix: StepMatrix, _ node: PromQLExpr.Aggregate
    ) throws -> StepMatrix {
        var result = matrix
        result.histograms = []
        var scratch: [Double] = []
        for group in groups(matrix, node.grouping) {
            for step in 0..<matrix.stepCount {
                gather(matrix, group.rows, step, into: &scratch)
                let sum = KahanSum.of(scratch)
                let mean = sum / Double(scratch.count)
                for place in scratch.indices {
                    scratch[place] = (scratch[place] - mean) * (scratch[place] - mean)
                }
                let deviation = (KahanSum.of(scratch) / Double(scratch.count)).squareRoot()
                for row in group.rows {
                    let cell = row * matrix.stepCount + step
                    guard !matrix.values[cell].isStaleMarker else { continue }
                    result.values[cell] =
                        node.operation == .share
                        ? matrix.values[cell] / sum : (matrix.values[cell] - mean) / deviation
                }
            }
        }
        result.dropEmptyRows()
        return try result.withoutMetricNames()
    }

    // MARK: Rows

    /// Rows of which at least one value lies far from those of its group.
    private func outliers(
        _ matrix: StepMatrix, _ node: PromQLExpr.Aggregate, _ tolerances: [Double]
    ) -> StepMatrix {
        var isFar = Array(repeating: false, count: matrix.rowCount)
        var scratch: [Double] = []
        for group in groups(matrix, node.grouping) {
            for step in 0..<matrix.stepCount {
                gather(matrix, group.rows, step, into: &scratch)
                guard !scratch.isEmpty else { continue }
                let bounds: ClosedRange<Double>
                if node.operation == .outliersIQR {
                    bounds = SortedValues.quartileBounds(&scratch)
                } else {
                    let median = Quantile.of(&scratch, 0.5)
                    for place in scratch.indices { scratch[place] = abs(scratch[place] - median) }
                    let reach = abs(tolerances[step]) * Quantile.of(&scratch, 0.5)
                    guard reach.isFinite, median.isFinite else { continue }
                    bounds = (median - reach)...(median + reach)
                }
                for row in group.rows {
                    let value = matrix.values[row * matrix.stepCount + step]
                    if !value.isNaN, !bounds.contains(value) { isFar[row] = true }
                }
            }
        }
        return matrix.selecting(matrix.labels.indices.filter { isFar[$0] })
    }

    /// The rows that are furthest from the medians of their group.
    private func deviants(
        _ matrix: StepMatrix, _ node: PromQLExpr.Aggregate, _ counts: [Double]
    ) -> StepMatrix {
        var distances = Array(repeating: 0.0, count: matrix.rowCount)
        var scratch: [Double] = []
        var chosen: [Int] = []
        for group in groups(matrix, node.grouping) {
            for step in 0..<matrix.stepCount {
                gather(matrix, group.rows, step, into: &scratch)
                let median = Quantile.of(&scratch, 0.5)
                for row in group.rows {
                    let value = matrix.values[row * matrix.stepCount + step]
                    let distance = value - median
                    if !distance.isNaN { distances[row] += distance * distance }
                }
            }
            chosen += best(group.rows, counts.first ?? 0) { distances[$0] > distances[$1] }
        }
        return matrix.selecting(chosen.sorted())
    }

    private func ranked(
        _ matrix: StepMatrix, _ node: PromQLExpr.Aggregate,
        _ ranking: (isTop: Bool, by: RowFunction), count: Double
    ) -> StepMatrix {
        var transform = RowTransform(ranking.by, parameters: [])
        let seconds = Array(repeating: 0.0, count: matrix.stepCount)
        let ranks = (0..<matrix.rowCount).map { index -> Double in
            var row = Array(matrix.values[matrix.cells(index)])
            transform.apply(&row, seconds)
            return row.first ?? .nan
        }
        var chosen: [Int] = []
        for group in groups(matrix, node.grouping) {
            // A row of histograms alone has no rank.
            chosen += best(group.rows.filter { !ranks[$0].isStaleMarker }, count) { a, b in
                if ranks[b].isNaN { return !ranks[a].isNaN }
                return ranking.isTop ? ranks[a] > ranks[b] : ranks[a] < ranks[b]
            }
        }
        return matrix.selecting(matrix.stepCount == 1 ? chosen : chosen.sorted())
    }

    /// The first `count` rows; of equals those that came first.
    private func best(
        _ rows: [Int], _ count: Double, _ isBefore: (Int, Int) -> Bool
    ) -> [Int] {
        let sorted = rows.sorted { isBefore($0, $1) || (!isBefore($1, $0) && $0 < $1) }
        return Array(sorted.prefix(FloatMath.count(count, atMost: rows.count)))
    }
}
