internal import Model

/// A binary operator on two cells, with Prometheus' rules for histograms.
struct CellOperator {
    typealias Operation = PromQLExpr.BinaryOperator

    let operation: Operation
    let returnsBool: Bool
    let annotations: PromQLAnnotations
    let range: Range<Int>

    /// A float, a histogram or neither.
    struct Cell {
        var value: Double
        var box: HistogramBox?
        static let absent = Cell(value: StepMatrix.absent, box: nil)
        var isAbsent: Bool { box == nil && value.isStaleMarker }
    }

    /// Of two floats: arithmetic gives a number; a comparison gives the left one, absent when it
    /// does not hold, or 0 or 1 with `bool`.
    @inline(__always)
    func floats(_ a: Double, _ b: Double) -> Double {
        let holds: Bool
        switch operation {
        case .add: return a + b
        case .subtract: return a - b
        case .multiply: return a * b
        case .divide: return a / b
        case .modulo: return FloatMath.remainder(a, b)
        case .power: return FloatMath.power(a, b)
        case .atan2: return FloatMath.arcTangent(a, b)
        case .equal: holds = a == b
        case .notEqual: holds = a != b
        case .less: holds = a < b
        case .lessOrEqual: holds = a <= b
        case .greater: holds = a > b
        case .greaterOrEqual: holds = a >= b
        case .trimUpper, .trimLower:
            _ = refused("float", "float")
            return StepMatrix.absent
        case .and, .or, .unless, .default, .if, .ifnot:
            preconditionFailure("BUG: a set operator has no cells")
        }
        if returnsBool { return holds ? 1 : 0 }
        return holds ? a : StepMatrix.absent
    }

    /// Of any two present cells.
    func apply(_ a: Cell, _ b: Cell) -> Cell {
        switch (a.box, b.box) {
        case (nil, nil): return Cell(value: floats(a.value, b.value), box: nil)
        case (let left?, let right?): return histograms(left.histogram, right.histogram)
        case (let left?, nil):
            switch operation {
            case .multiply:
                return cell(HistogramArithmetic.scale(left.histogram, by: b.value))
            case .divide:
                return cell(HistogramArithmetic.divide(left.histogram, by: b.value))
            case .trimUpper, .trimLower:
                let trimmed = HistogramTrim.trim(
                    left.histogram, at: b.value, keepsLower: operation == .trimUpper)
                return Cell(value: StepMatrix.absent, box: HistogramBox(trimmed))
            default: return refused("histogram", "float")
            }
        case (nil, let right?):
            guard operation == .multiply else { return refused("float", "histogram") }
            return cell(HistogramArithmetic.scale(right.histogram, by: a.value))
        }
    }

    private func histograms(_ a: Histogram, _ b: Histogram) -> Cell {
        switch operation {
        case .equal, .notEqual:
            let holds = a.isSame(as: b) == (operation == .equal)
            if returnsBool { return Cell(value: holds ? 1 : 0, box: nil) }
            return holds ? Cell(value: StepMatrix.absent, box: HistogramBox(a)) : .absent
        case .add, .subtract:
            let isSum = operation == .add
            do {
                var outcome =
                    isSum
                    ? try HistogramArithmetic.add(a, b)
                    : try HistogramArithmetic.subtract(a, b)
                if outcome.hasResetCollision {
                    annotations.resetCollision(
                        in: isSum ? "addition" : "subtraction", at: range)
                }
                if outcome.hasReconciledBounds {
                    annotations.reconciledBounds(
                        in: isSum ? "addition" : "subtraction", at: range)
                }
                if !isSum { outcome.histogram.resetHint = .gauge }
                return cell(outcome.histogram)
            } catch {
                annotations.warn(
                    "incompatible bucket layout encountered for binary operator "
                        + operation.rawValue, at: range)
                return .absent
            }
        default: return refused("histogram", "histogram")
        }
    }

    private func cell(_ histogram: Histogram) -> Cell {
        Cell(value: StepMatrix.absent, box: HistogramBox(histogram.compacted()))
    }

    private func refused(_ left: String, _ right: String) -> Cell {
        annotations.incompatibleTypes(left, operation.rawValue, right, at: range)
        return .absent
    }
}

extension StepMatrix {
    func cell(_ index: Int) -> CellOperator.Cell {
        CellOperator.Cell(value: values[index], box: histogram(index))
    }

    mutating func set(_ index: Int, _ cell: CellOperator.Cell) {
        if let box = cell.box {
            setBox(index, box)
        } else {
            values[index] = cell.value
            if !histograms.isEmpty { histograms[index] = nil }
        }
    }
}
