/// Reads PromQL by recursive descent with operator precedence. An error names the place and what
/// was expected; what Prometheus 3 knows and this engine does not yet is `unsupported` by name.
///
/// Nesting and chains of operators are limited by `depthMax`, so that no later recursion over the
/// tree can run out of stack.
package struct PromQLParser {
    /// Limit `query.depth_max`.
    package static let depthMax = 250

    /// Limit `query.expanded_tokens_max`: what templates add to a query.
    package static let expandedTokensMax = 1 << 16

    /// An expression and the height of its tree.
    struct Parsed {
        var expr: PromQLExpr
        var depth: Int
        /// About as many bytes as it prints with; what grows without end with templates.
        var size = 1
    }

    let text: [UInt8]
    private let tokens: [PromQLToken]
    /// Where it is among the tokens.
    private(set) var place = 0
    /// Whether templates or macros stood in the text.
    var isRewritten = false
    /// Templates that can be named here.
    var templates: [String: PromQLTemplate] = [:]
    /// Tokens read so far, those of templates as often as they were used.
    private var readCount = 0
    private var nesting = 0
    /// Operators of the duration being read.
    var durationOperatorCount = 0
    /// Whether the selector being read may match every series: the labels that `info` asks for.
    var allowsEmptyMatchers = false

    private init(_ text: [UInt8]) throws(QueryError) {
        self.text = text
        tokens = try PromQLLexer.tokens(of: text)
    }

    /// The expression that `text` is, with its types checked.
    package static func parse(_ text: String) throws(QueryError) -> PromQLExpr {
        try read(Array(text.utf8)).expr
    }

    /// The expression and the text that its ranges are of: where templates and macros stood, the
    /// text is printed with what they are and read once more.
    static func read(_ text: [UInt8]) throws(QueryError) -> (expr: PromQLExpr, text: [UInt8]) {
        let (expr, isRewritten) = try readOnce(text)
        guard isRewritten else { return (expr, text) }
        let expanded = Array(expr.description.utf8)
        let (result, isUnfinished) = try readOnce(expanded)
        precondition(!isUnfinished, "BUG: a macro is made of macros")
        return (result, expanded)
    }

    private static func readOnce(
        _ text: [UInt8]
    ) throws(QueryError) -> (expr: PromQLExpr, isRewritten: Bool) {
        var parser = try PromQLParser(text)
        let result = try parser.whole()
        if !parser.isRewritten { try PromQLTypeCheck(text: text).check(result.expr) }
        return (result.expr, parser.isRewritten)
    }

    /// What the text of a macro stands for. Not checked yet, and of ranges that mean nothing.
    static func expansion(_ text: String) throws(QueryError) -> Parsed {
        var parser = try PromQLParser(Array(text.utf8))
        return try parser.whole()
    }

    private mutating func whole() throws(QueryError) -> Parsed {
        guard current.kind != .end else { throw failure("no expression found in input") }
        let result = try expression()
        guard current.kind == .end else { throw unexpected("after expression") }
        return result
    }

    // MARK: Operators

    mutating func expression() throws(QueryError) -> Parsed {
        try enter()
        defer { nesting -= 1 }
        return try binary(precedenceMin: PromQLExpr.BinaryOperator.default.precedence)
    }

    private mutating func binary(precedenceMin: Int) throws(QueryError) -> Parsed {
        var left = try unary()
        while let operation = try currentOperator(), operation.precedence >= precedenceMin {
            let operatorToken = advance()
            var node = PromQLExpr.Binary(
                operation: operation, left: left.expr, right: left.expr, returnsBool: false,
                matching: .standard, range: operatorToken.range)
            try binaryModifiers(of: &node)
            let modifiers = previous.range.upperBound - operatorToken.range.lowerBound
            // Only ^ binds to the right.
            try enter()
            let next = operation == .power ? operation.precedence : operation.precedence + 1
            let right = try binary(precedenceMin: next)
            nesting -= 1
            node.right = right.expr
            node.range = PromQLParser.span(
                left.expr.range.lowerBound, right.expr.range.upperBound)
            left = Parsed(
                expr: .binary(node), depth: max(left.depth, right.depth) + 1,
                size: left.size + right.size + max(1, modifiers))
            try checkDepth(left.depth)
            try checkSize(left.size)
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
        case .trimLower: return .trimLower
        case .trimUpper: return .trimUpper
        case .identifier(let name):
            switch name.lowercased() {
            case "and": return .and
            case "or": return .or
            case "unless": return .unless
            case "atan2": return .atan2
            case "default": return .default
            case "if": return .if
            case "ifnot": return .ifnot
            default: return nil
            }
        default: return nil
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
        let range = PromQLParser.span(sign.range.lowerBound, operand.expr.range.upperBound)
        try checkDepth(operand.depth + 1)
        if case .number(var node) = operand.expr {
            if isNegation { node.value = -node.value }
            node.range = range
            return Parsed(expr: .number(node), depth: operand.depth, size: operand.size + 1)
        }
        let node = PromQLExpr.Unary(
            isNegation: isNegation, operand: operand.expr, range: range)
        return Parsed(
            expr: .unary(node), depth: operand.depth + 1, size: operand.size + 1)
    }

    // MARK: Tokens

    var current: PromQLToken { tokens[place] }

    var previous: PromQLToken { tokens[max(place - 1, 0)] }

    func peek(_ ahead: Int) -> PromQLToken { tokens[min(place + ahead, tokens.count - 1)] }

    @discardableResult
    mutating func advance() -> PromQLToken {
        let token = tokens[place]
        if place + 1 < tokens.count { place += 1 }
        readCount += 1
        return token
    }

    /// Goes on reading elsewhere: in the body of a template, or behind it.
    mutating func jump(to place: Int) { self.place = place }

    func isKeyword(_ word: String) -> Bool {
        guard case .identifier(let name) = current.kind else { return false }
        return name.lowercased() == word
    }

    mutating func takeKeyword(_ word: String) -> Bool {
        guard isKeyword(word) else { return false }
        advance()
        return true
    }

    func leaf(_ expr: PromQLExpr) -> Parsed {
        Parsed(expr: expr, depth: 1, size: max(1, expr.range.count))
    }

    /// Between two places of the text; with templates the later one may be read first.
    static func span(_ a: Int, _ b: Int) -> Range<Int> { min(a, b)..<max(a, b) }

    // MARK: Errors

    mutating func enter() throws(QueryError) {
        nesting += 1
        try checkDepth(nesting)
        guard readCount < tokens.count + PromQLParser.expandedTokensMax else {
            throw .limit(
                name: "query.expanded_tokens_max", allowed: PromQLParser.expandedTokensMax)
        }
    }

    mutating func leave() { nesting -= 1 }

    func checkDepth(_ depth: Int) throws(QueryError) {
        guard depth <= PromQLParser.depthMax else {
            throw .limit(name: "query.depth_max", allowed: PromQLParser.depthMax)
        }
    }

    /// Of what templates make.
    func checkSize(_ size: Int) throws(QueryError) {
        guard !isRewritten || size <= text.count + PromQLLexer.textBytesMax else {
            throw .limit(name: "query.text_bytes_max", allowed: PromQLLexer.textBytesMax)
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
