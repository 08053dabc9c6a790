/// Cuts a query into words. Comments run from `#` to the end of the line; strings are Go's:
/// `"…"` with escapes, or `` `…` `` verbatim.
///
/// Source: Loki 3, pkg/logql/syntax/lex.go.
struct LogQLLexer {
    private let text: [UInt8]
    private var offset = 0

    /// The longest query that is read.
    static let queryBytesMax = 128 << 10

    private init(_ text: [UInt8]) { self.text = text }

    /// All words of `query`, the last of kind `end`.
    static func tokens(of query: String) throws(QueryError) -> [LogQLToken] {
        let bytes = Array(query.utf8)
        guard bytes.count <= queryBytesMax else {
            throw .limit(name: "query.text_bytes_max", allowed: queryBytesMax)
        }
        var lexer = LogQLLexer(bytes)
        var result: [LogQLToken] = []
        while true {
            let token = try lexer.next()
            result.append(token)
            if token.kind == .end { return result }
        }
    }

    private func problem(_ message: String, at offset: Int) -> QueryError {
        .parse(message: message, position: QueryPosition(offset: offset, in: text, style: .loki))
    }

    private func byte(_ ahead: Int = 0) -> UInt8 {
        offset + ahead < text.count ? text[offset + ahead] : 0
    }

    private mutating func skipBlanks() {
        while offset < text.count {
            switch text[offset] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                offset += 1
            case UInt8(ascii: "#"):
                while offset < text.count, text[offset] != UInt8(ascii: "\n") { offset += 1 }
            default: return
            }
        }
    }

    private mutating func next() throws(QueryError) -> LogQLToken {
        skipBlanks()
        let start = offset
        guard offset < text.count else { return LogQLToken(kind: .end, offset: start) }
        switch byte() {
        case UInt8(ascii: "\""), UInt8(ascii: "`"):
            return LogQLToken(kind: .string(try string()), offset: start)
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            return LogQLToken(kind: .number(number()), offset: start)
        case UInt8(ascii: ".") where LogQLLexer.isDigit(byte(1)):
            return LogQLToken(kind: .number(number()), offset: start)
        case UInt8(ascii: "-") where byte(1) == UInt8(ascii: "-") && LogQLLexer.isName(byte(2)):
            offset += 2
            return LogQLToken(kind: .flag(name(allowingDashes: true)), offset: start)
        case let first where LogQLLexer.isName(first):
            return LogQLToken(kind: .identifier(name(allowingDashes: false)), offset: start)
        default:
            return LogQLToken(kind: .symbol(try symbol()), offset: start)
        }
    }

    private static let symbols: [[UInt8]] = [
        "|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", ">=", "<=",
        "{", "}", "(", ")", "[", "]", ",", ".", "|", "=", ">", "<",
        "+", "-", "*", "/", "%", "^", "@", ":",
    ].map { Array($0.utf8) }

    private mutating func symbol() throws(QueryError) -> String {
        for symbol in LogQLLexer.symbols where text[offset...].starts(with: symbol) {
            offset += symbol.count
            return String(decoding: symbol, as: UTF8.self)
        }
        let rest = String(decoding: text[offset...].prefix(4), as: UTF8.self)
        throw problem(
            "syntax error: unexpected character \(LogQLText.quoted(String(rest.prefix(1))))",
            at: offset)
    }

    private mutating func name(allowingDashes: Bool) -> String {
        let start = offset
        while LogQLLexer.isName(byte()) || LogQLLexer.isDigit(byte())
            || allowingDashes && byte() == UInt8(ascii: "-")
        {
            offset += 1
        }
        return String(decoding: text[start..<offset], as: UTF8.self)
    }

    /// A number with its unit, if any: what it means is for the place where it stands.
    private mutating func number() -> String {
        let start = offset
        while offset < text.count {
            let current = byte()
            let isExponentSign =
                (current == UInt8(ascii: "+") || current == UInt8(ascii: "-"))
                && (text[offset - 1] | 0x20) == UInt8(ascii: "e")
                && LogQLLexer.isDigit(byte(1)) && offset > start
                && !text[start..<offset].contains { ($0 | 0x20) == UInt8(ascii: "x") }
            // 0xC2 0xB5 is µ, 0xCE 0xBC is μ.
            let isPart =
                LogQLLexer.isDigit(current) || LogQLLexer.isName(current)
                || current == UInt8(ascii: ".")
                || [0xC2, 0xB5, 0xCE, 0xBC].contains(current) || isExponentSign
            guard isPart else { break }
            offset += 1
        }
        return String(decoding: text[start..<offset], as: UTF8.self)
    }

    private mutating func string() throws(QueryError) -> String {
        let start = offset
        let quote = byte()
        offset += 1
        var result: [UInt8] = []
        while offset < text.count {
            let current = text[offset]
            if current == quote {
                offset += 1
                guard let valid = String(validating: result, as: UTF8.self) else {
                    throw problem("invalid UTF-8 rune", at: start)
                }
                return valid
            }
            if quote == UInt8(ascii: "\""), current == UInt8(ascii: "\n") { break }
            if quote == UInt8(ascii: "\""), current == UInt8(ascii: "\\") {
                try escape(into: &result)
            } else {
                result.append(current)
                offset += 1
            }
        }
        throw problem("literal not terminated", at: start)
    }

    /// At a backslash: appends what the escape stands for.
    private mutating func escape(into result: inout [UInt8]) throws(QueryError) {
        let start = offset
        let letter = byte(1)
        offset += 2
        switch letter {
        case UInt8(ascii: "n"): result.append(0x0A)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "r"): result.append(0x0D)
        case UInt8(ascii: "a"): result.append(0x07)
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0C)
        case UInt8(ascii: "v"): result.append(0x0B)
        case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"): result.append(letter)
        case UInt8(ascii: "x"): result.append(UInt8(try digits(2, radix: 16, from: start)))
        case UInt8(ascii: "u"):
            try append(scalar: try digits(4, radix: 16, from: start), at: start, to: &result)
        case UInt8(ascii: "U"):
            try append(scalar: try digits(8, radix: 16, from: start), at: start, to: &result)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            offset -= 1
            let value = try digits(3, radix: 8, from: start)
            guard value <= 0xFF else {
                throw problem("octal escape is above 255", at: start)
            }
            result.append(UInt8(value))
        default:
            throw problem("invalid char escape; write \\\\ for a \\", at: start)
        }
    }

    private mutating func digits(
        _ count: Int, radix: Int, from start: Int
    ) throws(QueryError) -> UInt32 {
        guard offset + count <= text.count,
            text[offset..<offset + count].allSatisfy({ $0 != UInt8(ascii: "+") }),
            let value = UInt32(
                String(decoding: text[offset..<offset + count], as: UTF8.self), radix: radix)
        else { throw problem("escape needs \(count) digits", at: start) }
        offset += count
        return value
    }

    private func append(
        scalar value: UInt32, at start: Int, to result: inout [UInt8]
    ) throws(QueryError) {
        guard let scalar = Unicode.Scalar(value) else {
            throw problem("escape is not a Unicode character", at: start)
        }
        result.append(contentsOf: String(Character(scalar)).utf8)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    /// Whether a name may start with it.
    private static func isName(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_")
            || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
                && byte < 0x80
    }
}
