internal import Model

/// Refuses what is well formed and makes no sense: the rules and sentences of Prometheus.
struct PromQLTypeCheck {
    let text: [UInt8]

    func check(_ expr: PromQLExpr) throws(QueryError) {
        switch expr {
        case .number, .string, .vector, .matrix: break
        case .parens(let node): try check(node.inner)
        case .unary(let node):
            try check(node.operand)
            let type = node.operand.type
            guard type == .scalar || type == .vector else {
                throw failure(
                    "unary expression only allowed on expressions of type scalar or instant "
                        + "vector, got \"\(type.rawValue)\"", at: expr)
            }
        case .subquery(let node):
            try check(node.inner)
            guard node.inner.type == .vector else {
                throw failure(
                    "subquery is only allowed on instant vector, got "
                        + "\(node.inner.type.rawValue) instead", at: expr)
            }
        case .call(let node): try check(node)
        case .aggregate(let node): try check(node)
        case .binary(let node): try check(node, whole: expr)
        }
    }

    private func check(_ node: PromQLExpr.Call) throws(QueryError) {
        let name = QuotedText.quote(node.function.name)
        let count = node.arguments.count
        let minimum = node.function.argumentCountMin
        let expected: String? =
            if let maximum = node.function.argumentCountMax {
                if minimum == maximum, count != minimum {
                    "expected \(minimum)"
                } else if count < minimum {
                    "expected at least \(minimum)"
                } else if count > maximum {
                    "expected at most \(maximum)"
                } else {
                    nil
                }
            } else {
                count < minimum ? "expected at least \(minimum)" : nil
            }
        if let expected {
            throw failure(
                "\(expected) argument(s) in call to \(name), got \(count)",
                at: node.range.lowerBound)
        }
        for (index, argument) in node.arguments.enumerated() {
            try check(argument)
            try expect(
                node.function.parameter(index), argument, in: "call to function \(name)")
        }
        try checkStrings(of: node)
        try checkBoundary(of: node)
        if case .info = node.function.implementation, count > 1 {
            guard case .vector(let labels) = node.arguments[1] else {
                throw failure(
                    "expected label selectors in call to function \(name)",
                    at: node.arguments[1])
            }
            guard labels.name.isEmpty, labels.others.isEmpty, labels.shift.isNone else {
                throw failure(
                    "expected label selectors only, got vector selector instead",
                    at: node.arguments[1])
            }
        }
    }

    /// Which functions know what to do with `anchored` and `smoothed` windows.
    private func checkBoundary(of node: PromQLExpr.Call) throws(QueryError) {
        for argument in node.arguments {
            guard case .matrix(let matrix) = argument.withoutParens else { continue }
            let boundary = matrix.selector.boundary
            guard boundary != .plain else { continue }
            let allowed =
                boundary == .anchored
                ? ["changes", "delta", "increase", "rate", "resets"]
                : ["delta", "increase", "rate"]
            guard !allowed.contains(node.function.name) else { continue }
            throw failure(
                "\(boundary.rawValue) modifier can only be used with: "
                    + "\(allowed.joined(separator: ", ")) - not with \(node.function.name)",
                at: argument)
        }
    }

    /// Strings that functions of MetricsQL cannot take; those of Prometheus refuse theirs when they
    /// are evaluated.
    private func checkStrings(of node: PromQLExpr.Call) throws(QueryError) {
        let strings = node.arguments.map { argument -> String? in
            if case .string(let literal) = argument.withoutParens { return literal.value }
            return nil
        }
        switch node.function.implementation {
        case .window where strings.count == 2 && node.function.parameter(1) == .string:
            guard let name = strings[1], PairSummary(rawValue: name) != nil else {
                throw failure("expected \"min\", \"max\" or \"avg\"", at: node.arguments[1])
            }
        case .labelEdit(let edit):
            guard edit.allows(strings.count - 1) else {
                throw failure(
                    "odd number of labels and values in call to function "
                        + QuotedText.quote(node.function.name), at: node.range.lowerBound)
            }
        default: break
        }
    }

    private func check(_ node: PromQLExpr.Aggregate) throws(QueryError) {
        try check(node.operand)
        try expect(.vector, node.operand, in: "aggregation expression")
        guard let parameter = node.parameter else { return }
        try check(parameter)
        let wanted: PromQLExpr.ValueType = node.operation == .countValues ? .string : .scalar
        try expect(wanted, parameter, in: "aggregation parameter")
    }

    private func check(_ node: PromQLExpr.Binary, whole: PromQLExpr) throws(QueryError) {
        try check(node.left)
        try check(node.right)
        let left = node.left.type
        let right = node.right.type
        for (type, side) in [(left, node.left), (right, node.right)]
        where type != .scalar && type != .vector {
            throw failure(
                "binary expression must contain only scalar and instant vector types", at: side)
        }
        let operation = node.operation
        if operation.isComparison, !node.returnsBool, left == .scalar, right == .scalar {
            throw failure("comparisons between scalars must use BOOL modifier", at: whole)
        }
        let areVectors = left == .vector && right == .vector
        let matching = node.matching
        let hasFill = matching.fillLeft != nil || matching.fillRight != nil
        if operation.isGapOperator {
            guard matching.cardinality == .oneToOne, !hasFill else {
                throw failure(
                    "no grouping allowed for \"\(operation.rawValue)\" operation", at: whole)
            }
            return
        }
        if operation.isSetOperator, !areVectors {
            throw failure(
                "set operator \"\(operation.rawValue)\" not allowed in binary scalar expression",
                at: whole)
        }
        if operation.isTrim, left == .scalar, right == .scalar {
            throw failure(
                "operator \"\(operation.rawValue)\" not allowed between scalars", at: whole)
        }
        if hasFill, !areVectors {
            throw failure(
                "filling in missing series only allowed between instant vectors", at: whole)
        }
        if hasFill, operation.isSetOperator {
            throw failure(
                "filling in missing series not allowed for set operators", at: whole)
        }
        if !areVectors, matching != .standard {
            throw failure("vector matching only allowed between instant vectors", at: whole)
        }
        if operation.isSetOperator, matching.cardinality != .oneToOne {
            throw failure(
                "no grouping allowed for \"\(operation.rawValue)\" operation", at: whole)
        }
        if matching.isOn, matching.cardinality != .oneToOne,
            let both = matching.labels.first(where: matching.include.contains)
        {
            throw failure(
                "label \(QuotedText.quote(both)) must not occur in ON and GROUP clause at once",
                at: whole)
        }
    }

    private func expect(
        _ wanted: PromQLExpr.ValueType, _ expr: PromQLExpr, in context: String
    ) throws(QueryError) {
        guard expr.type != wanted else { return }
        throw failure(
            "expected type \(wanted.rawValue) in \(context), got \(expr.type.rawValue)", at: expr)
    }

    private func failure(_ message: String, at expr: PromQLExpr) -> QueryError {
        failure(message, at: expr.range.lowerBound)
    }

    private func failure(_ message: String, at offset: Int) -> QueryError {
        .parse(message: message, position: QueryPosition(offset: offset, in: text))
    }
}
