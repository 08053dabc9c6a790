/// Whole numbers from decimal text.
enum DecimalText {
    /// The number that bytes[from..<to] are, with an optional sign; nil for anything else and for
    /// what does not fit.
    static func integer(_ bytes: Span<UInt8>, _ from: Int, _ to: Int) -> Int64? {
        guard from < to else { return nil }
        let isNegative = bytes[from] == 0x2D
        let start = isNegative || bytes[from] == 0x2B ? from + 1 : from
        guard let magnitude = magnitude(bytes, start, to) else { return nil }
        if isNegative {
            return magnitude <= UInt64(Int64.max) + 1
                ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
        }
        return Int64(exactly: magnitude)
    }

    /// The number without sign.
    static func magnitude(_ bytes: Span<UInt8>, _ from: Int, _ to: Int) -> UInt64? {
        guard from < to else { return nil }
        var value: UInt64 = 0
        var at = from
        // Nineteen digits always fit.
        let safe = min(to, from + 19)
        while at < safe {
            let digit = bytes[at] &- 0x30
            guard digit <= 9 else { return nil }
            value = value &* 10 &+ UInt64(digit)
            at += 1
        }
        while at < to {
            let digit = bytes[at] &- 0x30
            guard digit <= 9 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(UInt64(digit))
            guard !overflow, !overflow2 else { return nil }
            value = sum
            at += 1
        }
        return value
    }
}
