internal import Model

/// Reads LogQL by recursive descent, with bounded depth. Every refusal says where it stands and
/// what was expected, in Loki's words.
///
/// Source: Loki 3, pkg/logql/syntax/syntax.y.
struct LogQLParser {
    private let text: [UInt8]
    private let tokens: [LogQLToken]
    private var position = 0
    private var depth = 0
    private var operatorCount = 0
    /// Where the first `unwrap` stands.
    var unwrapOffset: Int?

    /// How deep parentheses, functions and operators may nest.
    static let depthMax = 100
    /// How many operators a query may have: trees grow by them without nesting in the text.
    static let operatorsMax = 500
    /// How many stages a pipeline may have.
    static let stagesMax = 100

    private init(_ query: String) throws(QueryError) {
        text = Array(query.utf8)
        tokens = try LogQLLexer.tokens(of: query)
    }

    /// The tree of `query`.
    static func expression(of query: String) throws(QueryError) -> LogQLExpression {
        var parser = try LogQLParser(query)
        if parser.token.kind == .end {
            throw parser.problem("syntax error: unexpected $end: the query is empty", at: 0)
        }
        let result = try parser.expression(minimumPrecedence: 1)
        guard parser.token.kind == .end else { throw parser.unexpected() }
        if case .log = result, let offset = parser.unwrapOffset {
            throw parser.problem(
                "syntax error: unexpected unwrap: it makes numbers of lines, as in "
                    + "sum_over_time(… | unwrap bytes [5m])", at: offset)
        }
        return result
    }

    var token: LogQLToken { tokens[position] }

    /// The token `ahead` of the current one; the last is of kind `end`.
    func peek(_ ahead: Int = 1) -> LogQLToken {
        tokens[min(position + ahead, tokens.count - 1)]
    }

    mutating func advance() { position = min(position + 1, tokens.count - 1) }

    /// Runs `body` one level deeper.
    mutating func nested<Result>(
        _ body: (inout LogQLParser) throws(QueryError) -> Result
    ) throws(QueryError) -> Result {
        guard depth < LogQLParser.depthMax else {
            throw .limit(name: "query.depth_max", allowed: LogQLParser.depthMax)
        }
        depth += 1
        defer { depth -= 1 }
        return try body(&self)
    }

    mutating func countOperator() throws(QueryError) {
        operatorCount += 1
        guard operatorCount <= LogQLParser.operatorsMax else {
            throw .limit(name: "query.operators_max", allowed: LogQLParser.operatorsMax)
        }
    }

    func problem(_ message: String, at offset: Int) -> QueryError {
        .parse(message: message, position: QueryPosition(offset: offset, in: text, style: .loki))
    }

    /// The token that comes next should not. `wanted`: what could have come, nil when that is much.
    func unexpected(expecting wanted: String? = nil) -> QueryError {
        let found = "syntax error: unexpected \(token.name(before: peek()))"
        return problem(wanted.map { "\(found), expecting \($0)" } ?? found, at: token.offset)
    }

    func isSymbol(_ text: String) -> Bool { token.kind == .symbol(text) }

    /// Whether the keyword `text` is next; keywords may be written in capitals.
    func isWord(_ text: String) -> Bool {
        guard case .identifier(let name) = token.kind else { return false }
        return name == text || name.lowercased() == text
    }

    /// Steps over the symbol if it is next.
    mutating func accept(symbol text: String) -> Bool {
        guard isSymbol(text) else { return false }
        advance()
        return true
    }

    /// Steps over the word if it is next.
    mutating func accept(word text: String) -> Bool {
        guard isWord(text) else { return false }
        advance()
        return true
    }

    mutating func expect(symbol text: String) throws(QueryError) {
        guard accept(symbol: text) else { throw unexpected(expecting: text) }
    }

    mutating func identifier(_ what: String = "IDENTIFIER") throws(QueryError) -> String {
        guard case .identifier(let name) = token.kind else {
            throw unexpected(expecting: what)
        }
        advance()
        return name
    }

    mutating func string() throws(QueryError) -> String {
        guard case .string(let text) = token.kind else { throw unexpected(expecting: "STRING") }
        advance()
        return text
    }

    /// A number without unit, with an optional sign.
    mutating func signedNumber() throws(QueryError) -> Double {
        let start = token.offset
        let isNegative = accept(symbol: "-")
        if !isNegative { _ = accept(symbol: "+") }
        guard case .number(let text) = token.kind else { throw unexpected(expecting: "NUMBER") }
        guard let value = Double(text), value.isFinite else {
            throw problem("unable to parse float: \(LogQLText.quoted(text))", at: start)
        }
        advance()
        return isNegative ? -value : value
    }

    /// A duration as in `[5m]`, ns; zero where `allowsZero`.
    mutating func duration(
        _ what: String, allowsZero: Bool = false
    ) throws(QueryError) -> Int64 {
        guard case .number(let text) = token.kind else { throw unexpected(expecting: what) }
        guard let nanos = LogQLQuantity.durationNanos(Array(text.utf8)[...]),
            nanos > 0 || allowsZero
        else {
            throw problem(
                "not a valid duration string: \(LogQLText.quoted(text))", at: token.offset)
        }
        advance()
        return nanos
    }

    /// `(a, b)`; may be empty.
    mutating func nameList() throws(QueryError) -> [String] {
        try expect(symbol: "(")
        var names: [String] = []
        while !isSymbol(")") {
            names.append(try identifier())
            if !accept(symbol: ",") { break }
        }
        try expect(symbol: ")")
        return names
    }

    /// A condition whose expression RE2 accepts.
    func matcher(
        _ name: String, _ operation: Matcher.Operation, _ value: String, at offset: Int
    ) throws(QueryError) -> Matcher {
        do {
            return try Matcher(name, operation, value)
        } catch {
            throw problem("\(error)", at: offset)
        }
    }

    /// `place`: what the error begins with.
    func regularExpression(
        _ pattern: String, at offset: Int, in place: String = ""
    ) throws(QueryError) -> RegularExpression {
        do {
            return try RegularExpression(pattern)
        } catch {
            throw problem("\(place)\(error)", at: offset)
        }
    }
}
