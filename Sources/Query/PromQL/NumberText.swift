/// Numbers as PromQL reads and prints them: Go's `ParseInt(base 0)` before `ParseFloat`, and
/// `FormatFloat('f', -1)`, the shortest digits that read back, without an exponent.
package enum NumberText {
    /// Nil when `text` is no number. `0755` is octal, `0x` hexadecimal, `1_000` a thousand.
    static func parse(_ text: ArraySlice<UInt8>) -> Double? {
        let plain = text.filter { $0 != UInt8(ascii: "_") }
        guard let first = plain.first else { return nil }
        let string = String(decoding: plain, as: UTF8.self)
        let isZeroLed = first == UInt8(ascii: "0") && plain.count > 1
        if isZeroLed, plain[1] | 0x20 == UInt8(ascii: "x") {
            return Int64(string.dropFirst(2), radix: 16).map(Double.init)
        }
        if isZeroLed, plain.allSatisfy({ $0 >= 0x30 && $0 <= 0x37 }),
            let octal = Int64(string, radix: 8)
        {
            return Double(octal)
        }
        return Double(string)
    }

    /// `12345000`, `0.000001`, `+Inf`, `-Inf`, `NaN`.
    package static func format(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        let shortest = Array(abs(value).description.utf8)
        let sign = value.sign == .minus ? "-" : ""
        let mantissaEnd = shortest.firstIndex(of: UInt8(ascii: "e")) ?? shortest.count
        var exponent = 0
        if mantissaEnd < shortest.count {
            let digits = String(decoding: shortest[(mantissaEnd + 1)...], as: UTF8.self)
            exponent = Int(digits) ?? 0
        }
        var digits: [UInt8] = []
        var pointPlace = 0
        for byte in shortest[..<mantissaEnd] {
            if byte == UInt8(ascii: ".") {
                pointPlace = digits.count
            } else {
                digits.append(byte)
            }
        }
        if !shortest[..<mantissaEnd].contains(UInt8(ascii: ".")) { pointPlace = digits.count }
        return sign + plain(digits, pointAt: pointPlace + exponent)
    }

    /// As a label of OpenMetrics: `1.0`, `0.5`, `+Inf`, `NaN`.
    static func openMetrics(_ value: Double) -> String {
        let text = format(value)
        return value.isFinite && !text.contains(".") ? text + ".0" : text
    }

    private static func plain(_ digits: [UInt8], pointAt point: Int) -> String {
        var digits = digits
        var point = point
        while digits.count > max(point, 1), digits.last == 0x30 { digits.removeLast() }
        while digits.count > 1, digits.first == 0x30, point > 1 {
            digits.removeFirst()
            point -= 1
        }
        var whole: [UInt8] = []
        var fraction: [UInt8] = []
        if point <= 0 {
            whole = [0x30]
            fraction = Array(repeating: 0x30, count: -point) + digits
        } else if point >= digits.count {
            whole = digits + Array(repeating: 0x30, count: point - digits.count)
        } else {
            whole = Array(digits[..<point])
            fraction = Array(digits[point...])
        }
        while fraction.last == 0x30 { fraction.removeLast() }
        let text = String(decoding: whole, as: UTF8.self)
        return fraction.isEmpty ? text : text + "." + String(decoding: fraction, as: UTF8.self)
    }
}
