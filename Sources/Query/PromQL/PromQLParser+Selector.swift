internal import Model

/// Selectors: names and matchers in braces.
extension PromQLParser {
    mutating func selector() throws(QueryError) -> PromQLExpr.VectorSelector {
        let start = current.range.lowerBound
        var node = PromQLExpr.VectorSelector(
            name: "", matchers: [], shift: .none, range: start..<current.range.upperBound)
        if case .identifier(let name) = current.kind {
            node.name = name
            node.range = PromQLParser.span(start, advance().range.upperBound)
        }
        if current.kind == .leftBrace {
            advance()
            var alternatives: [[Matcher]] = []
            while current.kind != .rightBrace {
                try labelMatcher(of: &node)
                if isKeyword("or"), !node.matchers.isEmpty, !isMatcherAhead {
                    advance()
                    alternatives.append(node.matchers)
                    node.matchers = []
                    guard current.kind != .rightBrace else {
                        throw unexpected("in label matching, expected identifier")
                    }
                }
            }
            alternatives.append(node.matchers)
            node.matchers = alternatives[0]
            node.others = Array(alternatives.dropFirst())
            node.range = PromQLParser.span(start, advance().range.upperBound)
        }
        for place in node.others.indices { addName(of: node, to: &node.others[place]) }
        addName(of: node, to: &node.matchers)
        let alternatives = [node.matchers] + node.others
        guard
            allowsEmptyMatchers
                || alternatives.allSatisfy({ $0.contains { !$0.matchesEmpty } })
        else {
            throw failure(
                "vector selector must contain at least one non-empty matcher", at: start)
        }
        return node
    }

    private func addName(of node: PromQLExpr.VectorSelector, to matchers: inout [Matcher]) {
        if !node.name.isEmpty, !matchers.contains(where: isNamedTwice(node.name)) {
            matchers.append(Matcher("__name__", equals: node.name))
        }
    }

    /// Whether the current word is the label of a matcher.
    private var isMatcherAhead: Bool {
        switch peek(1).kind {
        case .assign, .notEqual, .matches, .notMatches: true
        default: false
        }
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
        case .identifier(let word) where templates[word] != nil && !isMatcherAhead:
            return try addMatchers(of: word, to: &node)
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
            if name == "__name__", !node.name.isEmpty {
                throw failure(
                    "metric name must not be set twice: \(QuotedText.quote(node.name)) or "
                        + QuotedText.quote(matcher.value), at: nameToken.range.lowerBound)
            }
            node.matchers.append(matcher)
        }
        try endOfMatcher()
    }

    private mutating func endOfMatcher() throws(QueryError) {
        if current.kind == .comma {
            advance()
        } else if current.kind != .rightBrace, !isKeyword("or") || isMatcherAhead {
            throw unexpected("in label matching, expected \",\" or \"}\"")
        }
    }

    /// `{common}` where `common` is a template of matchers.
    private mutating func addMatchers(
        of word: String, to node: inout PromQLExpr.VectorSelector
    ) throws(QueryError) {
        let place = current
        guard let template = templates[word],
            case .vector(let selector) = try expand(template).expr.withoutParens,
            selector.others.isEmpty, selector.shift.isNone
        else {
            throw failure(
                "template \(QuotedText.quote(word)) must be of matchers",
                at: place.range.lowerBound)
        }
        node.matchers += selector.matchers
        try endOfMatcher()
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
        let place = current.range.lowerBound
        let value = try matcherValue()
        do {
            return try Matcher(name, operation, value)
        } catch {
            throw failure("\(error)", at: place)
        }
    }

    private mutating func matcherValue() throws(QueryError) -> String {
        let token = current
        switch token.kind {
        case .string(let value):
            advance()
            return value
        case .identifier(let word):
            guard let template = templates[word] else { break }
            if case .string(let literal) = try expand(template).expr.withoutParens {
                return literal.value
            }
            throw failure(
                "template \(QuotedText.quote(word)) must be a string",
                at: token.range.lowerBound)
        default: break
        }
        throw unexpected("in label matching, expected string")
    }
}
