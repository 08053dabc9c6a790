/// Operands: literals, selectors, calls and aggregations, and what may stand behind them.
extension PromQLParser {
    mutating func postfix() throws(QueryError) -> Parsed {
        var operand = try primary()
        while true {
            switch current.kind {
            case .leftBracket: operand = try windowOrSubquery(of: operand)
            case .at: operand = try anchor(of: operand)
            case .identifier:
                if isKeyword("offset") {
                    operand = try offset(of: operand)
                } else if isKeyword("keep_metric_names") {
                    operand = try keepingNames(of: operand)
                } else if isKeyword("anchored") || isKeyword("smoothed") {
                    operand = try boundary(of: operand)
                } else {
                    return operand
                }
            default: return operand
            }
        }
    }

    private mutating func keepingNames(of operand: Parsed) throws(QueryError) -> Parsed {
        var result = operand
        switch operand.expr {
        case .call(var node):
            node.keepsMetricNames = true
            result.expr = .call(node)
        case .parens(var node):
            guard case .binary(var inner) = node.inner else { fallthrough }
            inner.keepsMetricNames = true
            node.inner = .binary(inner)
            result.expr = .parens(node)
        default:
            throw failure(
                "keep_metric_names must be preceded by a function call or an operation in "
                    + "parentheses")
        }
        advance()
        return result
    }

    private mutating func primary() throws(QueryError) -> Parsed {
        let token = current
        switch token.kind {
        case .number(let value):
            advance()
            return leaf(.number(.init(value: value, isDuration: false, range: token.range)))
        case .duration(let nanos):
            advance()
            let seconds = Double(nanos) / 1e9
            return leaf(.number(.init(value: seconds, isDuration: true, range: token.range)))
        case .string(let value):
            advance()
            return leaf(.string(.init(value: value, range: token.range)))
        case .leftParen:
            advance()
            let inner = try expression()
            if current.kind == .comma { return try union(after: inner, from: token) }
            guard current.kind == .rightParen else {
                throw unexpected("in paren expression, expected \")\"")
            }
            let end = advance().range.upperBound
            try checkDepth(inner.depth + 1)
            return Parsed(
                expr: .parens(
                    .init(inner: inner.expr, range: PromQLParser.span(token.range.lowerBound, end))),
                depth: inner.depth + 1, size: inner.size + 2)
        case .leftBrace: return leaf(.vector(try selector()))
        case .identifier(let name): return try named(name)
        default: throw unexpected("expected an expression")
        }
    }

    /// `(a, b)`: all of both.
    private mutating func union(
        after first: Parsed, from start: PromQLToken
    ) throws(QueryError) -> Parsed {
        var parts = [first]
        while current.kind == .comma {
            advance()
            if current.kind != .rightParen { parts.append(try expression()) }
        }
        guard current.kind == .rightParen, let function = PromQLFunction.named("union") else {
            throw unexpected("in paren expression, expected \")\"")
        }
        let end = advance().range.upperBound
        return try call(
            function, parts, range: PromQLParser.span(start.range.lowerBound, end))
    }

    private mutating func named(_ name: String) throws(QueryError) -> Parsed {
        let token = current
        let folded = name.lowercased()
        if let template = templates[name] { return try expand(template) }
        if folded == "with", peek(1).kind == .leftParen { return try withTemplates() }
        if peek(1).kind == .leftParen, let macro = PromQLMacro(rawValue: name) {
            return try expand(macro)
        }
        if let operation = PromQLExpr.Aggregate.Operation(rawValue: folded),
            followsAggregation(peek(1))
        {
            return try aggregate(operation)
        }
        if peek(1).kind == .leftParen {
            guard let function = PromQLFunction.named(name) else {
                throw failure("unknown function with name \(QuotedText.quote(name))")
            }
            if case .missing = function.implementation {
                throw unsupported("function \(name)")
            }
            return try call(function)
        }
        if folded == "inf" || folded == "nan" {
            advance()
            let value: Double = folded == "inf" ? .infinity : .nan
            return leaf(.number(.init(value: value, isDuration: false, range: token.range)))
        }
        if [
            "and", "or", "unless", "atan2", "bool", "on", "ignoring", "group_left",
            "group_right",
        ].contains(folded) {
            throw unexpected("expected an expression")
        }
        return leaf(.vector(try selector()))
    }

    private func followsAggregation(_ token: PromQLToken) -> Bool {
        switch token.kind {
        case .leftParen: true
        case .identifier(let word): ["by", "without"].contains(word.lowercased())
        default: false
        }
    }

    private mutating func call(_ function: PromQLFunction) throws(QueryError) -> Parsed {
        let start = advance().range.lowerBound
        let (arguments, end) = try argumentList(
            in: "function call", isInfo: function.name == "info")
        return try call(function, arguments, range: PromQLParser.span(start, end))
    }

    func call(
        _ function: PromQLFunction, _ arguments: [Parsed], range: Range<Int>
    ) throws(QueryError) -> Parsed {
        let expressions = arguments.enumerated().map { place, argument in
            function.parameter(place) == .matrix
                ? PromQLParser.withWindow(argument.expr) : argument.expr
        }
        let node = PromQLExpr.Call(
            function: function, arguments: expressions, range: range)
        let depth = (arguments.map(\.depth).max() ?? 0) + 1
        try checkDepth(depth)
        let size = arguments.reduce(function.name.utf8.count + 2) { $0 + $1.size + 2 }
        try checkSize(size)
        return Parsed(expr: .call(node), depth: depth, size: size)
    }

    /// A vector in the place of a range vector: its window is left to the query.
    private static func withWindow(_ expr: PromQLExpr) -> PromQLExpr {
        if case .vector(let selector) = expr.withoutParens {
            return .matrix(
                .init(
                    selector: selector, windowNanos: 0, window: .implicit,
                    range: selector.range))
        }
        guard expr.type == .vector else { return expr }
        return .subquery(
            .init(
                inner: expr, windowNanos: 0, window: .implicit, stepNanos: nil, shift: .none,
                range: expr.range))
    }

    private mutating func aggregate(
        _ operation: PromQLExpr.Aggregate.Operation
    ) throws(QueryError) -> Parsed {
        let start = advance().range.lowerBound
        var grouping = try groupingClause()
        var (arguments, end) = try argumentList(in: "aggregation")
        if grouping == nil, let after = try groupingClause() {
            grouping = after
            end = previous.range.upperBound
        }
        let expected = operation.takesParameter ? 2 : 1
        guard arguments.count == expected else {
            let message =
                arguments.isEmpty
                ? "no arguments for aggregate expression provided"
                : "wrong number of arguments for aggregate expression provided, "
                    + "expected \(expected), got \(arguments.count)"
            throw failure(message, at: start)
        }
        var limit: Int?
        if isKeyword("limit"), case .number(let value) = peek(1).kind {
            advance()
            guard let count = Int(exactly: value), count >= 0 else {
                throw unexpected("in limit, expected a whole number")
            }
            end = advance().range.upperBound
            limit = count
        }
        let operand = arguments[expected - 1]
        let parameter = operation.takesParameter ? arguments[0] : nil
        let node = PromQLExpr.Aggregate(
            operation: operation, parameter: parameter?.expr, operand: operand.expr,
            grouping: grouping ?? .all, limit: limit, range: PromQLParser.span(start, end))
        let depth = max(operand.depth, parameter?.depth ?? 0) + 1
        try checkDepth(depth)
        let size = operand.size + (parameter?.size ?? 0) + abs(end - start)
        try checkSize(size)
        return Parsed(expr: .aggregate(node), depth: depth, size: size)
    }

    private mutating func groupingClause() throws(QueryError) -> LabelGrouping? {
        let isWithout = isKeyword("without")
        guard isWithout || isKeyword("by") else { return nil }
        advance()
        return LabelGrouping(names: try labelList(), isWithout: isWithout)
    }

    mutating func argumentList(
        in context: String, isInfo: Bool = false
    ) throws(QueryError) -> (arguments: [Parsed], end: Int) {
        guard current.kind == .leftParen else {
            throw unexpected("in \(context), expected \"(\"")
        }
        advance()
        var arguments: [Parsed] = []
        while current.kind != .rightParen {
            allowsEmptyMatchers = isInfo && arguments.count == 1
            arguments.append(try expression())
            allowsEmptyMatchers = false
            if current.kind == .comma {
                advance()
                if current.kind == .rightParen, context == "function call" {
                    throw failure("trailing commas not allowed in function call args")
                }
            } else if current.kind != .rightParen {
                throw unexpected("in \(context), expected \",\" or \")\"")
            }
        }
        return (arguments, advance().range.upperBound)
    }

    /// `(a, "b.c", by)`: any word may be a label name here.
    mutating func labelList() throws(QueryError) -> [String] {
        guard current.kind == .leftParen else {
            throw unexpected("in grouping opts, expected \"(\"")
        }
        advance()
        var names: [String] = []
        while current.kind != .rightParen {
            switch current.kind {
            case .identifier(let name) where !name.contains(":"): names.append(name)
            case .string(let name) where !name.isEmpty: names.append(name)
            default: throw unexpected("in grouping opts, expected label")
            }
            advance()
            if current.kind == .comma {
                advance()
            } else if current.kind != .rightParen {
                throw unexpected("in grouping opts, expected \",\" or \")\"")
            }
        }
        advance()
        return names
    }
}
