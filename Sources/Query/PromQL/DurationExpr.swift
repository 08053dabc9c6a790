internal import Model

/// A length of time as a query writes it: `5m`, `300`, `1h / 2`, `step() * 3`, `max(range(), 1m)`.
///
/// Known when the query is read unless it speaks of the query's own step or range; then
/// `DurationResolver` puts the number in before anything is evaluated.
package indirect enum DurationExpr: Sendable, Hashable {
    case number(Double)
    case duration(nanos: Int64)
    /// The distance of the query's steps; 0 for an instant query.
    case step
    /// From the query's first step to its last.
    case range
    case signed(isNegation: Bool, DurationExpr)
    case binary(Operator, DurationExpr, DurationExpr)
    case extreme(isMaximum: Bool, DurationExpr, DurationExpr)
    case parens(DurationExpr)
    /// A window that is not written: the larger of step and lookback.
    case implicit

    package enum Operator: String, Sendable, Hashable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case modulo = "%"
        case power = "^"

        var precedence: Int {
            switch self {
            case .add, .subtract: 1
            case .multiply, .divide, .modulo: 2
            case .power: 4
            }
        }
    }

    /// Between the operators: `-2 ^ 2` is −4, `-2 * 2` is −4 too.
    static let signPrecedence = 3

    /// Why an expression is no duration.
    enum Problem: Error {
        case divisionByZero
        case moduloByZero
        case outOfRange

        var sentence: String {
            switch self {
            case .divisionByZero: "division by zero"
            case .moduloByZero: "modulo by zero"
            case .outOfRange: "duration out of range"
            }
        }
    }

    /// What `step()`, `range()` and a missing window stand for, seconds.
    struct Surroundings {
        var stepSeconds: Double
        var rangeSeconds: Double
        var implicitSeconds: Double
    }

    /// Whether it is the same in every query.
    var isConstant: Bool {
        switch self {
        case .number, .duration: true
        case .step, .range, .implicit: false
        case .signed(_, let inner), .parens(let inner): inner.isConstant
        case .binary(_, let left, let right), .extreme(_, let left, let right):
            left.isConstant && right.isConstant
        }
    }

    /// Whether it is printed as its value.
    var isLiteral: Bool {
        switch self {
        case .number, .duration: true
        case .signed(_, let inner): inner.isLiteral
        default: false
        }
    }

    func nanos(in surroundings: Surroundings) throws(Problem) -> Int64 {
        // What is written as a duration is exact.
        switch self {
        case .duration(let nanos): return nanos
        case .signed(let isNegation, .duration(let nanos)): return isNegation ? -nanos : nanos
        default: break
        }
        let nanos = (try seconds(in: surroundings) * 1e9).rounded()
        guard nanos.magnitude < 9.2e18 else { throw .outOfRange }
        return Int64(nanos)
    }

    private func seconds(in surroundings: Surroundings) throws(Problem) -> Double {
        switch self {
        case .number(let value): return value
        case .duration(let nanos): return StepGrid.seconds(nanos: nanos)
        case .step: return surroundings.stepSeconds
        case .range: return surroundings.rangeSeconds
        case .implicit: return surroundings.implicitSeconds
        case .parens(let inner): return try inner.seconds(in: surroundings)
        case .signed(let isNegation, let inner):
            let value = try inner.seconds(in: surroundings)
            return isNegation ? -value : value
        case .extreme(let isMaximum, let left, let right):
            let a = try left.seconds(in: surroundings)
            let b = try right.seconds(in: surroundings)
            return isMaximum ? max(a, b) : min(a, b)
        case .binary(let operation, let left, let right):
            let a = try left.seconds(in: surroundings)
            let b = try right.seconds(in: surroundings)
            return try DurationExpr.apply(operation, a, b)
        }
    }

    private static func apply(
        _ operation: Operator, _ a: Double, _ b: Double
    ) throws(Problem) -> Double {
        switch operation {
        case .add: return a + b
        case .subtract: return a - b
        case .multiply: return a * b
        case .divide:
            guard b != 0 else { throw .divisionByZero }
            return a / b
        case .modulo:
            guard b != 0 else { throw .moduloByZero }
            return FloatMath.remainder(a, b)
        case .power: return FloatMath.power(a, b)
        }
    }
}

extension DurationExpr: CustomStringConvertible {
    package var description: String {
        switch self {
        case .number(let value): NumberText.format(value)
        case .duration(let nanos): DurationText.format(nanos: nanos)
        case .step: "step()"
        case .range: "range()"
        case .implicit: ""
        case .parens(let inner): "(\(inner))"
        case .signed(let isNegation, let inner): (isNegation ? "-" : "+") + inner.description
        case .extreme(let isMaximum, let a, let b): "\(isMaximum ? "max" : "min")(\(a), \(b))"
        case .binary(let operation, let a, let b): "\(a) \(operation.rawValue) \(b)"
        }
    }
}
