internal import Glibc

/// Numbers as text. Parsing gives the double nearest to the decimal, bit for bit what `strtod` gives;
/// printing gives the shortest text that parses back, positional, as Go's
/// `strconv.FormatFloat(v, 'f', -1, 64)`, which is how Prometheus writes values.
package enum DoubleText {
    /// Which words are numbers besides decimals.
    package enum Words: Sendable {
        /// Digits only.
        case none
        /// `NaN`, `Inf`, `Infinity` with an optional sign, in any case, as Prometheus text has them.
        case nanAndInfinity
    }

    /// Most bytes of a number; longer text is no number.
    package static let byteCountMax = 1_024

    /// The number that `bytes` are, whole: `[+-] digits [. digits] [e [+-] digits]`, with digits
    /// before or after the point. Nil for anything else (hexadecimal, blanks, underscores, nothing)
    /// and for numbers too large for a double; too small ones are 0.
    package static func parse(_ bytes: ArraySlice<UInt8>, words: Words = .none) -> Double? {
        unsafe bytes.withUnsafeBufferPointer { unsafe parse($0, words) }
    }

    /// The number that `bytes` are, whole.
    package static func parse(_ bytes: [UInt8], words: Words = .none) -> Double? {
        unsafe bytes.withUnsafeBufferPointer { unsafe parse($0, words) }
    }

    /// The number that [from, to) of `bytes` is, whole.
    package static func parse(
        _ bytes: [UInt8], from: Int, to: Int, words: Words = .none
    ) -> Double? {
        precondition(0 <= from && from <= to && to <= bytes.count, "range outside of the bytes")
        return unsafe bytes.withUnsafeBufferPointer {
            unsafe parse(UnsafeBufferPointer(rebasing: $0[from..<to]), words)
        }
    }

    /// The number that `bytes` are, whole.
    package static func parse(_ bytes: Span<UInt8>, words: Words = .none) -> Double? {
        unsafe bytes.withUnsafeBufferPointer { unsafe parse($0, words) }
    }

    /// Powers of ten that doubles hold exactly.
    @inline(__always)
    static func exactPower(_ exponent: Int) -> Double {
        unsafe powers.withUnsafeBufferPointer { unsafe $0[exponent] }
    }

    static let exactPowerMax = 22
    private static let powers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
        1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]

    private static func parse(_ text: UnsafeBufferPointer<UInt8>, _ words: Words) -> Double? {
        let end = text.count
        guard end > 0, end <= byteCountMax else { return nil }
        var at = 0
        let isNegative = unsafe text[0] == UInt8(ascii: "-")
        if unsafe isNegative || text[0] == UInt8(ascii: "+") { at = 1 }

        var mantissa: UInt64 = 0
        var digitCount = 0
        while at < end, case let digit = unsafe text[at] &- 0x30, digit < 10 {
            mantissa = mantissa &* 10 &+ UInt64(digit)
            digitCount += 1
            at += 1
        }
        var exponent = 0
        if at < end, unsafe text[at] == UInt8(ascii: ".") {
            at += 1
            let point = at
            while at < end, case let digit = unsafe text[at] &- 0x30, digit < 10 {
                mantissa = mantissa &* 10 &+ UInt64(digit)
                at += 1
            }
            exponent = point - at
            digitCount += at - point
        }
        guard digitCount > 0 else {
            return words == .none ? nil : unsafe word(text, isNegative)
        }
        if at < end, unsafe text[at] | 0x20 == UInt8(ascii: "e") {
            guard let (written, next) = unsafe writtenExponent(text, at + 1) else { return nil }
            exponent += written
            at = next
        }
        guard at == end else { return nil }
        // Both are exact doubles, so one rounding remains: the result is the nearest double.
        // Up to 19 digits cannot overflow; leading zeros only make the slow way more frequent.
        if digitCount <= 19, mantissa <= 1 << 53, abs(exponent) <= exactPowerMax {
            let magnitude =
                exponent < 0
                ? Double(mantissa) / exactPower(-exponent)
                : Double(mantissa) * exactPower(exponent)
            return isNegative ? -magnitude : magnitude
        }
        return unsafe slow(text)
    }

    private static func writtenExponent(
        _ text: UnsafeBufferPointer<UInt8>, _ start: Int
    ) -> (value: Int, next: Int)? {
        var at = start
        var isNegative = false
        if at < text.count, unsafe text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") {
            isNegative = unsafe text[at] == UInt8(ascii: "-")
            at += 1
        }
        var value = 0
        let first = at
        while at < text.count, case let digit = unsafe text[at] &- 0x30, digit < 10 {
            value = min(value * 10 + Int(digit), 100_000)
            at += 1
        }
        return at > first ? (isNegative ? -value : value, at) : nil
    }

    private static func word(_ text: UnsafeBufferPointer<UInt8>, _ isNegative: Bool) -> Double? {
        let isSigned = unsafe isNegative || text[0] == UInt8(ascii: "+")
        let letters = unsafe text[(isSigned ? 1 : 0)...].map { $0 | 0x20 }
        if letters.elementsEqual("inf".utf8) || letters.elementsEqual("infinity".utf8) {
            return isNegative ? -.infinity : .infinity
        }
        return !isSigned && letters.elementsEqual("nan".utf8) ? .nan : nil
    }

    /// The grammar has been checked. The process never leaves the "C" locale.
    private static func slow(_ text: UnsafeBufferPointer<UInt8>) -> Double? {
        let value = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) {
            copy in
            for index in 0..<text.count {
                unsafe copy[index] = CChar(bitPattern: text[index])
            }
            unsafe copy[text.count] = 0
            return unsafe copy.baseAddress.map { unsafe strtod($0, nil) } ?? 0
        }
        return value.isFinite ? value : nil
    }
}
