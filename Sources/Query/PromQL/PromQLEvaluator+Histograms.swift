internal import Model

/// `histogram_quantile` and `histogram_fraction`: classic buckets are brought together by their
/// labels without `le`, native histograms stand for themselves.
extension PromQLEvaluator {
    func quantile(_ node: PromQLExpr.Call, _ grid: StepGrid) throws -> StepMatrix {
        let quantiles = try scalar(node.arguments[0], grid)
        for quantile in quantiles where !(quantile >= 0 && quantile <= 1) {
            annotations.quantileOutOfRange(quantile, at: node.arguments[0].range)
        }
        let range = node.arguments[1].range
        return try quantile(quantiles, of: vector(node.arguments[1], grid), at: range)
    }

    /// `histogram_quantiles`: the rows of each quantile, told apart by a label.
    func quantiles(_ node: PromQLExpr.Call, _ grid: StepGrid) throws -> StepMatrix {
        let matrix = try vector(node.arguments[0], grid)
        let label = string(node.arguments[1])
        var result = StepMatrix(stepCount: grid.count)
        for argument in node.arguments.dropFirst(2) {
            let quantiles = try scalar(argument, grid)
            for quantile in quantiles where !(quantile >= 0 && quantile <= 1) {
                annotations.quantileOutOfRange(quantile, at: argument.range)
            }
            let rows = try quantile(quantiles, of: matrix, at: node.arguments[0].range)
            for row in 0..<rows.rowCount {
                for (step, cell) in rows.cells(row).enumerated() where rows.isPresent(cell) {
                    var builder = LabelsBuilder(rows.labels[row])
                    builder.set(label, NumberText.openMetrics(quantiles[step]))
                    result.appendBlank(builder.build())
                    result.values[(result.rowCount - 1) * grid.count + step] = rows.values[cell]
                }
            }
        }
        return try result.merged()
    }

    private func quantile(
        _ quantiles: [Double], of matrix: StepMatrix, at range: Range<Int>
    ) throws -> StepMatrix {
        try overHistograms(matrix, at: range) { step, native in
            let value = HistogramStatistics.quantile(quantiles[step], of: native)
            if HistogramStatistics.hasNotNumbers(native), !quantiles[step].isNaN {
                annotations.inform(
                    "input to histogram_quantile has NaN observations, result is "
                        + (value.isNaN ? "NaN" : "skewed higher"), at: range)
            }
            return value
        } classic: { step, buckets in
            let (value, isForced) = HistogramStatistics.quantile(quantiles[step], of: buckets)
            if isForced {
                annotations.inform(
                    "input to histogram_quantile needed to be fixed for monotonicity (see "
                        + "https://prometheus.io/docs/prometheus/latest/querying/functions/"
                        + "#histogram_quantile)", at: range)
            }
            return value
        }
    }

    func fraction(_ node: PromQLExpr.Call, _ grid: StepGrid) throws -> StepMatrix {
        let lowers = try scalar(node.arguments[0], grid)
        let uppers = try scalar(node.arguments[1], grid)
        let matrix = try vector(node.arguments[2], grid)
        let range = node.arguments[2].range
        return try overHistograms(matrix, at: range) { step, native in
            if HistogramStatistics.hasNotNumbers(native) {
                annotations.inform(
                    "input to histogram_fraction has NaN observations, which are excluded from "
                        + "all fractions", at: range)
            }
            return HistogramStatistics.fraction(from: lowers[step], to: uppers[step], of: native)
        } classic: { step, buckets in
            HistogramStatistics.fraction(from: lowers[step], to: uppers[step], of: buckets)
        }
    }

    /// The rows that are buckets of one classic histogram, ascending by bound.
    private struct ClassicGroup {
        var labels: Labels
        var rows: [(upper: Double, row: Int)] = []
    }

    private func overHistograms(
        _ matrix: StepMatrix, at range: Range<Int>,
        native: (_ step: Int, Histogram) -> Double,
        classic: (_ step: Int, [HistogramStatistics.ClassicBucket]) -> Double
    ) throws -> StepMatrix {
        let groups = classicGroups(of: matrix, at: range)
        var places: [Labels: Int] = [:]
        var result = StepMatrix(stepCount: matrix.stepCount)
        var buckets: [HistogramStatistics.ClassicBucket] = []
        for group in groups {
            places[group.labels] = result.rowCount
            result.appendBlank(group.labels)
            let base = (result.rowCount - 1) * matrix.stepCount
            for step in 0..<matrix.stepCount {
                buckets.removeAll(keepingCapacity: true)
                for (upper, row) in group.rows {
                    let count = matrix.values[row * matrix.stepCount + step]
                    if !count.isStaleMarker { buckets.append(.init(upper: upper, count: count)) }
                }
                if !buckets.isEmpty { result.values[base + step] = classic(step, buckets) }
            }
        }
        if matrix.hasHistograms {
            try addNatives(of: matrix, to: &result, &places, at: range, native)
        }
        result.dropEmptyRows()
        return result.sortedByLabels()
    }

    private func addNatives(
        of matrix: StepMatrix, to result: inout StepMatrix, _ places: inout [Labels: Int],
        at range: Range<Int>, _ native: (Int, Histogram) -> Double
    ) throws {
        let classicCount = result.rowCount
        for row in 0..<matrix.rowCount {
            let cells = matrix.cells(row)
            guard cells.contains(where: { matrix.histograms[$0] != nil }) else { continue }
            let labels = matrix.labels[row].withoutMetricName
            let target = places[labels] ?? result.rowCount
            if target == result.rowCount {
                places[labels] = target
                result.appendBlank(labels)
            }
            for (step, cell) in cells.enumerated() {
                guard let box = matrix.histograms[cell] else { continue }
                let place = target * matrix.stepCount + step
                if result.values[place].isStaleMarker {
                    result.values[place] = native(step, box.histogram)
                } else if target < classicCount {
                    annotations.warn(
                        "vector contains a mix of classic and native histograms", at: range)
                    result.values[place] = StepMatrix.absent
                } else {
                    throw StepMatrix.sameLabels
                }
            }
        }
    }

    private func classicGroups(
        of matrix: StepMatrix, at range: Range<Int>
    ) -> [ClassicGroup] {
        let grouping = LabelGrouping(names: ["le"], isWithout: true)
        var places: [Labels: Int] = [:]
        var groups: [ClassicGroup] = []
        for row in 0..<matrix.rowCount {
            let hasFloats = matrix.cells(row).contains { !matrix.values[$0].isStaleMarker }
            guard hasFloats else { continue }
            let text = matrix.labels[row]["le"] ?? ""
            guard let upper = Double(text) else {
                annotations.warn(
                    "bucket label \"le\" is missing or has a malformed value of "
                        + QuotedText.quote(text), at: range)
                continue
            }
            let key = grouping.key(of: matrix.labels[row])
            let place = places[key] ?? groups.count
            if place == groups.count {
                places[key] = place
                groups.append(ClassicGroup(labels: key))
            }
            groups[place].rows.append((upper, row))
        }
        for place in groups.indices {
            groups[place].rows.sort { ($0.upper, $0.row) < ($1.upper, $1.row) }
        }
        return groups
    }
}
