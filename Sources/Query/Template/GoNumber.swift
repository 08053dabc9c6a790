/// Numbers as Go reads them.
///
/// Source: Go, strconv/atoi.go, strconv/atof.go.
enum GoNumber {
    /// `base` 0: by prefix, as in Go's own source, `_` between digits allowed.
    static func int(_ text: String, base: Int) -> Int64? {
        var digits = Array(text.utf8)
        var sign = ""
        if let first = digits.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            sign = first == UInt8(ascii: "-") ? "-" : ""
            digits.removeFirst()
        }
        guard let first = digits.first, first != 0x2B, first != 0x2D else { return nil }
        var radix = base == 0 ? 10 : base
        if base == 0 {
            if first == 0x30, digits.count > 1 {
                switch digits[1] | 0x20 {
                case UInt8(ascii: "x"): (radix, digits) = (16, Array(digits.dropFirst(2)))
                case UInt8(ascii: "o"): (radix, digits) = (8, Array(digits.dropFirst(2)))
                case UInt8(ascii: "b"): (radix, digits) = (2, Array(digits.dropFirst(2)))
                default: (radix, digits) = (8, Array(digits.dropFirst()))
                }
            }
            guard hasSoundUnderscores(Array(text.utf8)) else { return nil }
            digits.removeAll { $0 == UInt8(ascii: "_") }
        }
        guard let head = digits.first, head != 0x2B, head != 0x2D else { return nil }
        return Int64(sign + String(decoding: digits, as: UTF8.self), radix: radix)
    }

    /// Each `_` stands between digits, or between a prefix and a digit.
    private static func hasSoundUnderscores(_ text: [UInt8]) -> Bool {
        guard text.contains(UInt8(ascii: "_")) else { return true }
        var digits = text.first == 0x2B || text.first == 0x2D ? text[1...] : text[...]
        var isAfterDigit = false
        if digits.count > 2, digits.first == 0x30, !(0x30...0x39 ~= digits[digits.startIndex + 1]) {
            digits = digits.dropFirst(digits[digits.startIndex + 1] == 0x5F ? 0 : 2)
            isAfterDigit = digits.first == 0x5F
        }
        for byte in digits {
            if byte == UInt8(ascii: "_"), !isAfterDigit { return false }
            isAfterDigit = byte != UInt8(ascii: "_")
        }
        return isAfterDigit
    }

    /// A decimal or hexadecimal number, an infinity or a NaN.
    static func float(_ text: String) -> Double? {
        let lower = text.lowercased()
        let plain = lower.hasPrefix("+") || lower.hasPrefix("-") ? lower.dropFirst() : lower[...]
        switch plain {
        case "inf", "infinity": return lower.hasPrefix("-") ? -Double.infinity : .infinity
        case "nan": return plain.count == lower.count ? .nan : nil
        default: break
        }
        guard let first = plain.utf8.first, 0x30...0x39 ~= first || first == UInt8(ascii: ".")
        else { return nil }
        // Swift reads `0x1`, Go wants an exponent; Swift wants a digit before the point.
        if plain.hasPrefix("0x"), !plain.contains("p") { return nil }
        var words = String(plain)
        if first == UInt8(ascii: ".") { words = "0" + words }
        if let point = words.firstIndex(of: ".") {
            let behind = words[words.index(after: point)...].utf8.first
            if behind.map({ !(0x30...0x39 ~= $0) }) ?? true { words.remove(at: point) }
        }
        guard let value = Double(words), value.isFinite else { return nil }
        return lower.hasPrefix("-") ? -value : value
    }
}
