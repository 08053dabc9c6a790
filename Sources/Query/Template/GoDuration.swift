/// Durations as Go's time package reads and prints them. Nanoseconds.
///
/// Source: Go, time/time.go (`Duration.String`), time/format.go (`ParseDuration`).
enum GoDuration {
    /// `1h2m3.5s`, `1.5ms`, `0s`.
    static func text(_ nanos: Int64) -> String {
        let size = nanos.magnitude
        let sign = nanos < 0 ? "-" : ""
        if size == 0 { return "0s" }
        if size < 1_000 { return "\(sign)\(size)ns" }
        if size < 1_000_000 { return sign + fraction(size, 1_000) + "µs" }
        if size < 1_000_000_000 { return sign + fraction(size, 1_000_000) + "ms" }
        let minutes = size / 60_000_000_000
        let seconds = fraction(size % 60_000_000_000, 1_000_000_000) + "s"
        if minutes == 0 { return sign + seconds }
        if minutes < 60 { return "\(sign)\(minutes)m\(seconds)" }
        return "\(sign)\(minutes / 60)h\(minutes % 60)m\(seconds)"
    }

    private static func fraction(_ value: UInt64, _ unit: UInt64) -> String {
        let rest = value % unit
        guard rest > 0 else { return String(value / unit) }
        var digits = Array(String(rest + unit).utf8.dropFirst())
        while digits.last == 0x30 { digits.removeLast() }
        return "\(value / unit).\(String(decoding: digits, as: UTF8.self))"
    }

    /// Hours to nanoseconds. Throws in Go's words.
    static func parse(_ text: [UInt8]) throws(TemplateFailure) -> Int64 {
        let quoted = GoText.quoted(text)
        let bad = TemplateFailure("time: invalid duration \(quoted)")
        var rest = text[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        if rest.elementsEqual([0x30]) { return 0 }
        guard !rest.isEmpty else { throw bad }
        var total: UInt64 = 0
        while !rest.isEmpty {
            let figure = rest.prefix { 0x30...0x39 ~= $0 || $0 == UInt8(ascii: ".") }
            rest = rest.dropFirst(figure.count)
            let parts = figure.split(
                separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
            guard figure.contains(where: { $0 != UInt8(ascii: ".") }),
                parts.count < 2 || !parts[1].contains(UInt8(ascii: "."))
            else { throw bad }
            let unit = rest.prefix { !(0x30...0x39 ~= $0) && $0 != UInt8(ascii: ".") }
            rest = rest.dropFirst(unit.count)
            guard !unit.isEmpty else {
                throw TemplateFailure("time: missing unit in duration \(quoted)")
            }
            guard let size = LogQLQuantity.goUnitNanos(unit) else {
                throw TemplateFailure(
                    "time: unknown unit \(GoText.quoted(Array(unit))) in duration \(quoted)")
            }
            guard
                let part = product(parts[0], parts.count > 1 ? parts[1] : [], UInt64(size)),
                total <= 1 << 63, part <= 1 << 63
            else { throw bad }
            total += part
        }
        if isNegative, total <= 1 << 63 { return Int64(truncatingIfNeeded: 0 &- total) }
        guard total < 1 << 63 else { throw bad }
        return Int64(total)
    }

    /// Whole and fraction times the unit; nil when it is too large.
    private static func product(
        _ whole: ArraySlice<UInt8>, _ fraction: ArraySlice<UInt8>, _ unit: UInt64
    ) -> UInt64? {
        var value: UInt64 = 0
        for byte in whole {
            let (product, isFar) = value.multipliedReportingOverflow(by: 10)
            let (sum, isFarther) = product.addingReportingOverflow(UInt64(byte - 0x30))
            if isFar || isFarther { return nil }
            value = sum
        }
        let (product, isFar) = value.multipliedReportingOverflow(by: unit)
        if isFar { return nil }
        var share = 0.0
        var scale = 1.0
        for byte in fraction.prefix(18) {
            share = share * 10 + Double(byte - 0x30)
            scale *= 10
        }
        let (sum, isFarther) = product.addingReportingOverflow(
            UInt64(share * (Double(unit) / scale)))
        return isFarther ? nil : sum
    }
}
