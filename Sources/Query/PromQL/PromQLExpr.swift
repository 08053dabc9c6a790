/// A PromQL expression as a tree. Nodes know the range of bytes that they were read from.
///
/// Payloads are structs in `PromQLExpr+Nodes`; `description` prints the canonical form.
package indirect enum PromQLExpr: Sendable {
    case number(NumberLiteral)
    case string(StringLiteral)
    case vector(VectorSelector)
    case matrix(MatrixSelector)
    case subquery(Subquery)
    case call(Call)
    case aggregate(Aggregate)
    case unary(Unary)
    case binary(Binary)
    case parens(Parens)

    /// Where it stands in the text, bytes.
    package var range: Range<Int> {
        switch self {
        case .number(let node): node.range
        case .string(let node): node.range
        case .vector(let node): node.range
        case .matrix(let node): node.range
        case .subquery(let node): node.range
        case .call(let node): node.range
        case .aggregate(let node): node.range
        case .unary(let node): node.range
        case .binary(let node): node.range
        case .parens(let node): node.range
        }
    }

    /// What it evaluates to. O(depth of parentheses and operators).
    package var type: ValueType {
        switch self {
        case .number: .scalar
        case .string: .string
        case .vector, .aggregate: .vector
        case .matrix, .subquery: .matrix
        case .call(let node): node.function.result
        case .unary(let node): node.operand.type
        case .parens(let node): node.inner.type
        case .binary(let node):
            node.left.type == .scalar && node.right.type == .scalar
                && !node.operation.isGapOperator ? .scalar : .vector
        }
    }

    /// Itself without the parentheses around it.
    package var withoutParens: PromQLExpr {
        if case .parens(let node) = self { return node.inner.withoutParens }
        return self
    }

    /// The types of PromQL, named as error messages name them.
    package enum ValueType: String, Sendable {
        case scalar
        case string
        case vector = "instant vector"
        case matrix = "range vector"
    }
}
