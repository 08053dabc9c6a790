internal import Model

/// Selectors and what may stand behind them: `{…}`, `[5m]`, `[1h:5m]`, `offset`, `@`.
extension PromQLParser {
    mutating func selector() throws(QueryError) -> PromQLExpr.VectorSelector {
        let start = current.range.lowerBound
        var node = PromQLExpr.VectorSelector(
            name: "", matchers: [], shift: .none, range: start..<current.range.upperBound)
        if case .identifier(let name) = current.kind {
            node.name = name
            node.range = start..<advance().range.upperBound
        }
        if current.kind == .leftBrace {
            advance()
            while current.kind != .rightBrace { try labelMatcher(of: &node) }
            node.range = start..<advance().range.upperBound
        }
        if !node.name.isEmpty, !node.matchers.contains(where: isNamedTwice(node.name)) {
            node.matchers.append(Matcher("__name__", equals: node.name))
        }
        guard node.matchers.contains(where: { !$0.matchesEmpty }) else {
            throw failure(
                "vector selector must contain at least one non-empty matcher", at: start)
        }
        return node
    }

    private func isNamedTwice(_ name: String) -> (Matcher) -> Bool {
        { $0.name == "__name__" && $0.operation == .equal && $0.value == name }
    }

    private mutating func labelMatcher(
        of node: inout PromQLExpr.VectorSelector
    ) throws(QueryError) {
        let nameToken = current
        let name: String
        switch nameToken.kind {
        case .identifier(let word) where !word.contains(":"): name = word
        case .string(let word): name = word
        case .end: throw unexpected("inside braces")
        default: throw unexpected("in label matching, expected identifier or \"}\"")
        }
        advance()
        if case .string = nameToken.kind, current.kind == .comma || current.kind == .rightBrace {
            // {"a.b"}: a metric name that needs quotes.
            try setName(name, of: &node, at: nameToken.range.lowerBound)
        } else {
            let matcher = try condition(on: name)
            if name == "__name__", !node.name.isEmpty, matcher.operation == .equal {
                throw failure(
                    "metric name must not be set twice: \(QuotedText.quote(node.name)) or "
                        + QuotedText.quote(matcher.value), at: nameToken.range.lowerBound)
            }
            node.matchers.append(matcher)
        }
        if current.kind == .comma {
            advance()
        } else if current.kind != .rightBrace {
            if isKeyword("or") { throw unsupported("or between matchers") }
            throw unexpected("in label matching, expected \",\" or \"}\"")
        }
    }

    private func setName(
        _ name: String, of node: inout PromQLExpr.VectorSelector, at offset: Int
    ) throws(QueryError) {
        let earlier =
            node.name.isEmpty
            ? node.matchers.first { $0.name == "__name__" && $0.operation == .equal }?.value
            : node.name
        if let earlier {
            throw failure(
                "metric name must not be set twice: \(QuotedText.quote(earlier)) or "
                    + QuotedText.quote(name), at: offset)
        }
        node.matchers.append(Matcher("__name__", equals: name))
    }

    private mutating func condition(on name: String) throws(QueryError) -> Matcher {
        let operation: Matcher.Operation
        switch current.kind {
        case .assign: operation = .equal
        case .notEqual: operation = .notEqual
        case .matches: operation = .matches
        case .notMatches: operation = .notMatches
        default:
            throw unexpected("in label matching, expected one of \"=\", \"!=\", \"=~\", \"!~\"")
        }
        advance()
        guard case .string(let value) = current.kind else {
            throw unexpected("in label matching, expected string")
        }
        do {
            let matcher = try Matcher(name, operation, value)
            advance()
            return matcher
        } catch {
            throw failure("\(error)")
        }
    }

    // MARK: Windows

    mutating func windowOrSubquery(of operand: Parsed) throws(QueryError) -> Parsed {
        let start = operand.expr.range.lowerBound
        let bracket = advance()
        let window = try durationValue(in: "subquery or range selector")
        guard window > 0 else {
            throw failure("duration must be greater than 0", at: bracket.range.upperBound)
        }
        if current.kind == .colon {
            advance()
            var step: Int64?
            if current.kind != .rightBracket {
                let place = current.range.lowerBound
                let value = try durationValue(in: "subquery selector")
                guard value > 0 else {
                    throw failure("duration must be greater than 0", at: place)
                }
                step = value
            }
            let end = try closeBracket()
            try checkDepth(operand.depth + 1)
            let node = PromQLExpr.Subquery(
                inner: operand.expr, windowNanos: window, stepNanos: step, shift: .none,
                range: start..<end)
            return Parsed(expr: .subquery(node), depth: operand.depth + 1)
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
        let end = try closeBracket()
        return leaf(
            .matrix(.init(selector: selector, windowNanos: window, range: start..<end)))
    }

    private mutating func closeBracket() throws(QueryError) -> Int {
        guard current.kind == .rightBracket else {
            throw unexpected("in subquery or range selector, expected \"]\"")
        }
        return advance().range.upperBound
    }

    /// A duration, or a number of seconds. Nanoseconds.
    private mutating func durationValue(
        in context: String, isBracketed: Bool = true
    ) throws(QueryError) -> Int64 {
        let token = current
        switch token.kind {
        case .duration(let nanos):
            advance()
            try refuseArithmetic(isBracketed)
            return nanos
        case .number(let seconds):
            advance()
            try refuseArithmetic(isBracketed)
            let nanos = (seconds * 1e9).rounded()
            guard nanos.magnitude < 9.2e18 else {
                throw failure("duration out of range", at: token.range.lowerBound)
            }
            return Int64(nanos)
        case .leftParen, .identifier, .subtract, .add:
            throw unsupported("duration expression")
        default: throw unexpected("in \(context), expected a duration")
        }
    }

    /// Behind an offset an operator goes on with the query; within brackets it is arithmetic on
    /// durations.
    private func refuseArithmetic(_ isBracketed: Bool) throws(QueryError) {
        switch current.kind {
        case .add, .subtract, .multiply, .divide, .modulo, .power:
            if isBracketed { throw unsupported("duration expression") }
        default: break
        }
    }

    // MARK: Shifts

    mutating func offset(of operand: Parsed) throws(QueryError) -> Parsed {
        let word = advance()
        var sign: Int64 = 1
        if current.kind == .subtract || current.kind == .add {
            if current.kind == .subtract { sign = -1 }
            advance()
        }
        let nanos = try durationValue(in: "offset", isBracketed: false)
        let end = previous.range.upperBound
        return try shifting(operand, at: word, modifier: "offset", end: end) { shift in
            guard shift.offsetNanos == nil else { return "offset may not be set multiple times" }
            shift.offsetNanos = sign * nanos
            return nil
        }
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
            node.range = node.range.lowerBound..<end
            result.expr = .vector(node)
        case .matrix(var node):
            problem = change(&node.selector.shift)
            node.range = node.range.lowerBound..<end
            result.expr = .matrix(node)
        case .subquery(var node):
            problem = change(&node.shift)
            node.range = node.range.lowerBound..<end
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
