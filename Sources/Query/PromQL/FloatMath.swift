internal import Glibc

/// Functions of one and two numbers. The only place of the query room that calls the C library,
/// and only its pure mathematics.
enum FloatMath {
    static func function(_ function: MapFunction) -> (Double) -> Double {
        switch function {
        case .abs: { Swift.abs($0) }
        case .ceil: { $0.rounded(.up) }
        case .floor: { $0.rounded(.down) }
        case .exp: { Glibc.exp($0) }
        case .ln: { Glibc.log($0) }
        case .log2: { Glibc.log2($0) }
        case .log10: { Glibc.log10($0) }
        case .sqrt: { $0.squareRoot() }
        case .sgn: { $0 < 0 ? -1 : $0 > 0 ? 1 : $0 }
        case .sin: { Glibc.sin($0) }
        case .cos: { Glibc.cos($0) }
        case .tan: { Glibc.tan($0) }
        case .asin: { Glibc.asin($0) }
        case .acos: { Glibc.acos($0) }
        case .atan: { Glibc.atan($0) }
        case .sinh: { Glibc.sinh($0) }
        case .cosh: { Glibc.cosh($0) }
        case .tanh: { Glibc.tanh($0) }
        case .asinh: { Glibc.asinh($0) }
        case .acosh: { Glibc.acosh($0) }
        case .atanh: { Glibc.atanh($0) }
        case .deg: { $0 * 180 / Double.pi }
        case .rad: { $0 * Double.pi / 180 }
        }
    }

    /// The larger or smaller; infinity in its direction wins, then NaN.
    static func extreme(_ a: Double, _ b: Double, isMaximum: Bool) -> Double {
        let limit = isMaximum ? Double.infinity : -Double.infinity
        if a == limit || b == limit { return limit }
        if a.isNaN || b.isNaN { return .nan }
        if a == 0, b == 0 { return (a.sign == .minus) == isMaximum ? b : a }
        return isMaximum ? max(a, b) : min(a, b)
    }

    /// The whole number in `value`, from 0 to `limit`; a NaN is 0.
    static func count(_ value: Double, atMost limit: Int) -> Int {
        value >= Double(limit) ? limit : value >= 1 ? Int(value) : 0
    }

    static func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
    static func remainder(_ a: Double, _ b: Double) -> Double { fmod(a, b) }
    static func arcTangent(_ y: Double, _ x: Double) -> Double { atan2(y, x) }
    static func cosine(_ value: Double) -> Double { cos(value) }
    static func logarithm(_ value: Double) -> Double { log(value) }
    static func exponential(_ value: Double) -> Double { exp(value) }
    static func logarithm2(_ value: Double) -> Double { log2(value) }
    static func power2(_ exponent: Double) -> Double { exp2(exponent) }
}
