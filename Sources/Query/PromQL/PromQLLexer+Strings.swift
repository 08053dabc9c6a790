/// The three kinds of strings and their escapes, which are Go's.
extension PromQLLexer {
    mutating func rawString() throws(QueryError) -> String {
        let start = offset
        offset += 1
        let body = offset
        while offset < text.count, text[offset] != UInt8(ascii: "`") { offset += 1 }
        guard offset < text.count else {
            throw failure("unterminated raw string", at: start)
        }
        offset += 1
        return String(decoding: text[body..<offset - 1], as: UTF8.self)
    }

    mutating func quotedString(closing quote: UInt8) throws(QueryError) -> String {
        let start = offset
        offset += 1
        var bytes: [UInt8] = []
        while true {
            guard offset < text.count, text[offset] != 0x0A else {
                throw failure("unterminated quoted string", at: start)
            }
            let byte = text[offset]
            offset += 1
            if byte == quote { break }
            if byte == UInt8(ascii: "\\") {
                try appendEscape(to: &bytes, stringStart: start, quote: quote)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func appendEscape(
        to bytes: inout [UInt8], stringStart: Int, quote: UInt8
    ) throws(QueryError) {
        guard offset < text.count else {
            throw failure("unterminated quoted string", at: stringStart)
        }
        let byte = text[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "a"): bytes.append(0x07)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "v"): bytes.append(0x0B)
        case UInt8(ascii: "\\"): bytes.append(byte)
        case quote: bytes.append(byte)
        case UInt8(ascii: "x"): bytes.append(UInt8(try digits(2, base: 16) & 0xFF))
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            offset -= 1
            let value = try digits(3, base: 8)
            guard value < 256 else {
                throw failure("octal escape value \(value) above 255", at: offset - 3)
            }
            bytes.append(UInt8(value))
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let value = try digits(byte == UInt8(ascii: "u") ? 4 : 8, base: 16)
            guard let scalar = Unicode.Scalar(value) else {
                throw failure("escape sequence is an invalid Unicode code point", at: offset)
            }
            bytes.append(contentsOf: Array(String(Character(scalar)).utf8))
        default:
            throw failure("unknown escape sequence in string", at: offset - 2)
        }
    }

    private mutating func digits(_ count: Int, base: UInt32) throws(QueryError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let digit = Character(Unicode.Scalar(peek(0))).hexDigitValue,
                digit < Int(base)
            else { throw failure("illegal character in escape sequence", at: offset) }
            value = value &* base &+ UInt32(digit)
            offset += 1
        }
        return value
    }
}
