/// Text from outside as a terminal may show it: control characters, which could move the cursor,
/// change colours or hide text, are written out.
enum SafeText {
    /// Tabs stay, and line feeds where `keepsLines`; other control characters become `\\x1b`, those
    /// that turn the direction of text `\\u{202e}`.
    static func escaped(_ text: String, keepsLines: Bool = true) -> String {
        guard text.unicodeScalars.contains(where: { isUnsafe($0, keepsLines) }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            guard isUnsafe(scalar, keepsLines) else {
                result.unicodeScalars.append(scalar)
                continue
            }
            let digits = String(scalar.value, radix: 16)
            if scalar.value < 0x100 {
                result += "\\x\(digits.count < 2 ? "0" : "")\(digits)"
            } else {
                result += "\\u{\(digits)}"
            }
        }
        return result
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar, _ keepsLines: Bool) -> Bool {
        switch scalar.value {
        case 0x0A: !keepsLines
        case 0x09: false
        case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
