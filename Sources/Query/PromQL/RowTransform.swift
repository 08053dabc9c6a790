internal import Model

/// Computes one row after the other. Absent cells are no points.
struct RowTransform {
    let function: RowFunction
    /// Per step; empty when the function takes none.
    let parameters: [Double]
    /// Of points, reused from row to row.
    private var points: [Double] = []
    private var scratch: [Double] = []

    init(_ function: RowFunction, parameters: [Double]) {
        self.function = function
        self.parameters = parameters
    }

    /// Changes a row of cells in place; `seconds`: the time of each.
    mutating func apply(_ row: inout [Double], _ seconds: [Double]) {
        points.removeAll(keepingCapacity: true)
        for value in row where !value.isStaleMarker { points.append(value) }
        guard !points.isEmpty else { return }
        switch function {
        case .runningAverage, .runningMaximum, .runningMinimum, .runningSum: run(&row)
        case .interpolate: fillGaps(&row, seconds)
        case .keepLastValue: carry(&row, Array(row.indices))
        case .keepNextValue: carry(&row, row.indices.reversed())
        case .removeResets: removeResets(&row)
        case .smoothExponential: smooth(&row)
        case .dropEmptySeries: break
        case .rangeLinearRegression: regress(&row, seconds)
        case .rangeNormalize: normalize(&row)
        case .rangeZScore: score(&row)
        case .rangeTrimOutliers, .rangeTrimSpikes, .rangeTrimZScore: trim(&row)
        default:
            let value = summary()
            for step in row.indices { row[step] = value }
        }
    }

    // MARK: One number for the row

    private mutating func summary() -> Double {
        switch function {
        case .rangeAverage: return mean
        case .rangeFirst: return points[0]
        case .rangeLast: return points[points.count - 1]
        case .rangeMaximum: return points.reduce(-.infinity) { max($0, $1) }
        case .rangeMinimum: return points.reduce(.infinity) { min($0, $1) }
        case .rangeMedian: return quantile(0.5)
        case .rangeQuantile: return quantile(parameters[0])
        case .rangeDeviation: return variance.squareRoot()
        case .rangeVariance: return variance
        case .rangeMedianDeviation: return medianDeviation().deviation
        default: return KahanSum.of(points)
        }
    }

    private var mean: Double { KahanSum.of(points) / Double(points.count) }

    private var variance: Double {
        let mean = mean
        var sum = KahanSum()
        for point in points { sum.add((point - mean) * (point - mean)) }
        return sum.total / Double(points.count)
    }

    private mutating func quantile(_ quantile: Double) -> Double {
        scratch = points
        return Quantile.of(&scratch, quantile)
    }

    private mutating func medianDeviation() -> (median: Double, deviation: Double) {
        let median = quantile(0.5)
        scratch = points.map { abs($0 - median) }
        return (median, Quantile.of(&scratch, 0.5))
    }

    // MARK: Along the row

    private func run(_ row: inout [Double]) {
        var sum = KahanSum()
        var count = 0.0
        var best = Double.nan
        for step in row.indices where !row[step].isStaleMarker {
            let value = row[step]
            sum.add(value)
            count += 1
            switch function {
            case .runningMaximum: best = best.isNaN ? value : max(best, value)
            case .runningMinimum: best = best.isNaN ? value : min(best, value)
            default: break
            }
            switch function {
            case .runningSum: row[step] = sum.total
            case .runningAverage: row[step] = sum.total / count
            default: row[step] = best
            }
        }
    }

    private func carry(_ row: inout [Double], _ order: [Int]) {
        var known = StepMatrix.absent
        for step in order {
            if row[step].isStaleMarker { row[step] = known } else { known = row[step] }
        }
    }

    /// Between points on a line; nothing before the first and after the last.
    private func fillGaps(_ row: inout [Double], _ seconds: [Double]) {
        var before: Int?
        for step in row.indices where !row[step].isStaleMarker {
            if let before {
                let span = seconds[step] - seconds[before]
                for gap in before + 1..<max(step, before + 1) {
                    let share = (seconds[gap] - seconds[before]) / span
                    row[gap] = row[before] + (row[step] - row[before]) * share
                }
            }
            before = step
        }
    }

    private func removeResets(_ row: inout [Double]) {
        var lost = 0.0
        var before = Double.nan
        for step in row.indices where !row[step].isStaleMarker {
            let value = row[step]
            if value < before { lost += before }
            before = value
            row[step] = value + lost
        }
    }

    private func smooth(_ row: inout [Double]) {
        var level = Double.nan
        for step in row.indices where !row[step].isStaleMarker {
            let factor = min(max(parameters[step], 0), 1)
            level = level.isNaN ? row[step] : factor * row[step] + (1 - factor) * level
            row[step] = level
        }
    }

    // MARK: The row about itself

    private func regress(_ row: inout [Double], _ seconds: [Double]) {
        var nanos: [Int64] = []
        for step in row.indices where !row[step].isStaleMarker {
            let offset = min((seconds[step] - seconds[0]) * 1e9, 9e18)
            nanos.append(Int64(offset.rounded()))
        }
        let line = LinearRegression(points.span, nanos.span, 0, points.count, originNanos: 0)
        for step in row.indices {
            row[step] = line.intercept + line.slope * (seconds[step] - seconds[0])
        }
    }

    private func normalize(_ row: inout [Double]) {
        let low = points.reduce(.infinity) { min($0, $1) }
        let high = points.reduce(-.infinity) { max($0, $1) }
        for step in row.indices where !row[step].isStaleMarker {
            row[step] = (row[step] - low) / (high - low)
        }
    }

    private func score(_ row: inout [Double]) {
        let mean = mean
        let deviation = variance.squareRoot()
        for step in row.indices where !row[step].isStaleMarker {
            row[step] = (row[step] - mean) / deviation
        }
    }

    /// Leaves out what lies too far from the middle.
    private mutating func trim(_ row: inout [Double]) {
        let parameter = parameters[0]
        let low: Double
        let high: Double
        switch function {
        case .rangeTrimOutliers:
            let (median, deviation) = medianDeviation()
            (low, high) = (median - parameter * deviation, median + parameter * deviation)
        case .rangeTrimZScore:
            let (mean, deviation) = (mean, variance.squareRoot())
            (low, high) = (mean - parameter * deviation, mean + parameter * deviation)
        default:
            (low, high) = (quantile(parameter / 2), quantile(1 - parameter / 2))
        }
        for step in row.indices where row[step] < low || row[step] > high {
            row[step] = StepMatrix.absent
        }
    }
}

extension KahanSum {
    static func of(_ values: [Double]) -> Double {
        var sum = KahanSum()
        for value in values { sum.add(value) }
        return sum.total
    }
}

extension PromQLEvaluator {
    /// Floats only.
    func transformRows(
        _ function: RowFunction, _ node: PromQLExpr.Call, _ grid: StepGrid
    ) throws -> StepMatrix {
        let operand = node.arguments.first { $0.type == .vector }
        let number = node.arguments.first { $0.type == .scalar }
        guard let operand else { preconditionFailure("BUG: types were checked") }
        var matrix = try vector(operand, grid)
        matrix.histograms = []
        var transform = RowTransform(
            function, parameters: try number.map { try scalar($0, grid) } ?? [])
        let seconds = (0..<grid.count).map(grid.seconds)
        var row: [Double] = []
        for index in 0..<matrix.rowCount {
            let cells = matrix.cells(index)
            row.removeAll(keepingCapacity: true)
            row.append(contentsOf: matrix.values[cells])
            transform.apply(&row, seconds)
            matrix.values.replaceSubrange(cells, with: row)
            try budget.check()
        }
        matrix.dropEmptyRows()
        return function.keepsMetricName ? matrix : try unnamed(matrix)
    }
}
