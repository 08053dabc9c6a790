/// Why a line is not the JSON it should be.
enum JSONProblem: Error {
    case notAnObject, badKey, missingColon, missingComma, badValue, openString, openContainer
    case tooDeep

    /// For `__error_details__`: the texts of buger/jsonparser, which people know from Loki.
    var details: StaticString {
        switch self {
        case .notAnObject, .badKey, .missingComma, .openContainer:
            "Value looks like object, but can't find closing '}' symbol"
        case .missingColon: "Malformed JSON error"
        case .badValue: "Unknown value type"
        case .openString: "Value looks like string, but can't find closing '\"' symbol"
        case .tooDeep: "objects nest deeper than 128"
        }
    }
}

/// A place in a JSON text. The text is handed to every call, so that nothing is retained or copied
/// per line; it must be the same one.
struct JSONScanner {
    private(set) var offset: Int
    private let end: Int

    init(_ text: [UInt8], _ range: Range<Int>) {
        precondition(range.upperBound <= text.count)
        offset = range.lowerBound
        end = range.upperBound
    }

    @inline(__always)
    mutating func advance() { offset += 1 }

    /// The byte behind blanks, 0 at the end; does not step over it.
    @inline(__always)
    mutating func next(_ text: [UInt8]) -> UInt8 {
        let span = text.span
        while offset < end {
            let byte = span[offset]
            if byte > 0x20 { return byte }
            offset += 1
        }
        return 0
    }

    /// Steps over `byte` if it comes next, blanks aside.
    @inline(__always)
    mutating func accept(_ byte: UInt8, _ text: [UInt8]) -> Bool {
        guard next(text) == byte else { return false }
        offset += 1
        return true
    }

    /// Behind an opening quote: the raw content; steps over the closing quote.
    @inline(__always)
    mutating func string(
        _ text: [UInt8]
    ) throws(JSONProblem) -> (range: Range<Int>, hasEscapes: Bool) {
        let span = text.span
        let start = offset
        var hasEscapes = false
        while offset < end {
            let byte = span[offset]
            if byte == UInt8(ascii: "\"") {
                offset += 1
                return (start..<offset - 1, hasEscapes)
            }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                offset += 1
            }
            offset += 1
        }
        throw .openString
    }

    /// A number, `true`, `false` or `null`: its bytes.
    @inline(__always)
    mutating func scalar(_ text: [UInt8]) throws(JSONProblem) -> Range<Int> {
        let span = text.span
        let start = offset
        while offset < end {
            switch span[offset] {
            case 0x2B...0x2B, 0x2D...0x2E, 0x30...0x39, 0x41...0x5A, 0x61...0x7A:
                offset += 1
                continue
            default: break
            }
            break
        }
        guard offset > start, isScalar(span, start, offset) else { throw .badValue }
        return start..<offset
    }

    @inline(__always)
    private func isScalar(_ span: Span<UInt8>, _ start: Int, _ stop: Int) -> Bool {
        switch span[start] {
        case UInt8(ascii: "t"):
            stop - start == 4 && span[start + 1] == UInt8(ascii: "r")
                && span[start + 2] == UInt8(ascii: "u") && span[start + 3] == UInt8(ascii: "e")
        case UInt8(ascii: "n"):
            stop - start == 4 && span[start + 1] == UInt8(ascii: "u")
                && span[start + 2] == UInt8(ascii: "l") && span[start + 3] == UInt8(ascii: "l")
        case UInt8(ascii: "f"):
            stop - start == 5 && span[start + 1] == UInt8(ascii: "a")
                && span[start + 2] == UInt8(ascii: "l") && span[start + 3] == UInt8(ascii: "s")
                && span[start + 4] == UInt8(ascii: "e")
        case 0x30...0x39, UInt8(ascii: "-"):
            isNumber(span, start, stop)
        default: false
        }
    }

    private func isNumber(_ span: Span<UInt8>, _ start: Int, _ stop: Int) -> Bool {
        var index = start + (span[start] == UInt8(ascii: "-") ? 1 : 0)
        var digitCount = 0
        while index < stop {
            switch span[index] {
            case 0x30...0x39: digitCount += 1
            case 0x2B, 0x2D, 0x2E, UInt8(ascii: "e"), UInt8(ascii: "E"): break
            default: return false
            }
            index += 1
        }
        return digitCount > 0
    }

    /// At an opening brace or bracket: the whole of it, passed over without looking inside more
    /// than it takes to find its end.
    mutating func container(_ text: [UInt8]) throws(JSONProblem) -> Range<Int> {
        let span = text.span
        let start = offset
        var depth = 0
        while offset < end {
            switch span[offset] {
            case UInt8(ascii: "\""):
                offset += 1
                _ = try string(text)
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 {
                    offset += 1
                    return start..<offset
                }
            default: break
            }
            offset += 1
        }
        throw .openContainer
    }

    /// Any value: its bytes (of a string what is between the quotes).
    mutating func value(
        _ text: [UInt8]
    ) throws(JSONProblem) -> (range: Range<Int>, hasEscapes: Bool) {
        switch next(text) {
        case UInt8(ascii: "\""):
            offset += 1
            return try string(text)
        case UInt8(ascii: "{"), UInt8(ascii: "["): return (try container(text), false)
        default: return (try scalar(text), false)
        }
    }

    /// Appends `text[range]` with its escapes resolved. Lone surrogates become U+FFFD; what is no
    /// escape stays as it is.
    static func unescape(_ text: [UInt8], _ range: Range<Int>, into sink: inout some ByteSink) {
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = text[index]
            index += 1
            guard byte == UInt8(ascii: "\\"), index < range.upperBound else {
                sink.append(byte)
                continue
            }
            let letter = text[index]
            index += 1
            switch letter {
            case UInt8(ascii: "n"): sink.append(0x0A)
            case UInt8(ascii: "t"): sink.append(0x09)
            case UInt8(ascii: "r"): sink.append(0x0D)
            case UInt8(ascii: "b"): sink.append(0x08)
            case UInt8(ascii: "f"): sink.append(0x0C)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): sink.append(letter)
            case UInt8(ascii: "u"):
                unescapeScalar(text, &index, range.upperBound, into: &sink)
            default:
                sink.append(byte)
                sink.append(letter)
            }
        }
    }

    private static func unescapeScalar(
        _ text: [UInt8], _ index: inout Int, _ end: Int, into sink: inout some ByteSink
    ) {
        guard let unit = unit(text, index, end) else {
            sink.append(UInt8(ascii: "\\"))
            sink.append(UInt8(ascii: "u"))
            return
        }
        index += 4
        var value = unit
        if 0xD800...0xDBFF ~= unit, index + 6 <= end, text[index] == UInt8(ascii: "\\"),
            text[index + 1] == UInt8(ascii: "u"), let low = self.unit(text, index + 2, end),
            0xDC00...0xDFFF ~= low
        {
            index += 6
            value = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
        }
        let scalar = Unicode.Scalar(value) ?? "\u{FFFD}"
        for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
            sink.append(byte)
        }
    }

    private static func unit(_ text: [UInt8], _ start: Int, _ end: Int) -> UInt32? {
        guard start + 4 <= end else { return nil }
        var value: UInt32 = 0
        for byte in text[start..<start + 4] {
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(byte - 0x37)
            case 0x61...0x66: value = value << 4 | UInt32(byte - 0x57)
            default: return nil
            }
        }
        return value
    }
}

/// What bytes can be appended to.
protocol ByteSink {
    mutating func append(_ byte: UInt8)
}

extension Array: ByteSink where Element == UInt8 {}
extension LineFields: ByteSink {}
