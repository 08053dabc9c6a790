/// A number's decimal digits: 0.d₁d₂d₃… × 10^point. Zero has none.
///
/// Source: Go, strconv/decimal.go, strconv/ftoa.go.
struct DecimalDigits: Sendable {
    /// From 0 to 9; the first and the last are not 0.
    private(set) var digits: [UInt8]
    private(set) var point: Int

    /// The fewest digits that read back as `value`, which is finite; its sign is left out.
    init(shortest value: Double) {
        var digits: [UInt8] = []
        var point: Int?
        var exponent = 0
        let text = Array(value.magnitude.description.utf8)
        for (index, byte) in text.enumerated() {
            if byte == UInt8(ascii: ".") {
                point = digits.count
            } else if byte == UInt8(ascii: "e") {
                exponent = Int(String(decoding: text[(index + 1)...], as: UTF8.self)) ?? 0
                break
            } else {
                digits.append(byte - 0x30)
            }
        }
        self.digits = digits
        self.point = (point ?? digits.count) + exponent
        trim()
    }

    /// All digits of `value`, which is finite; its sign is left out.
    init(exactly value: Double) {
        let mantissa = value.magnitude
        digits = []
        point = 0
        guard mantissa != 0 else { return }
        let exponent = mantissa.exponent > -1023 ? Int(mantissa.exponent) - 52 : -1074
        let bits =
            mantissa.isSubnormal
            ? mantissa.significandBitPattern : mantissa.significandBitPattern | 1 << 52
        var limbs = [UInt64(bits % 1_000_000_000), UInt64(bits / 1_000_000_000)]
        var rest = abs(exponent)
        // m × 2^e, or m × 5^-e ÷ 10^-e.
        let base: UInt64 = exponent >= 0 ? 2 : 5
        let chunk = 10
        let power = (0..<chunk).reduce(UInt64(1)) { product, _ in product * base }
        while rest >= chunk {
            DecimalDigits.multiply(&limbs, by: power)
            rest -= chunk
        }
        DecimalDigits.multiply(&limbs, by: (0..<rest).reduce(UInt64(1)) { sum, _ in sum * base })
        for limb in limbs.reversed() {
            var part = [UInt8](repeating: 0, count: 9)
            var limb = limb
            for place in part.indices.reversed() {
                part[place] = UInt8(limb % 10)
                limb /= 10
            }
            digits += part
        }
        point = digits.count - (exponent < 0 ? -exponent : 0)
        trim()
    }

    /// Limbs of nine digits, the lowest first.
    private static func multiply(_ limbs: inout [UInt64], by factor: UInt64) {
        var carry: UInt64 = 0
        for index in limbs.indices {
            let product = limbs[index] * factor + carry
            limbs[index] = product % 1_000_000_000
            carry = product / 1_000_000_000
        }
        while carry > 0 {
            limbs.append(carry % 1_000_000_000)
            carry /= 1_000_000_000
        }
    }

    private mutating func trim() {
        let leading = digits.prefix { $0 == 0 }.count
        digits.removeFirst(leading)
        point -= leading
        while digits.last == 0 { digits.removeLast() }
        if digits.isEmpty { point = 0 }
    }

    /// Keeps `count` digits; half goes to the even neighbour.
    mutating func round(to count: Int) {
        guard count < digits.count else { return }
        guard count >= 0 else {
            (digits, point) = ([], 0)
            return
        }
        let isHalf = count + 1 == digits.count && digits[count] == 5
        let isUp = isHalf ? count > 0 && digits[count - 1] % 2 == 1 : digits[count] >= 5
        digits.removeLast(digits.count - count)
        if isUp {
            while digits.last == 9 { digits.removeLast() }
            if digits.isEmpty {
                digits = [1]
                point += 1
            } else {
                digits[digits.count - 1] += 1
            }
        }
        trim()
    }

    /// `d.ddde±dd` with so many digits behind the point.
    func scientific(_ fractionCount: Int, exponentLetter: UInt8) -> [UInt8] {
        var text = [0x30 + (digits.first ?? 0)]
        if fractionCount > 0 {
            text.append(UInt8(ascii: "."))
            for place in 1...fractionCount { text.append(0x30 + digit(place)) }
        }
        let exponent = digits.isEmpty ? 0 : point - 1
        text += [exponentLetter, exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")]
        if abs(exponent) < 10 { text.append(0x30) }
        return text + Array(String(abs(exponent)).utf8)
    }

    /// `ddd.ddd` with so many digits behind the point.
    func plain(_ fractionCount: Int) -> [UInt8] {
        var text: [UInt8] = []
        if point > 0 {
            for place in 0..<point { text.append(0x30 + digit(place)) }
        } else {
            text.append(0x30)
        }
        if fractionCount > 0 {
            text.append(UInt8(ascii: "."))
            for place in 0..<fractionCount { text.append(0x30 + digit(point + place)) }
        }
        return text
    }

    private func digit(_ place: Int) -> UInt8 {
        place >= 0 && place < digits.count ? digits[place] : 0
    }
}

/// Floating-point numbers as Go prints them, without the sign.
enum GoFloat {
    /// `verb`: e, E, f, F, g or G. Without a precision as few digits as read back.
    static func magnitude(_ value: Double, _ verb: UInt8, precision: Int?) -> [UInt8] {
        if value.isNaN { return Array("NaN".utf8) }
        if value.isInfinite { return Array("Inf".utf8) }
        let lower = verb | 0x20
        var digits =
            precision == nil ? DecimalDigits(shortest: value) : DecimalDigits(exactly: value)
        let letter: UInt8 = verb == lower ? UInt8(ascii: "e") : UInt8(ascii: "E")
        switch lower {
        case UInt8(ascii: "e"):
            if let precision { digits.round(to: precision + 1) }
            return digits.scientific(
                precision ?? max(0, digits.digits.count - 1), exponentLetter: letter)
        case UInt8(ascii: "f"):
            if let precision { digits.round(to: digits.point + precision) }
            return digits.plain(precision ?? max(0, digits.digits.count - digits.point))
        default:
            let wanted = precision.map { max(1, $0) }
            if let wanted { digits.round(to: wanted) }
            let count = digits.digits.count
            var limit = wanted ?? 6
            if wanted != nil, limit > count, count >= digits.point { limit = count }
            let exponent = digits.point - 1
            if count > 0, exponent < -4 || exponent >= limit {
                return digits.scientific(
                    max(0, min(wanted ?? count, count) - 1), exponentLetter: letter)
            }
            return digits.plain(max(0, count - digits.point))
        }
    }

    /// As `print` prints it.
    static func text(_ value: Double) -> [UInt8] {
        if value.isInfinite { return Array((value < 0 ? "-Inf" : "+Inf").utf8) }
        let isNegative = value.sign == .minus && !value.isNaN
        let magnitude = magnitude(value, UInt8(ascii: "g"), precision: nil)
        return isNegative ? [UInt8(ascii: "-")] + magnitude : magnitude
    }
}
