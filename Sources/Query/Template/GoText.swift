/// Texts as Go sees them: bytes that are mostly UTF-8. Where characters count, a byte that is part
/// of none is one by itself.
///
/// Source: Go, unicode/utf8, strconv/quote.go.
enum GoText {
    /// The character at `place`; nil, of one byte, where there is none.
    static func scalar(
        _ bytes: ArraySlice<UInt8>, at place: Int
    ) -> (scalar: Unicode.Scalar?, length: Int) {
        let first = bytes[place]
        if first < 0x80 { return (Unicode.Scalar(first), 1) }
        let length: Int
        var value: UInt32
        switch first {
        case 0xC2...0xDF: (length, value) = (2, UInt32(first & 0x1F))
        case 0xE0...0xEF: (length, value) = (3, UInt32(first & 0x0F))
        case 0xF0...0xF4: (length, value) = (4, UInt32(first & 0x07))
        default: return (nil, 1)
        }
        guard place + length <= bytes.endIndex else { return (nil, 1) }
        for index in place + 1..<place + length {
            guard bytes[index] & 0xC0 == 0x80 else { return (nil, 1) }
            value = value << 6 | UInt32(bytes[index] & 0x3F)
        }
        // Longer than need be, or half of a pair.
        if length == 3, value < 0x800 { return (nil, 1) }
        if length == 4, value < 0x1_0000 { return (nil, 1) }
        guard let scalar = Unicode.Scalar(value) else { return (nil, 1) }
        return (scalar, length)
    }

    /// Calls `body` with each character and the bytes it takes.
    static func forEachScalar(
        _ bytes: [UInt8], _ body: (Unicode.Scalar?, Range<Int>) -> Void
    ) {
        var place = 0
        while place < bytes.count {
            let (scalar, length) = scalar(bytes[...], at: place)
            body(scalar, place..<place + length)
            place += length
        }
    }

    static func scalarCount(_ bytes: [UInt8]) -> Int {
        var count = 0
        forEachScalar(bytes) { _, _ in count += 1 }
        return count
    }

    /// Where character number `index` starts; the end when there are not as many.
    static func offset(ofScalar index: Int, in bytes: [UInt8]) -> Int {
        var place = 0
        var rest = index
        while rest > 0, place < bytes.count {
            place += scalar(bytes[...], at: place).length
            rest -= 1
        }
        return place
    }

    static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            true
        default: false
        }
    }

    static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .decimalNumber
    }

    static func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }

    /// Whether Go prints it as it is: letters, marks, numbers, punctuation, symbols and the blank.
    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 { return 0x20...0x7E ~= scalar.value }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator, .spaceSeparator:
            return false
        default: return true
        }
    }

    /// `"…"` with Go's escapes. `isASCII`: nothing beyond ASCII stays.
    static func quoted(
        _ bytes: [UInt8], quote: UInt8 = UInt8(ascii: "\""), isASCII: Bool = false
    ) -> String {
        var result = [quote]
        forEachScalar(bytes) { scalar, range in
            guard let scalar else {
                result += Array("\\x".utf8) + hex(UInt32(bytes[range.lowerBound]), digits: 2)
                return
            }
            append(scalar, quote: quote, isASCII: isASCII, to: &result)
        }
        result.append(quote)
        return String(decoding: result, as: UTF8.self)
    }

    private static func append(
        _ scalar: Unicode.Scalar, quote: UInt8, isASCII: Bool, to result: inout [UInt8]
    ) {
        if scalar.value == UInt32(quote) || scalar == "\\" {
            result += [UInt8(ascii: "\\"), UInt8(scalar.value)]
            return
        }
        if isPrintable(scalar), scalar.isASCII || !isASCII {
            result += Array(String(Character(scalar)).utf8)
            return
        }
        let short: [UInt32: String] = [
            0x07: "\\a", 0x08: "\\b", 0x0C: "\\f", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t",
            0x0B: "\\v",
        ]
        if let escape = short[scalar.value] {
            result += Array(escape.utf8)
        } else if scalar.value < 0x20 || scalar.value == 0x7F {
            result += Array("\\x".utf8) + hex(scalar.value, digits: 2)
        } else if scalar.value < 0x1_0000 {
            result += Array("\\u".utf8) + hex(scalar.value, digits: 4)
        } else {
            result += Array("\\U".utf8) + hex(scalar.value, digits: 8)
        }
    }

    static func hex(_ value: UInt32, digits: Int, isUpper: Bool = false) -> [UInt8] {
        let text = Array(String(value, radix: 16, uppercase: isUpper).utf8)
        return [UInt8](repeating: 0x30, count: max(0, digits - text.count)) + text
    }

    /// What stands in a literal with its quotes: `"…"`, `'…'` or a raw one. Nil when it is none.
    static func unquoted(_ literal: [UInt8]) -> [UInt8]? {
        guard literal.count >= 2, let quote = literal.first, quote == literal.last else {
            return nil
        }
        let inner = literal[1..<literal.count - 1]
        if quote == UInt8(ascii: "`") { return inner.filter { $0 != 0x0D } }
        var result: [UInt8] = []
        var place = inner.startIndex
        while place < inner.endIndex {
            if inner[place] != UInt8(ascii: "\\") {
                if inner[place] == quote || inner[place] == 0x0A { return nil }
                result.append(inner[place])
                place += 1
                continue
            }
            guard let length = unescape(inner, at: place + 1, quote, into: &result) else {
                return nil
            }
            place += 1 + length
        }
        return result
    }

    /// Reads an escape behind its backslash; how many bytes it takes.
    private static func unescape(
        _ bytes: ArraySlice<UInt8>, at place: Int, _ quote: UInt8, into result: inout [UInt8]
    ) -> Int? {
        guard place < bytes.endIndex else { return nil }
        let byte = bytes[place]
        let single: [UInt8: UInt8] = [
            UInt8(ascii: "a"): 0x07, UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C,
            UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
            UInt8(ascii: "v"): 0x0B, UInt8(ascii: "\\"): UInt8(ascii: "\\"), quote: quote,
        ]
        if let value = single[byte] {
            result.append(value)
            return 1
        }
        let digits: Int
        let radix: Int
        let start: Int
        switch byte {
        case UInt8(ascii: "x"): (digits, radix, start) = (2, 16, place + 1)
        case UInt8(ascii: "u"): (digits, radix, start) = (4, 16, place + 1)
        case UInt8(ascii: "U"): (digits, radix, start) = (8, 16, place + 1)
        case 0x30...0x37: (digits, radix, start) = (3, 8, place)
        default: return nil
        }
        guard start + digits <= bytes.endIndex,
            bytes[start..<start + digits].allSatisfy({ $0 != 0x2B && $0 != 0x2D }),
            let value = UInt32(
                String(decoding: bytes[start..<start + digits], as: UTF8.self), radix: radix)
        else { return nil }
        if digits <= 3 {
            guard let byte = UInt8(exactly: value) else { return nil }
            result.append(byte)
        } else {
            guard let scalar = Unicode.Scalar(value) else { return nil }
            result += Array(String(Character(scalar)).utf8)
        }
        return start + digits - place
    }
}
