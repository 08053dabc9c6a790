internal import Model

extension PromQLEvaluator {
    func evaluate(_ node: PromQLExpr.Call, _ grid: StepGrid) throws -> PromQLResult {
        let arguments = node.arguments
        switch node.function.implementation {
        case .time: return .scalar((0..<grid.count).map(grid.seconds))
        case .pi: return .scalar(Array(repeating: .pi, count: grid.count))
        case .scalar: return .scalar(onlyValues(try vector(arguments[0], grid)))
        case .vector:
            var result = StepMatrix(stepCount: grid.count)
            result.append(.empty, try scalar(arguments[0], grid))
            return .vector(result)
        case .timestamp: return .vector(try stepTimes(of: vector(arguments[0], grid), grid))
        case .map(let function):
            let body = FloatMath.function(function)
            return .vector(try mapFloats(vector(arguments[0], grid)) { value, _ in body(value) })
        case .clamp, .clampMin, .clampMax, .round: return .vector(try bounded(node, grid))
        case .window(let function): return .vector(try window(function, node, grid))
        case .absent, .absentOverTime: return .vector(try absence(node, grid))
        case .date(let field): return .vector(try date(field, arguments, grid))
        case .sort(let isDescending):
            return .vector(try sorted(vector(arguments[0], grid), isDescending))
        case .sortByLabel(let isDescending):
            let names = arguments.dropFirst().map(string)
            let matrix = try vector(arguments[0], grid)
            return .vector(LabelFunctions.sort(matrix, by: names, isDescending: isDescending))
        case .labelReplace:
            return .vector(
                try LabelFunctions.replace(
                    in: vector(arguments[0], grid), target: string(arguments[1]),
                    template: string(arguments[2]), source: string(arguments[3]),
                    expression: string(arguments[4])))
        case .labelJoin:
            return .vector(
                try LabelFunctions.join(
                    in: vector(arguments[0], grid), target: string(arguments[1]),
                    separator: string(arguments[2]),
                    sources: arguments.dropFirst(3).map(string)))
        case .histogramField(let field):
            return .vector(
                try mapHistograms(vector(arguments[0], grid)) {
                    HistogramStatistics.value(field, of: $0)
                })
        case .histogramQuantile: return .vector(try quantile(node, grid))
        case .histogramQuantiles: return .vector(try quantiles(node, grid))
        case .info: return .vector(try info(node, grid))
        case .extreme(let isMaximum):
            let (a, b) = (try scalar(arguments[0], grid), try scalar(arguments[1], grid))
            return .scalar(
                zip(a, b).map { FloatMath.extreme($0, $1, isMaximum: isMaximum) })
        case .histogramFraction: return .vector(try fraction(node, grid))
        case .countValuesOverTime: return .vector(try countValuesOverTime(node, grid))
        case .row(let function): return .vector(try transformRows(function, node, grid))
        case .labelEdit, .labelValue, .graphiteGroup, .dropCommonLabels, .union, .limitOffset,
            .bitmap:
            return .vector(try edit(node, grid))
        case .queryBound(let bound):
            return .scalar(Array(repeating: context.seconds(bound), count: grid.count))
        case .now:
            let seconds = StepGrid.seconds(nanos: context.nowNanos)
            return .scalar(Array(repeating: seconds, count: grid.count))
        case .random(let distribution):
            return .scalar(try random(distribution, node, grid))
        case .missing: preconditionFailure("BUG: the parser refuses \(node.function.name)")
        }
    }

    /// Without a seed the moment and the place in the query are one.
    private func random(
        _ distribution: RandomValues.Distribution, _ node: PromQLExpr.Call, _ grid: StepGrid
    ) throws -> [Double] {
        var seed = UInt64(bitPattern: context.nowNanos) &+ UInt64(node.range.lowerBound) << 32
        if let argument = node.arguments.first, let value = try scalar(argument, grid).first {
            seed = value.bitPattern
        }
        var values = RandomValues(seed: seed)
        return (0..<grid.count).map { _ in values.next(distribution) }
    }

    /// The float of a vector with exactly one, else NaN.
    private func onlyValues(_ matrix: StepMatrix) -> [Double] {
        var result = Array(repeating: Double.nan, count: matrix.stepCount)
        for step in result.indices {
            var count = 0
            for row in 0..<matrix.rowCount {
                let value = matrix.values[row * matrix.stepCount + step]
                if value.isStaleMarker { continue }
                count += 1
                result[step] = count == 1 ? value : .nan
            }
        }
        return result
    }

    private func stepTimes(of matrix: StepMatrix, _ grid: StepGrid) throws -> StepMatrix {
        var result = matrix
        for row in 0..<matrix.rowCount {
            for (step, cell) in matrix.cells(row).enumerated() where matrix.isPresent(cell) {
                result.values[cell] = grid.seconds(step)
            }
        }
        result.histograms = []
        return try unnamed(result)
    }

    /// Every float replaced; histograms and names dropped.
    func mapFloats(
        _ matrix: StepMatrix, _ body: (Double, _ step: Int) -> Double
    ) throws -> StepMatrix {
        var result = matrix
        result.histograms = []
        for row in 0..<matrix.rowCount {
            for (step, cell) in matrix.cells(row).enumerated()
            where !matrix.values[cell].isStaleMarker {
                result.values[cell] = body(matrix.values[cell], step)
            }
        }
        result.dropEmptyRows()
        return try unnamed(result)
    }

    private func mapHistograms(
        _ matrix: StepMatrix, _ body: (Histogram) -> Double
    ) throws -> StepMatrix {
        var result = matrix
        result.histograms = []
        for cell in matrix.values.indices {
            result.values[cell] =
                matrix.histogram(cell).map { body($0.histogram) } ?? StepMatrix.absent
        }
        result.dropEmptyRows()
        return try unnamed(result)
    }

    private func bounded(_ node: PromQLExpr.Call, _ grid: StepGrid) throws -> StepMatrix {
        let matrix = try vector(node.arguments[0], grid)
        let numbers = try node.arguments.dropFirst().map { try scalar($0, grid) }
        switch node.function.implementation {
        case .clampMin:
            return try mapFloats(matrix) { Clamp.apply($0, numbers[0][$1], .infinity) }
        case .clampMax:
            return try mapFloats(matrix) { Clamp.apply($0, -.infinity, numbers[0][$1]) }
        case .clamp:
            return try mapFloats(matrix) { value, step in
                let (low, high) = (numbers[0][step], numbers[1][step])
                return high < low ? StepMatrix.absent : Clamp.apply(value, low, high)
            }
        default:
            return try mapFloats(matrix) { value, step in
                let inverse = 1 / (numbers.first?[step] ?? 1)
                return (value * inverse + 0.5).rounded(.down) / inverse
            }
        }
    }

    /// A window function over what is no plain selector.
    private func window(
        _ function: WindowFunction, _ node: PromQLExpr.Call, _ grid: StepGrid
    ) throws -> StepMatrix {
        let operand = node.arguments.first { $0.type == .matrix }
        guard case .subquery(let subquery)? = operand?.withoutParens else {
            preconditionFailure("BUG: a selector was not fetched")
        }
        let scalars = node.windowParameters
        return try overSubquery(subquery, function, parameters(scalars, grid), grid)
    }

    /// `absent` and `absent_over_time`: 1 where there is nothing.
    private func absence(_ node: PromQLExpr.Call, _ grid: StepGrid) throws -> StepMatrix {
        let argument = node.arguments[0].withoutParens
        let present: StepMatrix
        if let known = leaves[LeafJob.Key(range: node.range, grid: grid)] {
            present = known
        } else if case .subquery(let subquery) = argument {
            present = try overSubquery(subquery, .present, [], grid)
        } else {
            present = try vector(argument, grid)
        }
        var row = Array(repeating: 1.0, count: grid.count)
        for index in 0..<present.rowCount {
            for (step, cell) in present.cells(index).enumerated() where present.isPresent(cell) {
                row[step] = StepMatrix.absent
            }
        }
        var result = StepMatrix(stepCount: grid.count)
        result.append(LabelFunctions.labelsOfAbsent(argument), row)
        result.dropEmptyRows()
        return result
    }

    private func date(
        _ field: DateField, _ arguments: [PromQLExpr], _ grid: StepGrid
    ) throws -> StepMatrix {
        guard let argument = arguments.first else {
            var result = StepMatrix(stepCount: grid.count)
            result.append(
                .empty,
                (0..<grid.count).map { step in
                    CivilTime.field(field, atSeconds: grid.seconds(step).rounded(.down))
                })
            return result
        }
        return try mapFloats(vector(argument, grid)) { value, _ in
            CivilTime.field(field, atSeconds: value)
        }
    }

    /// Floats only; ordered when there is one step, since a matrix is ordered by labels anyway.
    private func sorted(_ matrix: StepMatrix, _ isDescending: Bool) throws -> StepMatrix {
        var floats = matrix
        floats.histograms = []
        floats.dropEmptyRows()
        guard floats.stepCount == 1 else { return floats }
        let values = floats.values
        return floats.selecting(
            values.indices.sorted { a, b in
                let (x, y) = (values[a], values[b])
                if x.isNaN || y.isNaN { return x.isNaN == y.isNaN ? a < b : y.isNaN }
                if x == y { return a < b }
                return isDescending ? x > y : x < y
            })
    }
}
