/// Reads a template's text into a tree.
///
/// Source: Go, text/template/parse/parse.go.
struct TemplateParser {
    let name: String
    let source: [UInt8]
    let functions: TemplateFunctions
    private let tokens: [TemplateToken]
    private var index = 0
    private var variables = ["$"]
    private var rangeDepth = 0
    private var nesting = 0
    private(set) var places: [TemplatePlace] = []
    private(set) var definitions: [[UInt8]: [TemplateNode]] = [:]

    /// How a list of nodes ended.
    enum Ending { case end, otherwise }

    init(
        name: String, source: String, functions: TemplateFunctions
    ) throws(TemplateError) {
        self.name = name
        self.source = Array(source.utf8)
        self.functions = functions
        guard self.source.count <= TemplateLimits.textBytesMax else {
            throw TemplateError(
                "template: \(name): longer than \(TemplateLimits.textBytesMax) bytes")
        }
        do {
            tokens = try TemplateLexer.tokens(of: self.source)
        } catch {
            throw TemplateParser.problem(error.message, at: error.offset, name, self.source)
        }
    }

    /// The whole text, `define`d templates aside: they are in `definitions`.
    mutating func root() throws(TemplateError) -> [TemplateNode] {
        var nodes: [TemplateNode] = []
        while peek().kind != .end {
            if peek().kind == .leftDelimiter, isKeyword("define", behind: index + 1) {
                advance()
                skipBlanks()
                advance()
                try definition()
                continue
            }
            let (node, ending) = try textOrAction()
            if let ending { throw problem("unexpected {{\(ending == .end ? "end" : "else")}}") }
            if let node { nodes.append(node) }
        }
        return nodes
    }

    private mutating func definition() throws(TemplateError) {
        let token = nextWord()
        let name = try templateName(token, "define clause")
        try expect(.rightDelimiter, "define clause")
        try body(of: "define clause", as: name)
    }

    /// What stands between a clause and its end, as the template `name`: it sees no variables of
    /// the text around it.
    private mutating func body(
        of clause: String, as name: [UInt8]
    ) throws(TemplateError) {
        let outer = variables
        let outerDepth = rangeDepth
        variables = ["$"]
        rangeDepth = 0
        let (nodes, ending) = try list()
        variables = outer
        rangeDepth = outerDepth
        guard ending == .end else { throw problem("unexpected {{else}} in \(clause)") }
        try add(nodes, as: name)
    }

    private mutating func add(_ nodes: [TemplateNode], as name: [UInt8]) throws(TemplateError) {
        if let known = definitions[name], !TemplateParser.isEmpty(known) {
            guard TemplateParser.isEmpty(nodes) else {
                throw problem(
                    "template: multiple definition of template \(GoText.quoted(name))")
            }
            return
        }
        definitions[name] = nodes
    }

    /// Whether there is nothing but blanks.
    static func isEmpty(_ nodes: [TemplateNode]) -> Bool {
        nodes.allSatisfy { node in
            if case .text(let bytes) = node {
                bytes.allSatisfy(TemplateLexer.isBlank)
            } else {
                false
            }
        }
    }

    /// Up to `{{end}}` or `{{else}}`, which is stepped over but for what follows `else`.
    mutating func list() throws(TemplateError) -> ([TemplateNode], Ending) {
        nesting += 1
        guard nesting <= TemplateLimits.nestingMax else { throw problem("nested too deeply") }
        defer { nesting -= 1 }
        var nodes: [TemplateNode] = []
        while peek().kind != .end {
            let (node, ending) = try textOrAction()
            if let ending { return (nodes, ending) }
            if let node { nodes.append(node) }
        }
        throw problem("unexpected EOF")
    }

    private mutating func textOrAction() throws(TemplateError) -> (TemplateNode?, Ending?) {
        let token = next()
        switch token.kind {
        case .text: return (.text(token.text), nil)
        case .leftDelimiter: return try action()
        default: throw unexpected(token, "input")
        }
    }

    private mutating func action() throws(TemplateError) -> (TemplateNode?, Ending?) {
        skipBlanks()
        guard peek().kind == .keyword, peek().string != "nil" else {
            return (.action(try pipeline("command", until: .rightDelimiter)), nil)
        }
        let token = next()
        switch token.string {
        case "if": return (try branch(.condition, "if"), nil)
        case "with": return (try branch(.with, "with"), nil)
        case "range": return (try branch(.range, "range"), nil)
        case "template": return (try call(), nil)
        case "block": return (try block(), nil)
        case "break", "continue":
            let word = "{{\(token.string)}}"
            let behind = nextWord()
            guard behind.kind == .rightDelimiter else { throw unexpected(behind, word) }
            guard rangeDepth > 0 else { throw problem("\(word) outside {{range}}") }
            return (token.string == "break" ? .breakLoop : .continueLoop, nil)
        case "end":
            try expect(.rightDelimiter, "end")
            return (nil, .end)
        case "else":
            skipBlanks()
            if !isKeyword("if", behind: index), !isKeyword("with", behind: index) {
                try expect(.rightDelimiter, "else")
            }
            return (nil, .otherwise)
        default: throw unexpected(token, "command")
        }
    }

    private mutating func branch(
        _ kind: TemplateBranch.Kind, _ context: String
    ) throws(TemplateError) -> TemplateNode {
        nesting += 1
        guard nesting <= TemplateLimits.nestingMax else { throw problem("nested too deeply") }
        defer { nesting -= 1 }
        let variableCount = variables.count
        defer { variables.removeLast(variables.count - variableCount) }
        let start = peek().offset
        let pipeline = try pipeline(context, until: .rightDelimiter)
        if kind == .range { rangeDepth += 1 }
        var (body, ending) = try list()
        if kind == .range { rangeDepth -= 1 }
        var otherwise: [TemplateNode] = []
        if ending == .otherwise {
            if kind == .condition, acceptKeyword("if") {
                otherwise = [try branch(.condition, "if")]
            } else if kind == .with, acceptKeyword("with") {
                otherwise = [try branch(.with, "with")]
            } else {
                if peek().kind == .keyword { throw unexpected(peek(), "else") }
                (otherwise, ending) = try list()
                guard ending == .end else { throw problem("expected end; found {{else}}") }
            }
        }
        let place = place(start, "{{\(context)}}")
        return .branch(
            TemplateBranch(
                kind: kind, pipeline: pipeline, body: body, otherwise: otherwise, place: place))
    }

    private mutating func call() throws(TemplateError) -> TemplateNode {
        let token = nextWord()
        let name = try templateName(token, "template clause")
        skipBlanks()
        var argument: TemplatePipeline?
        if peek().kind == .rightDelimiter {
            advance()
        } else {
            argument = try pipeline("template clause", until: .rightDelimiter)
        }
        return .template(name: name, argument, place: callPlace(token, name, argument))
    }

    private mutating func block() throws(TemplateError) -> TemplateNode {
        let token = nextWord()
        let name = try templateName(token, "block clause")
        let argument = try pipeline("block clause", until: .rightDelimiter)
        try body(of: "block clause", as: name)
        return .template(name: name, argument, place: callPlace(token, name, argument))
    }

    private mutating func callPlace(
        _ token: TemplateToken, _ name: [UInt8], _ argument: TemplatePipeline?
    ) -> Int {
        let behind = argument.map { " " + places[$0.place].context } ?? ""
        return place(token.offset, "{{template \(GoText.quoted(name))\(behind)}}")
    }

    private mutating func templateName(
        _ token: TemplateToken, _ context: String
    ) throws(TemplateError) -> [UInt8] {
        guard token.kind == .string || token.kind == .rawString else {
            throw unexpected(token, context)
        }
        guard let name = GoText.unquoted(token.text) else { throw problem("invalid syntax") }
        return name
    }
}

/// Tokens, variables and errors.
extension TemplateParser {
    func peek() -> TemplateToken { tokens[index] }

    mutating func advance() { index = min(index + 1, tokens.count - 1) }

    mutating func next() -> TemplateToken {
        let token = tokens[index]
        advance()
        return token
    }

    mutating func skipBlanks() { while peek().kind == .blank { advance() } }

    /// The token behind blanks.
    mutating func nextWord() -> TemplateToken {
        skipBlanks()
        return next()
    }

    /// The token at or behind number `place` that is no blank.
    func word(from place: Int) -> TemplateToken {
        var place = min(place, tokens.count - 1)
        while tokens[place].kind == .blank { place += 1 }
        return tokens[place]
    }

    /// The token behind the next, blanks aside.
    func wordBehindNext() -> TemplateToken { word(from: index + 1) }

    func upcoming() -> TemplateToken { word(from: index) }

    mutating func stepBack() { index -= 1 }

    func isKeyword(_ name: String, behind place: Int) -> Bool {
        let token = word(from: place)
        return token.kind == .keyword && token.string == name
    }

    mutating func acceptKeyword(_ word: String) -> Bool {
        guard isKeyword(word, behind: index) else { return false }
        skipBlanks()
        advance()
        return true
    }

    mutating func expect(
        _ kind: TemplateToken.Kind, _ context: String
    ) throws(TemplateError) {
        let token = nextWord()
        guard token.kind == kind else { throw unexpected(token, context) }
    }

    mutating func declare(_ name: String) { variables.append(name) }

    func isDeclared(_ name: String) -> Bool { variables.contains(name) }

    mutating func place(_ offset: Int, _ context: String) -> Int {
        places.append(TemplatePlace(offset: offset, context: context))
        return places.count - 1
    }

    func unexpected(_ token: TemplateToken, _ context: String) -> TemplateError {
        TemplateParser.problem(
            "unexpected \(token.description) in \(context)", at: token.offset, name, source)
    }

    /// At the token before.
    func problem(_ message: String) -> TemplateError {
        TemplateParser.problem(message, at: tokens[max(0, index - 1)].offset, name, source)
    }

    static func problem(
        _ message: String, at offset: Int, _ name: String, _ source: [UInt8]
    ) -> TemplateError {
        let line = 1 + source[..<min(offset, source.count)].count { $0 == 0x0A }
        return TemplateError("template: \(name):\(line): \(message)")
    }
}
