internal import Model

/// Cuts a PromQL text into tokens: Prometheus 3's words, comments with `#`, three kinds of strings,
/// numbers with underscores, hexadecimal and octal, durations. Never looks back; linear.
struct PromQLLexer {
    /// Longer texts are refused: limit `query.text_bytes_max`.
    static let textBytesMax = 1 << 20

    let text: [UInt8]
    var offset = 0
    private var bracketDepth = 0

    private init(_ text: [UInt8]) { self.text = text }

    /// All tokens of `text`, the last being `end`.
    static func tokens(of text: [UInt8]) throws(QueryError) -> [PromQLToken] {
        guard text.count <= textBytesMax else {
            throw .limit(name: "query.text_bytes_max", allowed: textBytesMax)
        }
        var lexer = PromQLLexer(text)
        var result: [PromQLToken] = []
        repeat { result.append(try lexer.next()) } while result.last?.kind != .end
        return result
    }

    private mutating func next() throws(QueryError) -> PromQLToken {
        skipBlanks()
        let start = offset
        guard offset < text.count else { return PromQLToken(kind: .end, range: start..<start) }
        let byte = text[offset]
        let kind: PromQLToken.Kind
        if isDigit(byte) || (byte == UInt8(ascii: ".") && isDigit(peek(1))) {
            kind = try number()
        } else if isLetter(byte) || (byte == UInt8(ascii: ":") && bracketDepth == 0) {
            kind = identifier()
        } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
            kind = .string(try quotedString(closing: byte))
        } else if byte == UInt8(ascii: "`") {
            kind = .string(try rawString())
        } else {
            kind = try symbol()
        }
        return PromQLToken(kind: kind, range: start..<offset)
    }

    private mutating func skipBlanks() {
        while offset < text.count {
            switch text[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            case UInt8(ascii: "#"):
                while offset < text.count, text[offset] != 0x0A { offset += 1 }
            default: return
            }
        }
    }

    private mutating func identifier() -> PromQLToken.Kind {
        let start = offset
        while offset < text.count,
            isLetter(text[offset]) || isDigit(text[offset])
                || (text[offset] == UInt8(ascii: ":") && bracketDepth == 0)
        {
            offset += 1
        }
        if offset == start + 1, text[start] == UInt8(ascii: ":") { return .colon }
        return .identifier(String(decoding: text[start..<offset], as: UTF8.self))
    }

    private mutating func symbol() throws(QueryError) -> PromQLToken.Kind {
        let following = peek(1)
        let (kind, length): (PromQLToken.Kind?, Int) =
            switch (text[offset], following) {
            case (UInt8(ascii: "="), UInt8(ascii: "=")): (.equal, 2)
            case (UInt8(ascii: "="), UInt8(ascii: "~")): (.matches, 2)
            case (UInt8(ascii: "="), _): (.assign, 1)
            case (UInt8(ascii: "!"), UInt8(ascii: "=")): (.notEqual, 2)
            case (UInt8(ascii: "!"), UInt8(ascii: "~")): (.notMatches, 2)
            case (UInt8(ascii: "<"), UInt8(ascii: "=")): (.lessOrEqual, 2)
            case (UInt8(ascii: "<"), UInt8(ascii: "/")): (.trimUpper, 2)
            case (UInt8(ascii: "<"), _): (.less, 1)
            case (UInt8(ascii: ">"), UInt8(ascii: "=")): (.greaterOrEqual, 2)
            case (UInt8(ascii: ">"), UInt8(ascii: "/")): (.trimLower, 2)
            case (UInt8(ascii: ">"), _): (.greater, 1)
            case (let byte, _): (single(byte), 1)
            }
        guard let kind else {
            let rest = text[offset...].prefix(4)
            let shown = String(decoding: rest, as: UTF8.self).first.map(String.init) ?? ""
            throw failure("unexpected character: '\(shown)'", at: offset)
        }
        if kind == .leftBracket { bracketDepth += 1 }
        if kind == .rightBracket { bracketDepth = max(0, bracketDepth - 1) }
        offset += length
        return kind
    }

    private func single(_ byte: UInt8) -> PromQLToken.Kind? {
        switch byte {
        case UInt8(ascii: "("): .leftParen
        case UInt8(ascii: ")"): .rightParen
        case UInt8(ascii: "{"): .leftBrace
        case UInt8(ascii: "}"): .rightBrace
        case UInt8(ascii: "["): .leftBracket
        case UInt8(ascii: "]"): .rightBracket
        case UInt8(ascii: ","): .comma
        case UInt8(ascii: ":"): .colon
        case UInt8(ascii: "@"): .at
        case UInt8(ascii: "+"): .add
        case UInt8(ascii: "-"): .subtract
        case UInt8(ascii: "*"): .multiply
        case UInt8(ascii: "/"): .divide
        case UInt8(ascii: "%"): .modulo
        case UInt8(ascii: "^"): .power
        default: nil
        }
    }

    // MARK: Numbers and durations

    private mutating func number() throws(QueryError) -> PromQLToken.Kind {
        let start = offset
        if text[offset] == UInt8(ascii: "0"), peek(1) | 0x20 == UInt8(ascii: "x") {
            offset += 2
            while isHexDigit(peek(0)) || peek(0) == UInt8(ascii: "_") { offset += 1 }
        } else {
            skipDigits()
            if peek(0) == UInt8(ascii: "i"), !isLetter(peek(1)), !isDigit(peek(1)),
                let count = NumberText.parse(text[start..<offset])
            {
                offset += 1
                return .steps(count)
            }
            if isUnit(peek(0)) {
                while isDigit(peek(0)) || isLetter(peek(0)) { offset += 1 }
                return try duration(from: start)
            }
            if peek(0) == UInt8(ascii: ".") {
                offset += 1
                skipDigits()
                if isUnit(peek(0)) { return try fractionalDuration(from: start) }
            }
            if peek(0) | 0x20 == UInt8(ascii: "e") {
                let sign = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-")
                if isDigit(peek(sign ? 2 : 1)) {
                    offset += sign ? 2 : 1
                    skipDigits()
                }
            }
        }
        let end = offset
        let factor = unitFactor()
        let isCutOff = isLetter(peek(0)) || isDigit(peek(0)) || peek(0) == UInt8(ascii: ".")
        guard !isCutOff, let value = NumberText.parse(text[start..<end]) else {
            if isCutOff { offset += 1 }
            let shown = String(decoding: text[start..<offset], as: UTF8.self)
            throw failure("bad number or duration syntax: \"\(shown)\"", at: start)
        }
        return .number(value * factor)
    }

    /// MetricsQL's `K`, `Mi`, `GB`, `TiB`: of thousands, or of 1024s. 1 when there is none.
    private mutating func unitFactor() -> Double {
        let units: [UInt8] = [
            UInt8(ascii: "K"), UInt8(ascii: "M"), UInt8(ascii: "G"), UInt8(ascii: "T"),
        ]
        guard let place = units.firstIndex(of: peek(0)) else { return 1 }
        offset += 1
        var base = 1000.0
        if peek(0) == UInt8(ascii: "i") {
            base = 1024
            offset += 1
        }
        if peek(0) == UInt8(ascii: "B") { offset += 1 }
        return FloatMath.power(base, Double(place + 1))
    }

    private func duration(from start: Int) throws(QueryError) -> PromQLToken.Kind {
        let shown = String(decoding: text[start..<offset], as: UTF8.self)
        do {
            return .duration(try DurationText.parse(text[start..<offset]))
        } catch .outOfRange {
            throw failure("duration out of range: \"\(shown)\"", at: start)
        } catch {
            throw failure("bad number or duration syntax: \"\(shown)\"", at: start)
        }
    }

    /// `1.5h`: one unit, of MetricsQL.
    private mutating func fractionalDuration(
        from start: Int
    ) throws(QueryError) -> PromQLToken.Kind {
        let end = offset
        while isDigit(peek(0)) || isLetter(peek(0)) { offset += 1 }
        let shown = String(decoding: text[start..<offset], as: UTF8.self)
        guard let value = NumberText.parse(text[start..<end]),
            let unit = try? DurationText.parse([UInt8(ascii: "1")] + text[end..<offset]),
            value * Double(unit) < 9.2e18
        else { throw failure("bad number or duration syntax: \"\(shown)\"", at: start) }
        return .duration(Int64((value * Double(unit)).rounded()))
    }

    private mutating func skipDigits() {
        while isDigit(peek(0)) || (peek(0) == UInt8(ascii: "_") && isDigit(peek(1))) {
            offset += 1
        }
    }

    // MARK: Bytes

    func peek(_ ahead: Int) -> UInt8 {
        offset + ahead < text.count ? text[offset + ahead] : 0
    }

    func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x66)
    }

    private func isLetter(_ byte: UInt8) -> Bool {
        (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || byte == UInt8(ascii: "_")
    }

    private func isUnit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "y"), UInt8(ascii: "w"), UInt8(ascii: "d"), UInt8(ascii: "h"),
            UInt8(ascii: "m"), UInt8(ascii: "s"):
            true
        default: false
        }
    }

    func failure(_ message: String, at place: Int) -> QueryError {
        .parse(message: message, position: QueryPosition(offset: place, in: text))
    }
}
