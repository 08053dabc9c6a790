/// What may stand behind an operand: `[5m]`, `[1h:5m]`, `offset`, `@`, `anchored`, `smoothed`.
extension PromQLParser {
    // MARK: Windows

    mutating func windowOrSubquery(of operand: Parsed) throws(QueryError) -> Parsed {
        let start = operand.expr.range.lowerBound
        let bracket = advance()
        let window = try bracketedDuration(in: "subquery or range selector")
        let written = window.expr.isLiteral ? nil : window.expr
        if current.kind == .colon {
            advance()
            var step: (nanos: Int64, expr: DurationExpr)?
            if current.kind != .rightBracket {
                step = try bracketedDuration(in: "subquery selector")
            }
            let end = try closeBracket()
            try checkDepth(operand.depth + 1)
            let node = PromQLExpr.Subquery(
                inner: operand.expr, windowNanos: window.nanos, window: written,
                stepNanos: step?.nanos,
                step: step.flatMap { $0.expr.isLiteral ? nil : $0.expr }, shift: .none,
                range: PromQLParser.span(start, end))
            return Parsed(
                expr: .subquery(node), depth: operand.depth + 1,
                size: operand.size + max(1, end - bracket.range.lowerBound))
        }
        guard case .vector(let selector) = operand.expr else {
            throw failure(
                "ranges only allowed for vector selectors", at: bracket.range.lowerBound)
        }
        guard selector.shift.offsetNanos == nil else {
            throw failure(
                "no offset modifiers allowed before range", at: bracket.range.lowerBound)
        }
        guard selector.shift.anchor == nil else {
            throw failure("no @ modifiers allowed before range", at: bracket.range.lowerBound)
        }
        guard selector.boundary == .plain else {
            throw failure(
                "no \(selector.boundary.rawValue) modifiers allowed before range",
                at: bracket.range.lowerBound)
        }
        let end = try closeBracket()
        return leaf(
            .matrix(
                .init(
                    selector: selector, windowNanos: window.nanos, window: written,
                    range: PromQLParser.span(start, end))))
    }

    private mutating func closeBracket() throws(QueryError) -> Int {
        guard current.kind == .rightBracket else {
            throw unexpected("in subquery or range selector, expected \"]\"")
        }
        return advance().range.upperBound
    }

    // MARK: Shifts

    mutating func offset(of operand: Parsed) throws(QueryError) -> Parsed {
        let word = advance()
        let offset = try offsetDuration()
        let end = previous.range.upperBound
        return try shifting(operand, at: word, modifier: "offset", end: end) { shift in
            guard shift.offsetNanos == nil else { return "offset may not be set multiple times" }
            shift.offsetNanos = offset.nanos
            shift.offset = offset.expr.isLiteral ? nil : offset.expr
            return nil
        }
    }

    /// `anchored` or `smoothed`.
    mutating func boundary(of operand: Parsed) throws(QueryError) -> Parsed {
        let word = advance()
        let text = String(decoding: text[word.range], as: UTF8.self).lowercased()
        guard let boundary = PromQLExpr.Boundary(rawValue: text) else { return operand }
        var result = operand
        func set(_ node: inout PromQLExpr.VectorSelector) throws(QueryError) {
            guard node.boundary == .plain else {
                throw failure(
                    node.boundary == boundary
                        ? "\(text) modifier may not be set multiple times"
                        : "anchored and smoothed modifiers cannot be used together",
                    at: word.range.lowerBound)
            }
            node.boundary = boundary
        }
        switch operand.expr {
        case .vector(var node):
            guard boundary == .smoothed else {
                throw failure(
                    "anchored modifier can only be used with range vector selectors",
                    at: word.range.lowerBound)
            }
            try set(&node)
            node.range = PromQLParser.span(node.range.lowerBound, word.range.upperBound)
            result.expr = .vector(node)
        case .matrix(var node):
            try set(&node.selector)
            node.range = PromQLParser.span(node.range.lowerBound, word.range.upperBound)
            result.expr = .matrix(node)
        default:
            throw failure(
                "\(text) modifier must be preceded by a vector selector",
                at: word.range.lowerBound)
        }
        return result
    }

    mutating func anchor(of operand: Parsed) throws(QueryError) -> Parsed {
        let sign = advance()
        let value = try anchorValue()
        let end = previous.range.upperBound
        return try shifting(operand, at: sign, modifier: "@", end: end) { shift in
            guard shift.anchor == nil else {
                return "@ <timestamp> may not be set multiple times"
            }
            shift.anchor = value
            return nil
        }
    }

    private mutating func anchorValue() throws(QueryError) -> PromQLExpr.TimeShift.Anchor {
        if isKeyword("start") || isKeyword("end") {
            let isStart = isKeyword("start")
            advance()
            guard current.kind == .leftParen else { throw unexpected("in @, expected \"(\"") }
            advance()
            guard current.kind == .rightParen else { throw unexpected("in @, expected \")\"") }
            advance()
            return isStart ? .start : .end
        }
        var factor = 1.0
        if current.kind == .subtract || current.kind == .add {
            if current.kind == .subtract { factor = -1 }
            advance()
        }
        let place = current.range.lowerBound
        let seconds: Double
        switch current.kind {
        case .number(let value): seconds = value
        case .duration(let nanos): seconds = Double(nanos) / 1e9
        case .identifier where isKeyword("inf") || isKeyword("nan"): seconds = .infinity
        default: throw unexpected("in @, expected timestamp")
        }
        let millis = (factor * seconds * 1000).rounded()
        guard millis.magnitude < 9.2e18 else {
            throw failure("timestamp out of bounds for @ modifier: \(seconds)", at: place)
        }
        advance()
        return .timestamp(millis: Int64(millis))
    }

    private func shifting(
        _ operand: Parsed, at token: PromQLToken, modifier: String, end: Int,
        _ change: (inout PromQLExpr.TimeShift) -> String?
    ) throws(QueryError) -> Parsed {
        var result = operand
        let problem: String?
        switch operand.expr {
        case .vector(var node):
            problem = change(&node.shift)
            node.range = PromQLParser.span(node.range.lowerBound, end)
            result.expr = .vector(node)
        case .matrix(var node):
            problem = change(&node.selector.shift)
            node.range = PromQLParser.span(node.range.lowerBound, end)
            result.expr = .matrix(node)
        case .subquery(var node):
            problem = change(&node.shift)
            node.range = PromQLParser.span(node.range.lowerBound, end)
            result.expr = .subquery(node)
        default:
            problem =
                "\(modifier) modifier must be preceded by an instant vector selector or range "
                + "vector selector or a subquery"
        }
        if let problem { throw failure(problem, at: token.range.lowerBound) }
        return result
    }
}
