/// Reads PromQL by recursive descent with operator precedence. An error names the place and what
/// was expected; what Prometheus 3 knows and this engine does not yet is `unsupported` by name.
///
/// Nesting and chains of operators are limited by `depthMax`, so that no later recursion over the
/// tree can run out of stack.
package struct PromQLParser {
    /// Limit `query.depth_max`.
    package static let depthMax = 250

    /// An expression and the height of its tree.
    struct Parsed {
        var expr: PromQLExpr
        var depth: Int
    }

    let text: [UInt8]
    private let tokens: [PromQLToken]
    private var place = 0
    private var nesting = 0

    private init(_ text: [UInt8]) throws(QueryError) {
        self.text = text
        tokens = try PromQLLexer.tokens(of: text)
    }

    /// The expression that `text` is, with its types checked.
    package static func parse(_ text: String) throws(QueryError) -> PromQLExpr {
        var parser = try PromQLParser(Array(text.utf8))
        guard parser.current.kind != .end else {
            throw parser.failure("no expression found in input")
        }
        let result = try parser.expression()
        guard parser.current.kind == .end else { throw parser.unexpected("after expression") }
        try PromQLTypeCheck(text: parser.text).check(result.expr)
        return result.expr
    }

    // MARK: Operators

    mutating func expression() throws(QueryError) -> Parsed {
        try enter()
        defer { nesting -= 1 }
        return try binary(precedenceMin: 1)
    }

    private mutating func binary(precedenceMin: Int) throws(QueryError) -> Parsed {
        var left = try unary()
        while let operation = try currentOperator(), operation.precedence >= precedenceMin {
            let operatorToken = advance()
            var node = PromQLExpr.Binary(
                operation: operation, left: left.expr, right: left.expr, returnsBool: false,
                matching: .standard, range: operatorToken.range)
            try binaryModifiers(of: &node)
            // Only ^ binds to the right.
            try enter()
            let next = operation == .power ? operation.precedence : operation.precedence + 1
            let right = try binary(precedenceMin: next)
            nesting -= 1
            node.right = right.expr
            node.range = left.expr.range.lowerBound..<right.expr.range.upperBound
            left = Parsed(expr: .binary(node), depth: max(left.depth, right.depth) + 1)
            try checkDepth(left.depth)
        }
        return left
    }

    private func currentOperator() throws(QueryError) -> PromQLExpr.BinaryOperator? {
        switch current.kind {
        case .add: return .add
        case .subtract: return .subtract
        case .multiply: return .multiply
        case .divide: return .divide
        case .modulo: return .modulo
        case .power: return .power
        case .equal: return .equal
        case .notEqual: return .notEqual
        case .less: return .less
        case .lessOrEqual: return .lessOrEqual
        case .greater: return .greater
        case .greaterOrEqual: return .greaterOrEqual
        case .trimLower: throw unsupported("operator >/")
        case .trimUpper: throw unsupported("operator </")
        case .identifier(let name):
            switch name.lowercased() {
            case "and": return .and
            case "or": return .or
            case "unless": return .unless
            case "atan2": return .atan2
            default: return nil
            }
        default: return nil
        }
    }

    private mutating func binaryModifiers(
        of node: inout PromQLExpr.Binary
    ) throws(QueryError) {
        if takeKeyword("bool") {
            guard node.operation.isComparison else {
                throw failure(
                    "bool modifier can only be used on comparison operators",
                    at: previous.range.lowerBound)
            }
            node.returnsBool = true
        }
        let isOn = isKeyword("on")
        if isOn || isKeyword("ignoring") {
            advance()
            node.matching.isOn = isOn
            node.matching.labels = try labelList()
            let isLeft = isKeyword("group_left")
            if isLeft || isKeyword("group_right") {
                advance()
                node.matching.cardinality = isLeft ? .manyToOne : .oneToMany
                if current.kind == .leftParen { node.matching.include = try labelList() }
            }
        } else if isKeyword("group_left") || isKeyword("group_right") {
            throw unexpected("in binary expression, expected on or ignoring before it")
        }
        for word in ["fill", "fill_left", "fill_right"]
        where isKeyword(word) && peek(1).kind == .leftParen {
            throw unsupported("modifier \(word)")
        }
    }

    private mutating func unary() throws(QueryError) -> Parsed {
        guard current.kind == .subtract || current.kind == .add else {
            return try postfix()
        }
        try enter()
        defer { nesting -= 1 }
        let sign = advance()
        let isNegation = sign.kind == .subtract
        let operand = try binary(precedenceMin: PromQLExpr.BinaryOperator.power.precedence)
        let range = sign.range.lowerBound..<operand.expr.range.upperBound
        try checkDepth(operand.depth + 1)
        if case .number(var node) = operand.expr {
            if isNegation { node.value = -node.value }
            node.range = range
            return Parsed(expr: .number(node), depth: operand.depth)
        }
        let node = PromQLExpr.Unary(
            isNegation: isNegation, operand: operand.expr, range: range)
        return Parsed(expr: .unary(node), depth: operand.depth + 1)
    }

    // MARK: Operands

    private mutating func postfix() throws(QueryError) -> Parsed {
        var operand = try primary()
        while true {
            switch current.kind {
            case .leftBracket: operand = try windowOrSubquery(of: operand)
            case .at: operand = try anchor(of: operand)
            case .identifier:
                if isKeyword("offset") {
                    operand = try offset(of: operand)
                } else if isKeyword("anchored") || isKeyword("smoothed") {
                    throw unsupported(
                        "modifier \(current.describe(in: text).split(separator: "\"")[1])")
                } else {
                    return operand
                }
            default: return operand
            }
        }
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
            guard current.kind == .rightParen else {
                throw unexpected("in paren expression, expected \")\"")
            }
            let end = advance().range.upperBound
            try checkDepth(inner.depth + 1)
            return Parsed(
                expr: .parens(.init(inner: inner.expr, range: token.range.lowerBound..<end)),
                depth: inner.depth + 1)
        case .leftBrace: return leaf(.vector(try selector()))
        case .identifier(let name): return try named(name)
        default: throw unexpected("expected an expression")
        }
    }

    private mutating func named(_ name: String) throws(QueryError) -> Parsed {
        let token = current
        let folded = name.lowercased()
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
        let (arguments, end) = try argumentList(in: "function call")
        let node = PromQLExpr.Call(
            function: function, arguments: arguments.map(\.expr), range: start..<end)
        let depth = (arguments.map(\.depth).max() ?? 0) + 1
        try checkDepth(depth)
        return Parsed(expr: .call(node), depth: depth)
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
        let operand = arguments[expected - 1]
        let parameter = operation.takesParameter ? arguments[0] : nil
        let node = PromQLExpr.Aggregate(
            operation: operation, parameter: parameter?.expr, operand: operand.expr,
            grouping: grouping ?? .all, range: start..<end)
        let depth = max(operand.depth, parameter?.depth ?? 0) + 1
        try checkDepth(depth)
        return Parsed(expr: .aggregate(node), depth: depth)
    }

    private mutating func groupingClause() throws(QueryError) -> LabelGrouping? {
        let isWithout = isKeyword("without")
        guard isWithout || isKeyword("by") else { return nil }
        advance()
        return LabelGrouping(names: try labelList(), isWithout: isWithout)
    }

    private mutating func argumentList(
        in context: String
    ) throws(QueryError) -> (arguments: [Parsed], end: Int) {
        guard current.kind == .leftParen else {
            throw unexpected("in \(context), expected \"(\"")
        }
        advance()
        var arguments: [Parsed] = []
        while current.kind != .rightParen {
            arguments.append(try expression())
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
    private mutating func labelList() throws(QueryError) -> [String] {
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

    // MARK: Tokens

    var current: PromQLToken { tokens[place] }

    var previous: PromQLToken { tokens[max(place - 1, 0)] }

    func peek(_ ahead: Int) -> PromQLToken { tokens[min(place + ahead, tokens.count - 1)] }

    @discardableResult
    mutating func advance() -> PromQLToken {
        let token = tokens[place]
        if place + 1 < tokens.count { place += 1 }
        return token
    }

    func isKeyword(_ word: String) -> Bool {
        guard case .identifier(let name) = current.kind else { return false }
        return name.lowercased() == word
    }

    mutating func takeKeyword(_ word: String) -> Bool {
        guard isKeyword(word) else { return false }
        advance()
        return true
    }

    func leaf(_ expr: PromQLExpr) -> Parsed { Parsed(expr: expr, depth: 1) }

    // MARK: Errors

    private mutating func enter() throws(QueryError) {
        nesting += 1
        try checkDepth(nesting)
    }

    func checkDepth(_ depth: Int) throws(QueryError) {
        guard depth <= PromQLParser.depthMax else {
            throw .limit(name: "query.depth_max", allowed: PromQLParser.depthMax)
        }
    }

    func unexpected(_ rest: String) -> QueryError {
        failure("unexpected \(current.describe(in: text)) \(rest)")
    }

    func failure(_ message: String, at offset: Int? = nil) -> QueryError {
        .parse(
            message: message,
            position: QueryPosition(offset: offset ?? current.range.lowerBound, in: text))
    }

    func unsupported(_ name: String) -> QueryError {
        .unsupported(
            name: name, position: QueryPosition(offset: current.range.lowerBound, in: text))
    }
}
