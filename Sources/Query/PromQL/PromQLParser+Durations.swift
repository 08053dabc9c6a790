/// Durations and arithmetic on them: within brackets a whole expression, behind `offset` one
/// operand, since an operator there goes on with the query.
extension PromQLParser {
    /// Within brackets; above zero where it is known. `nanos` is 0 when it is not known yet.
    mutating func bracketedDuration(
        in context: String
    ) throws(QueryError) -> (nanos: Int64, expr: DurationExpr) {
        let place = current.range.lowerBound
        durationOperatorCount = 0
        let expr = try durationExpression(precedenceMin: 1, in: context)
        let nanos = try constantNanos(expr, at: place)
        guard !expr.isConstant || nanos > 0 else {
            throw failure("duration must be greater than 0", at: place)
        }
        return (nanos, expr)
    }

    /// Behind `offset`; of any sign.
    mutating func offsetDuration() throws(QueryError) -> (nanos: Int64, expr: DurationExpr) {
        let place = current.range.lowerBound
        durationOperatorCount = 0
        var sign: Bool?
        if current.kind == .subtract || current.kind == .add {
            sign = current.kind == .subtract
            advance()
        }
        var expr = try durationOperand(in: "offset")
        if let sign { expr = .signed(isNegation: sign, expr) }
        return (try constantNanos(expr, at: place), expr)
    }

    private func constantNanos(
        _ expr: DurationExpr, at place: Int
    ) throws(QueryError) -> Int64 {
        guard expr.isConstant else { return 0 }
        do {
            return try expr.nanos(
                in: .init(stepSeconds: 0, rangeSeconds: 0, implicitSeconds: 0))
        } catch {
            throw failure(error.sentence, at: place)
        }
    }

    private mutating func durationExpression(
        precedenceMin: Int, in context: String
    ) throws(QueryError) -> DurationExpr {
        try enter()
        defer { leave() }
        var left = try durationOperandOrSign(in: context)
        while let operation = durationOperator, operation.precedence >= precedenceMin {
            advance()
            // So that no tree of them is deeper than the limit.
            durationOperatorCount += 1
            try checkDepth(durationOperatorCount)
            // Only ^ binds to the right.
            let next = operation == .power ? operation.precedence : operation.precedence + 1
            let right = try durationExpression(precedenceMin: next, in: context)
            left = .binary(operation, left, right)
        }
        return left
    }

    private var durationOperator: DurationExpr.Operator? {
        switch current.kind {
        case .add: .add
        case .subtract: .subtract
        case .multiply: .multiply
        case .divide: .divide
        case .modulo: .modulo
        case .power: .power
        default: nil
        }
    }

    private mutating func durationOperandOrSign(
        in context: String
    ) throws(QueryError) -> DurationExpr {
        guard current.kind == .subtract || current.kind == .add else {
            return try durationOperand(in: context)
        }
        let isNegation = advance().kind == .subtract
        let inner = try durationExpression(
            precedenceMin: DurationExpr.signPrecedence + 1, in: context)
        return .signed(isNegation: isNegation, inner)
    }

    private mutating func durationOperand(in context: String) throws(QueryError) -> DurationExpr {
        switch current.kind {
        case .duration(let nanos):
            advance()
            return .duration(nanos: nanos)
        case .number(let value):
            advance()
            return .number(value)
        case .steps(let count):
            advance()
            return .parens(.binary(.multiply, .number(count), .step))
        case .leftParen:
            advance()
            let inner = try durationExpression(precedenceMin: 1, in: context)
            try expectDuration(.rightParen, "\")\"", in: context)
            return .parens(inner)
        case .identifier(let name) where templates[name] != nil:
            return try templateDuration(name, in: context)
        case .identifier(let name) where peek(1).kind == .leftParen:
            return try durationFunction(name.lowercased(), in: context)
        default: throw unexpected("in \(context), expected a duration")
        }
    }

    /// What a template without parameters, or a parameter of one, says of a duration.
    private mutating func templateDuration(
        _ name: String, in context: String
    ) throws(QueryError) -> DurationExpr {
        try enter()
        defer { leave() }
        let place = current.range.lowerBound
        guard let template = templates[name], template.parameters == nil else {
            throw unexpected("in \(context), expected a duration")
        }
        advance()
        switch template.body {
        case .value(let value):
            guard case .number(let node) = value.expr.withoutParens else { break }
            guard node.isDuration else { return .number(node.value) }
            return .duration(nanos: Int64((node.value * 1e9).rounded()))
        case .tokens(let tokens):
            let (after, outer) = (self.place, templates)
            jump(to: tokens.lowerBound)
            templates = template.scope
            let expr = try durationExpression(precedenceMin: 1, in: context)
            let isWhole = self.place == tokens.upperBound
            jump(to: after)
            templates = outer
            guard isWhole else { break }
            return expr.isLiteral ? expr : .parens(expr)
        }
        throw failure("template \(QuotedText.quote(name)) must be a duration", at: place)
    }

    private mutating func durationFunction(
        _ name: String, in context: String
    ) throws(QueryError) -> DurationExpr {
        switch name {
        case "step", "range":
            advance()
            advance()
            try expectDuration(.rightParen, "\")\"", in: context)
            return name == "step" ? .step : .range
        case "min", "max", "min_of", "max_of":
            advance()
            advance()
            let left = try durationExpression(precedenceMin: 1, in: context)
            try expectDuration(.comma, "\",\"", in: context)
            let right = try durationExpression(precedenceMin: 1, in: context)
            try expectDuration(.rightParen, "\")\"", in: context)
            return .extreme(isMaximum: name.hasPrefix("max"), left, right)
        default: throw unexpected("in \(context), expected a duration")
        }
    }

    private mutating func expectDuration(
        _ kind: PromQLToken.Kind, _ shown: String, in context: String
    ) throws(QueryError) {
        guard current.kind == kind else {
            throw unexpected("in \(context), expected \(shown)")
        }
        advance()
    }
}
