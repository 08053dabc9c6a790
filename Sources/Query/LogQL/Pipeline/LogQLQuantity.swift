/// Numbers, durations and sizes as they stand in queries and in lines.
///
/// Source: Go's strconv.ParseFloat and time.ParseDuration (with the days, weeks and years of
/// Prometheus), go-humanize's ParseBytes.
enum LogQLQuantity {
    /// Powers of ten that a double holds exactly.
    private static let powersOfTen: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ]

    /// A decimal number; also what Swift reads as one (`1e3`, `inf`, `0x1F`).
    static func number(_ text: ArraySlice<UInt8>) -> Double? {
        var digits: UInt64 = 0
        var digitCount = 0
        var fractionCount = 0
        var hasPoint = false
        var isNegative = false
        for (index, byte) in text.enumerated() {
            switch byte {
            case 0x30...0x39 where digitCount < 15:
                digits = digits * 10 + UInt64(byte - 0x30)
                digitCount += 1
                if hasPoint { fractionCount += 1 }
            case UInt8(ascii: ".") where !hasPoint: hasPoint = true
            case UInt8(ascii: "-") where index == 0: isNegative = true
            default: return Double(String(decoding: text, as: UTF8.self))
            }
        }
        guard digitCount > 0 else { return nil }
        // Both are exact, so the quotient is correctly rounded.
        let value = Double(digits) / powersOfTen[fractionCount]
        return isNegative ? -value : value
    }

    /// `1h2m3.5s`, `250ms`, `-1d`; ns, saturating nowhere: nil beyond 292 years.
    static func durationNanos(_ text: ArraySlice<UInt8>) -> Int64? {
        var rest = text
        var isNegative = false
        if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            isNegative = first == UInt8(ascii: "-")
            rest = rest.dropFirst()
        }
        if rest.count == 1, rest.first == 0x30 { return 0 }
        guard !rest.isEmpty else { return nil }
        var total = 0.0
        var whole: Int64 = 0
        while !rest.isEmpty {
            let figure = rest.prefix { 0x30...0x39 ~= $0 || $0 == UInt8(ascii: ".") }
            let unit = rest.dropFirst(figure.count)
                .prefix { !(0x30...0x39 ~= $0 || $0 == UInt8(ascii: ".")) }
            rest = rest.dropFirst(figure.count + unit.count)
            guard let count = number(figure), let size = nanos(ofUnit: unit) else { return nil }
            let part = count * Double(size)
            guard total + part < 9.2e18 else { return nil }
            total += part
            // Whole numbers of units stay exact.
            if count == count.rounded(), count < 9e15 {
                whole += Int64(count) * size
            } else {
                whole += Int64(part.rounded())
            }
        }
        return isNegative ? -whole : whole
    }

    /// The units that Go's `time.ParseDuration` knows: up to hours.
    static func goUnitNanos(_ unit: ArraySlice<UInt8>) -> Int64? {
        let isLong = unit.count == 1 && ["d", "w", "y"].contains { unit.elementsEqual($0.utf8) }
        return isLong ? nil : nanos(ofUnit: unit)
    }

    private static func nanos(ofUnit unit: ArraySlice<UInt8>) -> Int64? {
        switch unit.count {
        case 1:
            switch unit.first {
            case UInt8(ascii: "s"): 1_000_000_000
            case UInt8(ascii: "m"): 60_000_000_000
            case UInt8(ascii: "h"): 3_600_000_000_000
            case UInt8(ascii: "d"): 86_400_000_000_000
            case UInt8(ascii: "w"): 7 * 86_400_000_000_000
            case UInt8(ascii: "y"): 365 * 86_400_000_000_000
            default: nil
            }
        case 2 where unit.last == UInt8(ascii: "s"):
            switch unit.first {
            case UInt8(ascii: "n"): 1
            case UInt8(ascii: "u"): 1_000
            case UInt8(ascii: "m"): 1_000_000
            default: nil
            }
        // µ and μ
        case 3 where unit.elementsEqual([0xC2, 0xB5, 0x73]): 1_000
        case 3 where unit.elementsEqual([0xCE, 0xBC, 0x73]): 1_000
        default: nil
        }
    }

    /// `42`, `1.5KB` (thousands), `20 MiB` (1,024s); bytes.
    static func byteCount(_ text: ArraySlice<UInt8>) -> Double? {
        let figure = text.prefix {
            0x30...0x39 ~= $0 || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ",")
        }
        let unit = text.dropFirst(figure.count).filter { $0 != 0x20 }.map {
            0x41...0x5A ~= $0 ? $0 | 0x20 : $0
        }
        guard !figure.isEmpty,
            let count = number(figure.filter { $0 != UInt8(ascii: ",") }[...])
        else { return nil }
        if unit.isEmpty || unit == [UInt8(ascii: "b")] { return count }
        let prefixes = Array("kmgtpe".utf8)
        guard let power = prefixes.firstIndex(of: unit[0]) else { return nil }
        let ending = String(decoding: unit.dropFirst(), as: UTF8.self)
        let base: Double
        switch ending {
        case "", "b": base = 1_000
        case "i", "ib": base = 1_024
        default: return nil
        }
        return (0...power).reduce(count) { product, _ in product * base }.rounded(.down)
    }
}
