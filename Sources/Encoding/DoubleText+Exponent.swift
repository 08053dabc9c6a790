/// Exponents, as Go's format 'e' writes them.
extension DoubleText {
    /// `1.5e+03`: as few digits as it takes to parse back to `value`, which must be finite.
    package static func exponential(_ value: Double) -> String {
        precondition(value.isFinite, "only numbers have an exponent")
        let text = value.magnitude.description
        let parts = text.split(separator: "e")
        let sides = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let whole = sides[0]
        let fraction = sides.count > 1 ? sides[1] : ""
        var digits = Array(whole + fraction)
        var exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) + whole.count - 1
        while digits.count > 1, digits.first == "0" {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.count > 1, digits.last == "0" { digits.removeLast() }
        if digits == ["0"] { exponent = 0 }
        let mantissa = String(digits[0]) + (digits.count > 1 ? "." + String(digits[1...]) : "")
        let power = String(exponent.magnitude)
        return (value.sign == .minus ? "-" : "") + mantissa + (exponent < 0 ? "e-" : "e+")
            + (power.count < 2 ? "0" : "") + power
    }
}
