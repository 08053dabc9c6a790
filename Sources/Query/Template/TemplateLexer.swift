/// Cuts a template into tokens. Inside an action blanks are tokens too: they part arguments.
///
/// Source: Go, text/template/parse/lex.go.
struct TemplateLexer {
    /// What is wrong, and where.
    struct Problem: Error {
        var message: String
        var offset: Int
    }

    private let bytes: [UInt8]
    private var offset = 0
    private var tokens: [TemplateToken] = []
    private var parenthesisDepth = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// All tokens, the last of kind `end`.
    static func tokens(of bytes: [UInt8]) throws(Problem) -> [TemplateToken] {
        var lexer = TemplateLexer(bytes)
        try lexer.run()
        return lexer.tokens
    }

    private mutating func run() throws(Problem) {
        while offset < bytes.count {
            let open = ByteSearch.firstIndex(of: [0x7B, 0x7B], in: bytes, offset..<bytes.count)
            var end = open ?? bytes.count
            if let open, isLeftTrim(open + 2) {
                while end > offset, TemplateLexer.isBlank(bytes[end - 1]) { end -= 1 }
            }
            add(.text, offset..<end)
            guard let open else { break }
            offset = open + 2
            let isTrimmed = isLeftTrim(offset)
            if starts("/*", at: offset + (isTrimmed ? 2 : 0)) {
                offset += isTrimmed ? 2 : 0
                try comment()
                continue
            }
            add(.leftDelimiter, open..<offset)
            if isTrimmed { offset += 2 }
            try action()
        }
        tokens.append(TemplateToken(kind: .end, text: [], offset: bytes.count))
    }

    private mutating func add(_ kind: TemplateToken.Kind, _ range: Range<Int>) {
        if kind == .text, range.isEmpty { return }
        tokens.append(
            TemplateToken(kind: kind, text: Array(bytes[range]), offset: range.lowerBound))
    }

    private mutating func comment() throws(Problem) {
        let start = offset
        let rest = offset + 2..<bytes.count
        guard let end = ByteSearch.firstIndex(of: [0x2A, 0x2F], in: bytes, rest) else {
            throw Problem(message: "unclosed comment", offset: start)
        }
        offset = end + 2
        guard try rightDelimiter(isToken: false) else {
            throw Problem(message: "comment ends before closing delimiter", offset: start)
        }
    }

    /// Steps over `}}`, and ` -}}` with the blanks behind it, if it is here.
    private mutating func rightDelimiter(isToken: Bool) throws(Problem) -> Bool {
        let isTrimmed = isRightTrim(offset)
        guard isTrimmed || starts("}}", at: offset) else { return false }
        if isTrimmed { offset += 2 }
        if isToken { add(.rightDelimiter, offset..<offset + 2) }
        offset += 2
        while isTrimmed, offset < bytes.count, TemplateLexer.isBlank(bytes[offset]) { offset += 1 }
        return true
    }

    /// What stands between `{{` and `}}`.
    private mutating func action() throws(Problem) {
        parenthesisDepth = 0
        while true {
            let start = offset
            if starts("}}", at: offset) || isRightTrim(offset) {
                guard parenthesisDepth == 0 else {
                    throw Problem(message: "unclosed left paren", offset: start)
                }
                _ = try rightDelimiter(isToken: true)
                return
            }
            guard offset < bytes.count else {
                throw Problem(message: "unclosed action", offset: start)
            }
            try token(bytes[offset], start)
        }
    }

    private mutating func token(_ byte: UInt8, _ start: Int) throws(Problem) {
        switch byte {
        case _ where TemplateLexer.isBlank(byte): blanks(start)
        case UInt8(ascii: "="): single(.assign)
        case UInt8(ascii: ":"):
            guard starts(":=", at: offset) else {
                throw Problem(message: "expected :=", offset: start)
            }
            offset += 2
            add(.declare, start..<offset)
        case UInt8(ascii: "|"): single(.pipe)
        case UInt8(ascii: "\""): try quoted(byte, .string, "unterminated quoted string")
        case UInt8(ascii: "'"): try quoted(byte, .character, "unterminated character constant")
        case UInt8(ascii: "`"):
            guard let end = bytes[(start + 1)...].firstIndex(of: byte) else {
                throw Problem(message: "unterminated raw quoted string", offset: start)
            }
            offset = end + 1
            add(.rawString, start..<offset)
        case UInt8(ascii: "$"): try name(.variable, start)
        case UInt8(ascii: "."):
            let next = start + 1 < bytes.count ? bytes[start + 1] : 0
            if 0x30...0x39 ~= next { try number(start) } else { try name(.field, start) }
        case UInt8(ascii: "+"), UInt8(ascii: "-"), 0x30...0x39: try number(start)
        case UInt8(ascii: "("):
            single(.leftParenthesis)
            parenthesisDepth += 1
            guard parenthesisDepth <= TemplateLimits.nestingMax else {
                throw Problem(message: "parentheses nest too deeply", offset: start)
            }
        case UInt8(ascii: ")"):
            single(.rightParenthesis)
            parenthesisDepth -= 1
            guard parenthesisDepth >= 0 else {
                throw Problem(message: "unexpected right paren U+0029 ')'", offset: start)
            }
        case _ where nameCharacterLength(at: offset) > 0: try name(.identifier, start)
        case 0x21...0x7E: single(.symbol)
        default:
            throw Problem(
                message: "unrecognized character in action: \(character(at: start))",
                offset: start)
        }
    }

    private mutating func single(_ kind: TemplateToken.Kind) {
        add(kind, offset..<offset + 1)
        offset += 1
    }

    private mutating func blanks(_ start: Int) {
        while offset < bytes.count, TemplateLexer.isBlank(bytes[offset]) {
            // The last blank belongs to ` -}}`.
            if isRightTrim(offset) { break }
            offset += 1
        }
        if offset > start { add(.blank, start..<offset) }
    }

    private mutating func quoted(
        _ quote: UInt8, _ kind: TemplateToken.Kind, _ problem: String
    ) throws(Problem) {
        let start = offset
        offset += 1
        while offset < bytes.count, bytes[offset] != quote, bytes[offset] != 0x0A {
            if bytes[offset] == UInt8(ascii: "\\") {
                offset += 1
                if offset < bytes.count, bytes[offset] == 0x0A { break }
            }
            offset += 1
        }
        guard offset < bytes.count, bytes[offset] == quote else {
            throw Problem(message: problem, offset: start)
        }
        offset += 1
        add(kind, start..<offset)
    }

    /// An identifier, or a field or variable behind its first byte.
    private mutating func name(_ kind: TemplateToken.Kind, _ start: Int) throws(Problem) {
        if kind != .identifier { offset += 1 }
        let first = offset
        while true {
            let length = nameCharacterLength(at: offset)
            if length == 0 { break }
            offset += length
        }
        guard isTerminator(at: offset) else {
            throw Problem(message: "bad character \(character(at: offset))", offset: start)
        }
        let word = String(decoding: bytes[start..<offset], as: UTF8.self)
        switch kind {
        case .field where offset == first: add(.dot, start..<offset)
        case .identifier where TemplateToken.keywords.contains(word):
            add(.keyword, start..<offset)
        case .identifier where word == "true" || word == "false": add(.bool, start..<offset)
        default: add(kind, start..<offset)
        }
    }

    private mutating func number(_ start: Int) throws(Problem) {
        skip("+-")
        var digits = "0123456789_"
        var isDecimal = true
        if offset < bytes.count, bytes[offset] == 0x30, offset + 1 < bytes.count {
            switch bytes[offset + 1] | 0x20 {
            case UInt8(ascii: "x"): digits = "0123456789abcdefABCDEF_"
            case UInt8(ascii: "o"): digits = "01234567_"
            case UInt8(ascii: "b"): digits = "01_"
            default: break
            }
            isDecimal = digits.utf8.count == 11
            offset += isDecimal ? 1 : 2
        }
        skipRun(digits)
        if skip(".") { skipRun(digits) }
        if isDecimal ? skip("eE") : digits.utf8.count == 23 && skip("pP") {
            skip("+-")
            skipRun("0123456789_")
        }
        let next = nameCharacterLength(at: offset)
        guard next == 0 else {
            let text = bytes[start..<min(offset + next, bytes.count)]
            throw Problem(
                message: "bad number syntax: \(GoText.quoted(Array(text)))", offset: start)
        }
        add(.number, start..<offset)
    }

    @discardableResult
    private mutating func skip(_ set: String) -> Bool {
        guard offset < bytes.count, set.utf8.contains(bytes[offset]) else { return false }
        offset += 1
        return true
    }

    private mutating func skipRun(_ set: String) { while skip(set) {} }

    private func starts(_ text: String, at place: Int) -> Bool {
        place <= bytes.count && bytes[place...].starts(with: text.utf8)
    }

    private func isLeftTrim(_ place: Int) -> Bool {
        starts("-", at: place) && place + 1 < bytes.count
            && TemplateLexer.isBlank(bytes[place + 1])
    }

    private func isRightTrim(_ place: Int) -> Bool {
        place < bytes.count && TemplateLexer.isBlank(bytes[place]) && starts("-}}", at: place + 1)
    }

    private func isTerminator(at place: Int) -> Bool {
        guard place < bytes.count else { return true }
        if TemplateLexer.isBlank(bytes[place]) || starts("}}", at: place) { return true }
        return ".,|:)(".utf8.contains(bytes[place])
    }

    /// A letter, a digit or `_`: how many bytes it takes, else 0.
    private func nameCharacterLength(at place: Int) -> Int {
        guard place < bytes.count else { return 0 }
        let byte = bytes[place]
        if byte < 0x80 {
            let isName =
                byte == UInt8(ascii: "_") || 0x30...0x39 ~= byte || 0x41...0x5A ~= byte
                || 0x61...0x7A ~= byte
            return isName ? 1 : 0
        }
        let (scalar, length) = GoText.scalar(bytes[...], at: place)
        guard let scalar, GoText.isLetter(scalar) || GoText.isDigit(scalar) else { return 0 }
        return length
    }

    /// `U+002B '+'`
    private func character(at place: Int) -> String {
        guard place < bytes.count else { return "U+FFFFFFFFFFFFFFFF" }
        let scalar = GoText.scalar(bytes[...], at: place).scalar ?? "\u{FFFD}"
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let number = String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
        return "U+\(number) '\(Character(scalar))'"
    }

    static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }
}
