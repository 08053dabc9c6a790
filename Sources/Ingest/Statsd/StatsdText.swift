internal import Encoding

/// The small questions about bytes that the statsd parser asks. Not for the hot path: that is
/// `LineScan`.
enum StatsdText {
    static let newline = UInt8(ascii: "\n")
    static let colon = UInt8(ascii: ":")
    static let bar = UInt8(ascii: "|")
    static let comma = UInt8(ascii: ",")
    static let equals = UInt8(ascii: "=")

    /// Without blanks, tabs and carriage returns at both ends.
    static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = bytes
        while let first = rest.first, isBlank(first) { rest.removeFirst() }
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return rest
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0D
    }

    static func isText(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil
    }

    static func string(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// Head and tail around the first `separator`; nil when there is none.
    static func halves(
        _ bytes: ArraySlice<UInt8>, at separator: UInt8
    ) -> (head: ArraySlice<UInt8>, tail: ArraySlice<UInt8>)? {
        guard let middle = bytes.firstIndex(of: separator) else { return nil }
        return (bytes[..<middle], bytes[(middle + 1)...])
    }

    /// A finite decimal number in ASCII: sign, digits with at most one point, exponent; blanks
    /// around it are allowed. Nil for everything else, also where it would round to infinity.
    static func number(_ bytes: ArraySlice<UInt8>) -> Double? {
        let text = trimmed(bytes)
        var at = text.startIndex
        func skipDigits() -> Int {
            let start = at
            while at < text.endIndex, text[at] &- 0x30 <= 9 { at += 1 }
            return at - start
        }
        func skipSign() {
            if at < text.endIndex, text[at] == 0x2B || text[at] == 0x2D { at += 1 }
        }
        skipSign()
        var digitCount = skipDigits()
        if at < text.endIndex, text[at] == 0x2E {
            at += 1
            digitCount += skipDigits()
        }
        guard digitCount > 0 else { return nil }
        if at < text.endIndex, text[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            skipSign()
            guard skipDigits() > 0 else { return nil }
        }
        guard at == text.endIndex, let value = DoubleText.parse(text), value.isFinite else {
            return nil
        }
        return value
    }

    /// A whole number that is not negative, digits only; nil for everything else and on overflow.
    static func whole(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard !bytes.isEmpty else { return nil }
        var value = 0
        for byte in bytes {
            let digit = byte &- 0x30
            guard digit <= 9 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    /// `name` with characters that PromQL would have to quote replaced by `_`. A character of
    /// several bytes gives one `_`.
    static func underscored(_ name: ArraySlice<UInt8>, allowsColon: Bool) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(name.count + 1)
        if let first = name.first, first &- 0x30 <= 9 { result.append(0x5F) }
        for byte in name {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: result.append(byte)
            case 0x3A where allowsColon: result.append(byte)
            // The second and later bytes of a character.
            case 0x80...0xBF: break
            default: result.append(0x5F)
            }
        }
        return result
    }

    /// `\n` written as two characters becomes a newline.
    static func unescaped(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var at = bytes.startIndex
        while at < bytes.endIndex {
            if bytes[at] == 0x5C, at + 1 < bytes.endIndex, bytes[at + 1] == UInt8(ascii: "n") {
                result.append(newline)
                at += 2
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return result
    }
}
