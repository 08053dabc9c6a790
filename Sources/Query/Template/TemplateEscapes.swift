/// Texts made safe for HTML, JavaScript and URLs.
///
/// Source: Go, text/template/funcs.go, net/url/url.go.
enum TemplateEscapes {
    static func html(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for byte in bytes {
            switch byte {
            case 0: result += Array("\u{FFFD}".utf8)
            case UInt8(ascii: "\""): result += Array("&#34;".utf8)
            case UInt8(ascii: "'"): result += Array("&#39;".utf8)
            case UInt8(ascii: "&"): result += Array("&amp;".utf8)
            case UInt8(ascii: "<"): result += Array("&lt;".utf8)
            case UInt8(ascii: ">"): result += Array("&gt;".utf8)
            default: result.append(byte)
            }
        }
        return result
    }

    static func javaScript(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        GoText.forEachScalar(bytes) { scalar, range in
            guard let scalar, !scalar.isASCII else {
                result += asciiScript(bytes[range.lowerBound])
                return
            }
            if GoText.isPrintable(scalar) {
                result += bytes[range]
            } else {
                result += Array("\\u".utf8) + GoText.hex(scalar.value, digits: 4, isUpper: true)
            }
        }
        return result
    }

    private static func asciiScript(_ byte: UInt8) -> [UInt8] {
        switch byte {
        case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""):
            [UInt8(ascii: "\\"), byte]
        case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"), UInt8(ascii: "="), 0..<0x20:
            Array("\\u".utf8) + GoText.hex(UInt32(byte), digits: 4, isUpper: true)
        default: [byte]
        }
    }

    /// For the value of a query's parameter: a blank is `+`.
    static func query(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for byte in bytes {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"):
                result.append(byte)
            case 0x20: result.append(UInt8(ascii: "+"))
            default:
                result.append(UInt8(ascii: "%"))
                result += GoText.hex(UInt32(byte), digits: 2, isUpper: true)
            }
        }
        return result
    }

    /// The other way.
    static func unescapedQuery(_ bytes: [UInt8]) throws(TemplateFailure) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "+"): result.append(0x20)
            case UInt8(ascii: "%"):
                let digits = bytes[(index + 1)...].prefix(2)
                guard digits.count == 2, digits.allSatisfy(isHex),
                    let byte = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
                else {
                    let shown = Array(bytes[index...].prefix(3))
                    throw TemplateFailure("invalid URL escape \(GoText.quoted(shown))")
                }
                result.append(byte)
                index += 2
            default: result.append(bytes[index])
            }
            index += 1
        }
        return result
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        0x30...0x39 ~= byte || 0x61...0x66 ~= byte | 0x20
    }
}
