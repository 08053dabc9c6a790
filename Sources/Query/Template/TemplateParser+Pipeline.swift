/// Pipelines, commands and their operands.
extension TemplateParser {
    /// Up to a token of kind `end`, which is stepped over.
    mutating func pipeline(
        _ context: String, until end: TemplateToken.Kind
    ) throws(TemplateError) -> TemplatePipeline {
        skipBlanks()
        let start = peek().offset
        let (declared, isAssignment) = try declarations(context)
        var commands: [TemplateCommand] = []
        while true {
            let token = nextWord()
            if token.kind == end { break }
            guard let operand = try operand(token) else { throw unexpected(token, context) }
            commands.append(try command(operand, at: token.offset))
        }
        guard !commands.isEmpty else { throw problem("missing value for \(context)") }
        for (number, command) in commands.enumerated().dropFirst() {
            switch command.operands[0].kind {
            case .bool, .dot, .none, .number, .text:
                throw problem("non executable command in pipeline stage \(number + 1)")
            case .field, .variable, .function, .pipeline, .chain: break
            }
        }
        let words = commands.map { places[$0.place].context }.joined(separator: " | ")
        let head =
            declared.isEmpty
            ? "" : declared.joined(separator: ", ") + (isAssignment ? " = " : " := ")
        return TemplatePipeline(
            declared: declared, isAssignment: isAssignment, commands: commands,
            place: place(start, head + words))
    }

    /// `$a :=`, `$a =`, and for `range` `$a, $b :=`.
    private mutating func declarations(
        _ context: String
    ) throws(TemplateError) -> ([String], isAssignment: Bool) {
        var names: [String] = []
        while true {
            skipBlanks()
            guard peek().kind == .variable else { return (names, false) }
            let behind = wordBehindNext()
            let isList = behind.kind == .symbol && behind.text == [UInt8(ascii: ",")]
            guard behind.kind == .declare || behind.kind == .assign || isList else {
                return (names, false)
            }
            let name = nextWord().string
            _ = nextWord()
            names.append(name)
            declare(name)
            if behind.kind == .declare { return (names, false) }
            if behind.kind == .assign { return (names, true) }
            guard context == "range", names.count < 2 else {
                throw problem("too many declarations in \(context)")
            }
            switch upcoming().kind {
            case .variable, .rightDelimiter, .rightParenthesis: continue
            default: throw problem("range can only initialize variables")
            }
        }
    }

    /// The rest of a command that starts with `first`; steps over the `|` behind it.
    private mutating func command(
        _ first: TemplateOperand, at offset: Int
    ) throws(TemplateError) -> TemplateCommand {
        var operands = [first]
        loop: while true {
            let token = next()
            switch token.kind {
            case .blank:
                skipBlanks()
                let start = peek()
                if start.kind == .pipe {
                    advance()
                    break loop
                }
                if start.kind == .rightDelimiter || start.kind == .rightParenthesis { break loop }
                advance()
                guard let operand = try operand(start) else { throw unexpected(start, "operand") }
                operands.append(operand)
            case .rightDelimiter, .rightParenthesis:
                stepBack()
                break loop
            case .pipe: break loop
            default: throw unexpected(token, "operand")
            }
        }
        let words = operands.map { operand -> String in
            let context = places[operand.place].context
            if case .pipeline = operand.kind { return "(\(context))" }
            return context
        }
        return TemplateCommand(
            operands: operands, place: place(offset, words.joined(separator: " ")))
    }

    /// A term with the fields behind it; nil when `token` starts none.
    private mutating func operand(
        _ token: TemplateToken
    ) throws(TemplateError) -> TemplateOperand? {
        guard let term = try term(token) else { return nil }
        guard peek().kind == .field else { return term }
        let offset = peek().offset
        var names: [String] = []
        while peek().kind == .field { names.append(String(next().string.dropFirst())) }
        let behind = names.map { "." + $0 }.joined()
        switch term.kind {
        case .field(let first):
            return operand(.field(first + names), offset, places[term.place].context + behind)
        case .variable(let name, _):
            return operand(.variable(name, names), offset, name + behind)
        case .bool, .text, .number, .none, .dot:
            let context = GoText.quoted(Array(places[term.place].context.utf8))
            throw problem("unexpected . after term \(context)")
        case .pipeline:
            return operand(
                .chain(term, names), offset, "(\(places[term.place].context))\(behind)")
        case .function, .chain:
            return operand(.chain(term, names), offset, places[term.place].context + behind)
        }
    }

    private mutating func operand(
        _ kind: TemplateOperand.Kind, _ offset: Int, _ context: String
    ) -> TemplateOperand {
        TemplateOperand(kind: kind, place: place(offset, context))
    }

    private mutating func term(_ token: TemplateToken) throws(TemplateError) -> TemplateOperand? {
        let text = token.string
        switch token.kind {
        case .identifier:
            guard functions.contains(text) else {
                throw problem("function \(GoText.quoted(token.text)) not defined")
            }
            return operand(.function(text), token.offset, text)
        case .dot: return operand(.dot, token.offset, ".")
        case .keyword where text == "nil": return operand(.none, token.offset, text)
        case .variable:
            guard isDeclared(text) else {
                throw problem("undefined variable \(GoText.quoted(token.text))")
            }
            return operand(.variable(text, []), token.offset, text)
        case .field: return operand(.field([String(text.dropFirst())]), token.offset, text)
        case .bool: return operand(.bool(text == "true"), token.offset, text)
        case .number, .character:
            return operand(.number(try number(token)), token.offset, text)
        case .leftParenthesis:
            let inner = try pipeline("parenthesized pipeline", until: .rightParenthesis)
            return TemplateOperand(kind: .pipeline(inner), place: inner.place)
        case .string, .rawString:
            guard let bytes = GoText.unquoted(token.text) else { throw problem("invalid syntax") }
            return operand(.text(bytes), token.offset, text)
        default: return nil
        }
    }

    private func number(_ token: TemplateToken) throws(TemplateError) -> TemplateNumber {
        if token.kind == .character {
            guard let bytes = GoText.unquoted(token.text), !bytes.isEmpty else {
                throw problem("malformed character constant: \(token.string)")
            }
            let (scalar, length) = GoText.scalar(bytes[...], at: 0)
            guard length == bytes.count else {
                throw problem("malformed character constant: \(token.string)")
            }
            let value = Int64(scalar?.value ?? UInt32(bytes[0]))
            return TemplateNumber(int: value, float: Double(value), isFloat: false)
        }
        let text = token.string
        if let int = GoNumber.int(text, base: 0) {
            return TemplateNumber(int: int, float: Double(int), isFloat: false)
        }
        guard let float = GoNumber.float(text) else {
            throw problem("illegal number syntax: \(GoText.quoted(token.text))")
        }
        guard text.contains(where: { ".eEpP".contains($0) }) else {
            throw problem("integer overflow: \(GoText.quoted(token.text))")
        }
        return TemplateNumber(
            int: Int64(exactly: float), float: float, isFloat: true)
    }
}
