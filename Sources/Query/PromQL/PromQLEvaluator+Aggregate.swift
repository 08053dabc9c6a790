internal import Model

/// Aggregations over rows that are there already, and those that need all rows of a group at once.
extension PromQLEvaluator {
    func evaluate(_ node: PromQLExpr.Aggregate, _ grid: StepGrid) throws -> StepMatrix {
        let matrix = try vector(node.operand, grid)
        if AggregationFold.folds(node.operation) {
            var fold = AggregationFold(
                operation: node.operation, grouping: node.grouping, stepCount: grid.count,
                annotations: annotations, range: node.operand.range)
            for row in 0..<matrix.rowCount {
                let cells = matrix.cells(row)
                fold.add(
                    matrix.labels[row], Array(matrix.values[cells]),
                    matrix.hasHistograms ? Array(matrix.histograms[cells]) : [])
            }
            return try fold.finish()
        }
        guard let parameter = node.parameter else {
            return try evaluateExtra(matrix, node, [])
        }
        switch node.operation {
        case .countValues: return try countValues(matrix, node, label: string(parameter))
        case .quantile: return quantiles(matrix, node, try scalar(parameter, grid))
        case .topk, .bottomk, .limitk, .limitRatio:
            return try selection(matrix, node, try scalar(parameter, grid))
        default: return try evaluateExtra(matrix, node, try scalar(parameter, grid))
        }
    }

    /// The rows of each group, groups ascending by labels.
    func groups(
        _ matrix: StepMatrix, _ grouping: LabelGrouping
    ) -> [(labels: Labels, rows: [Int])] {
        var rows: [Labels: [Int]] = [:]
        for row in 0..<matrix.rowCount {
            rows[grouping.key(of: matrix.labels[row]), default: []].append(row)
        }
        return rows.map { (labels: $0.key, rows: $0.value) }.sorted { $0.labels < $1.labels }
    }

    private func quantiles(
        _ matrix: StepMatrix, _ node: PromQLExpr.Aggregate, _ quantiles: [Double]
    ) -> StepMatrix {
        for quantile in quantiles where !(quantile >= 0 && quantile <= 1) {
            annotations.quantileOutOfRange(
                quantile, at: node.parameter?.range ?? node.range)
        }
        noteIgnoredHistograms(matrix, node)
        var result = StepMatrix(stepCount: matrix.stepCount)
        var scratch: [Double] = []
        for group in groups(matrix, node.grouping) {
            let base = result.values.count
            result.appendBlank(group.labels)
            for step in 0..<matrix.stepCount {
                scratch.removeAll(keepingCapacity: true)
                for row in group.rows {
                    let value = matrix.values[row * matrix.stepCount + step]
                    if !value.isStaleMarker { scratch.append(value) }
                }
                guard !scratch.isEmpty else { continue }
                result.values[base + step] = Quantile.of(&scratch, quantiles[step])
            }
        }
        result.dropEmptyRows()
        return result
    }

    private func countValues(
        _ matrix: StepMatrix, _ node: PromQLExpr.Aggregate, label: String
    ) throws -> StepMatrix {
        guard !label.isEmpty else {
            throw QueryError.execution(message: "invalid label name \(QuotedText.quote(label))")
        }
        let grouping =
            node.grouping.isWithout
            ? node.grouping
            : LabelGrouping(names: node.grouping.names + [label], isWithout: false)
        var result = StepMatrix(stepCount: matrix.stepCount)
        var places: [Labels: Int] = [:]
        for row in 0..<matrix.rowCount {
            for (step, index) in matrix.cells(row).enumerated() where matrix.isPresent(index) {
                let cell = matrix.cell(index)
                var builder = LabelsBuilder(matrix.labels[row])
                builder.set(
                    label,
                    cell.box.map { HistogramText.format($0.histogram) }
                        ?? NumberText.format(cell.value))
                let key = grouping.key(of: builder.build())
                let place = places[key] ?? result.rowCount
                if place == result.rowCount {
                    places[key] = place
                    result.appendBlank(key)
                }
                let target = place * matrix.stepCount + step
                let known = result.values[target]
                result.values[target] = known.isStaleMarker ? 1 : known + 1
            }
        }
        return result.sortedByLabels()
    }

    func noteIgnoredHistograms(_ matrix: StepMatrix, _ node: PromQLExpr.Aggregate) {
        if matrix.histograms.contains(where: { $0 != nil }) {
            annotations.histogramIgnored(in: node.operation.rawValue, at: node.operand.range)
        }
    }

    // MARK: topk, bottomk, limitk, limit_ratio

    /// Up to so many are kept in order by insertion; for more, all are sorted.
    private static let insertedMax = 64

    private func selection(
        _ matrix: StepMatrix, _ node: PromQLExpr.Aggregate, _ parameters: [Double]
    ) throws -> StepMatrix {
        for parameter in parameters { try refuseImpossible(parameter, node) }
        let isRanking = node.operation == .topk || node.operation == .bottomk
        if isRanking { noteIgnoredHistograms(matrix, node) }
        var result = StepMatrix(stepCount: matrix.stepCount)
        result.labels = matrix.labels
        result.values = Array(repeating: StepMatrix.absent, count: matrix.values.count)
        var order: [Int] = []
        for group in groups(matrix, node.grouping) {
            for step in 0..<matrix.stepCount {
                let chosen = chosenRows(
                    matrix, group.rows, step, node.operation, parameters[step])
                for row in chosen {
                    let index = row * matrix.stepCount + step
                    result.set(index, matrix.cell(index))
                }
                if matrix.stepCount == 1 { order += chosen }
            }
        }
        // One step keeps the ranking; several are ordered by labels in the end.
        if matrix.stepCount == 1 { return result.selecting(order) }
        result.dropEmptyRows()
        return result
    }

    private func refuseImpossible(
        _ parameter: Double, _ node: PromQLExpr.Aggregate
    ) throws(QueryError) {
        if parameter.isNaN {
            let what = node.operation == .limitRatio ? "Ratio" : "Parameter"
            throw .execution(message: "\(what) value is NaN")
        }
        if node.operation == .limitRatio {
            if abs(parameter) > 1 {
                annotations.warn(
                    "ratio value should be between -1 and 1, got "
                        + "\(NumberText.format(parameter)), capping to \(parameter > 0 ? 1 : -1)",
                    at: node.parameter?.range ?? node.range)
            }
        } else if parameter >= 9.223372036854775e18 {
            throw .execution(
                message: "Scalar value \(NumberText.format(parameter)) overflows int64")
        } else if parameter <= -9.223372036854775e18 {
            throw .execution(
                message: "Scalar value \(NumberText.format(parameter)) underflows int64")
        }
    }

    private func chosenRows(
        _ matrix: StepMatrix, _ rows: [Int], _ step: Int,
        _ operation: PromQLExpr.Aggregate.Operation, _ parameter: Double
    ) -> [Int] {
        let present = rows.filter { matrix.isPresent($0 * matrix.stepCount + step) }
        if operation == .limitRatio {
            return present.filter { row in
                let share = LabelSampling.share(matrix.labels[row])
                return parameter >= 0 ? share < parameter : share >= 1 + parameter
            }
        }
        let count = Int(min(max(parameter, 0), Double(matrix.rowCount)))
        if operation == .limitk { return Array(present.prefix(count)) }
        let isTop = operation == .topk
        guard count <= Self.insertedMax else {
            let ranked = present.filter {
                !matrix.values[$0 * matrix.stepCount + step].isStaleMarker
            }
            .sorted { a, b in
                let (x, y) = (
                    matrix.values[a * matrix.stepCount + step],
                    matrix.values[b * matrix.stepCount + step]
                )
                return isAhead(x, of: y, isTop) || (!isAhead(y, of: x, isTop) && a < b)
            }
            return Array(ranked.prefix(count))
        }
        var best: [(value: Double, row: Int)] = []
        best.reserveCapacity(count + 1)
        for row in present where count > 0 {
            let value = matrix.values[row * matrix.stepCount + step]
            if value.isStaleMarker { continue }
            if best.count == count, !isAhead(value, of: best[count - 1].value, isTop) { continue }
            // Behind its equals: who came first stays first.
            var place = best.count
            while place > 0, isAhead(value, of: best[place - 1].value, isTop) { place -= 1 }
            best.insert((value, row), at: place)
            if best.count > count { best.removeLast() }
        }
        return best.map(\.row)
    }

    /// Strictly; a NaN is behind every number.
    private func isAhead(_ value: Double, of other: Double, _ isTop: Bool) -> Bool {
        if other.isNaN { return !value.isNaN }
        return isTop ? value > other : value < other
    }
}

/// A share of [0, 1) per label set, the same in every process: what `limit_ratio` selects by.
enum LabelSampling {
    static func share(_ labels: Labels) -> Double {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in labels.bytes {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
        }
        hash = (hash ^ (hash >> 32)) &* 0xd6e8_feb8_6659_fd93
        hash = (hash ^ (hash >> 32)) &* 0xd6e8_feb8_6659_fd93
        return Double(hash >> 11) / Double(1 << 53)
    }
}

/// A histogram as a label value.
enum HistogramText {
    /// `{count:4, sum:10, (0.5,1]:3, (1,2]:1}`
    static func format(_ histogram: Histogram) -> String {
        var parts = [
            "count:\(NumberText.format(histogram.count))",
            "sum:\(NumberText.format(histogram.sum))",
        ]
        for bucket in histogram.allBuckets {
            let open = bucket.lower < 0 ? "[" : "("
            let close = bucket.upper <= 0 ? ")" : "]"
            parts.append(
                "\(open)\(NumberText.format(bucket.lower)),"
                    + "\(NumberText.format(bucket.upper))\(close):"
                    + NumberText.format(bucket.count))
        }
        return "{" + parts.joined(separator: ", ") + "}"
    }
}
