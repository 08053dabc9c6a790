/// Numbers made of whatever a template has, and their arithmetic, as the library of functions that
/// Loki uses does it.
///
/// Source: Masterminds/sprig, numeric.go; spf13/cast; shopspring/decimal.
enum SprigNumbers {
    /// 0 for what is no number.
    static func int(_ value: TemplateValue) -> Int64 {
        switch value {
        case .int(let value), .duration(let value): value
        case .float(let value): truncated(value)
        case .bool(let value): value ? 1 : 0
        case .text(let bytes): int(bytes)
        case .none, .time, .list, .map: 0
        }
    }

    private static func int(_ bytes: [UInt8]) -> Int64 {
        var text = String(decoding: bytes, as: UTF8.self)
        // `3.00` is 3.
        if let point = text.firstIndex(of: "."),
            text[point...].dropFirst().allSatisfy({ $0 == "0" })
        {
            text = String(text[..<point])
        }
        return GoNumber.int(text, base: 0) ?? 0
    }

    /// As the processor does it: what does not fit is the least of all.
    private static func truncated(_ value: Double) -> Int64 {
        value > -9.3e18 && value < 9.223372036854775e18 ? Int64(value) : .min
    }

    static func float(_ value: TemplateValue) -> Double {
        switch value {
        case .int(let value), .duration(let value): Double(value)
        case .float(let value): value
        case .bool(let value): value ? 1 : 0
        case .text(let bytes): GoNumber.float(String(decoding: bytes, as: UTF8.self)) ?? 0
        case .none, .time, .list, .map: 0
        }
    }

    /// Whether sprig's `default` puts another in its place.
    static func isEmpty(_ value: TemplateValue) -> Bool {
        if case .map(let map) = value { return map.entries.isEmpty && !map.kind.isRecord }
        if case .time = value { return false }
        return !value.isTrue
    }

    /// To so many decimal places, half upwards.
    static func rounded(_ value: Double, places: Int64, from half: Double) -> Double {
        let power = FloatMath.power(10, Double(places))
        let digit = power * value
        let whole = digit.rounded(.towardZero)
        let up = digit - whole >= half
        return digit.rounded(up ? .up : .down) / power
    }
}

/// Decimal arithmetic of a few digits: 0.1 + 0.2 is 0.3. What does not fit goes the way of doubles.
struct SprigDecimal {
    private let mantissa: Int128
    private let exponent: Int
    private let value: Double

    /// The shortest decimal number that reads back as `value`.
    init(_ value: Double) {
        self.value = value
        guard value.isFinite else {
            (mantissa, exponent) = (0, 0)
            return
        }
        let digits = DecimalDigits(shortest: value)
        let size = digits.digits.reduce(Int128(0)) { $0 * 10 + Int128($1) }
        mantissa = value < 0 ? -size : size
        exponent = digits.point - digits.digits.count
    }

    private init(_ mantissa: Int128, _ exponent: Int) {
        self.mantissa = mantissa
        self.exponent = exponent
        value = Double("\(mantissa)e\(exponent)") ?? 0
    }

    var double: Double { value }

    static func sum(_ a: SprigDecimal, _ b: SprigDecimal, sign: Int128) -> SprigDecimal {
        let exponent = min(a.exponent, b.exponent)
        if a.isExact, b.isExact, let left = a.mantissa(at: exponent),
            let right = b.mantissa(at: exponent)
        {
            let (sum, isFar) = left.addingReportingOverflow(sign * right)
            if !isFar { return SprigDecimal(sum, exponent) }
        }
        return SprigDecimal(a.value + Double(sign) * b.value)
    }

    static func product(_ a: SprigDecimal, _ b: SprigDecimal) -> SprigDecimal {
        let (product, isFar) = a.mantissa.multipliedReportingOverflow(by: b.mantissa)
        if a.isExact, b.isExact, !isFar { return SprigDecimal(product, a.exponent + b.exponent) }
        return SprigDecimal(a.value * b.value)
    }

    /// To 16 decimal places.
    static func quotient(
        _ a: SprigDecimal, _ b: SprigDecimal
    ) throws(TemplateFailure) -> SprigDecimal {
        guard b.mantissa != 0 || !b.isExact else {
            throw TemplateFailure("decimal division by 0")
        }
        let shift = a.exponent - b.exponent + 16
        let scale = power(abs(shift))
        if a.isExact, b.isExact, let scale {
            let (top, isFar) = a.mantissa.multipliedReportingOverflow(by: shift > 0 ? scale : 1)
            let (bottom, isFarther) =
                b.mantissa.multipliedReportingOverflow(by: shift < 0 ? scale : 1)
            if !isFar, !isFarther, top.magnitude < 1 << 120, bottom.magnitude < 1 << 120 {
                let (quotient, rest) = top.quotientAndRemainder(dividingBy: bottom)
                let isUp = rest.magnitude * 2 >= bottom.magnitude
                let step: Int128 = (top < 0) == (bottom < 0) ? 1 : -1
                return SprigDecimal(isUp ? quotient + step : quotient, -16)
            }
        }
        return SprigDecimal(a.value / b.value)
    }

    private var isExact: Bool { value.isFinite }

    private func mantissa(at wanted: Int) -> Int128? {
        guard let power = SprigDecimal.power(exponent - wanted) else { return nil }
        let (product, isFar) = mantissa.multipliedReportingOverflow(by: power)
        return isFar ? nil : product
    }

    private static func power(_ exponent: Int) -> Int128? {
        guard (0...36).contains(exponent) else { return nil }
        return (0..<exponent).reduce(Int128(1)) { product, _ in product * 10 }
    }
}
