/// A template of `WITH (name(parameters) = body, …) expr`: read again at each use, with its
/// parameters and the templates before it in sight.
struct PromQLTemplate {
    enum Body {
        /// Tokens from here to there.
        case tokens(Range<Int>)
        /// What a parameter stands for.
        case value(PromQLParser.Parsed)
    }

    var name: String
    /// Nil when it is used without parentheses.
    var parameters: [String]?
    var body: Body
    /// Templates that its body may name.
    var scope: [String: PromQLTemplate]
}

extension PromQLParser {
    /// `WITH (…) expr`, at the word.
    mutating func withTemplates() throws(QueryError) -> Parsed {
        isRewritten = true
        let outer = templates
        defer { templates = outer }
        advance()
        advance()
        while current.kind != .rightParen {
            let template = try definition()
            templates[template.name] = template
            if current.kind == .comma {
                advance()
            } else if current.kind != .rightParen {
                throw unexpected("in WITH, expected \",\" or \")\"")
            }
        }
        advance()
        return try operand(try expression())
    }

    private mutating func definition() throws(QueryError) -> PromQLTemplate {
        let name = try templateName()
        var parameters: [String]?
        if current.kind == .leftParen {
            advance()
            var names: [String] = []
            while current.kind != .rightParen {
                names.append(try templateName())
                if current.kind == .comma { advance() }
            }
            advance()
            parameters = names
        }
        guard current.kind == .assign else { throw unexpected("in WITH, expected \"=\"") }
        advance()
        let start = place
        try skipBody()
        guard place > start else { throw unexpected("in WITH, expected an expression") }
        return PromQLTemplate(
            name: name, parameters: parameters, body: .tokens(start..<place), scope: templates)
    }

    private mutating func templateName() throws(QueryError) -> String {
        guard case .identifier(let name) = current.kind else {
            throw unexpected("in WITH, expected a name")
        }
        advance()
        return name
    }

    /// To the comma or the parenthesis that ends a definition.
    private mutating func skipBody() throws(QueryError) {
        var depth = 0
        while true {
            switch current.kind {
            case .end: throw unexpected("in WITH, expected \")\"")
            case .leftParen, .leftBrace, .leftBracket: depth += 1
            case .rightParen, .rightBrace, .rightBracket:
                if depth == 0 { return }
                depth -= 1
            case .comma where depth == 0: return
            default: break
            }
            advance()
        }
    }

    /// What a template is at this place, at its name.
    mutating func expand(_ template: PromQLTemplate) throws(QueryError) -> Parsed {
        try enter()
        defer { leave() }
        let name = advance()
        var scope = template.scope
        if let parameters = template.parameters {
            let arguments = try argumentList(in: "template").arguments
            guard arguments.count == parameters.count else {
                throw failure(
                    "expected \(parameters.count) argument(s) of template "
                        + "\(QuotedText.quote(template.name)), got \(arguments.count)",
                    at: name.range.lowerBound)
            }
            for (parameter, argument) in zip(parameters, arguments) {
                scope[parameter] = PromQLTemplate(
                    name: parameter, parameters: nil, body: .value(argument), scope: [:])
            }
        }
        let result: Parsed
        switch template.body {
        case .value(let value): result = value
        case .tokens(let tokens):
            let (after, outer) = (place, templates)
            jump(to: tokens.lowerBound)
            templates = scope
            let allowed = allowsEmptyMatchers
            allowsEmptyMatchers = true
            result = try expression()
            allowsEmptyMatchers = allowed
            guard place == tokens.upperBound else {
                throw unexpected("in template \(QuotedText.quote(template.name))")
            }
            jump(to: after)
            templates = outer
        }
        try checkDepth(result.depth)
        return try operand(result)
    }

    /// As an operand among others: what has an operator of its own gets parentheses.
    private func operand(_ parsed: Parsed) throws(QueryError) -> Parsed {
        switch parsed.expr {
        case .unary, .binary, .number:
            try checkDepth(parsed.depth + 1)
            return Parsed(
                expr: .parens(.init(inner: parsed.expr, range: parsed.expr.range)),
                depth: parsed.depth + 1, size: parsed.size + 2)
        default: return parsed
        }
    }
}
