/// Numbers for people, four digits long.
///
/// Source: Prometheus, template/template.go; prometheus/common, helpers/templates.
enum Humanizer {
    static func float(_ value: TemplateValue) throws(TemplateFailure) -> Double {
        switch value {
        case .float(let value): return value
        case .int(let value): return Double(value)
        case .duration(let nanos): return Double(nanos) / 1e9
        case .text(let bytes):
            if let value = GoNumber.float(String(decoding: bytes, as: UTF8.self)) { return value }
            throw TemplateFailure(
                "strconv.ParseFloat: parsing \(GoText.quoted(bytes)): invalid syntax")
        case .none, .bool, .time, .list, .map:
            throw TemplateFailure("can't convert \(value.typeName) to float")
        }
    }

    /// `%.4g`
    static func short(_ value: Double) -> String {
        var format = GoFormat()
        format.flags.precision = 4
        format.append(.float(value), UInt8(ascii: "g"))
        return String(decoding: format.output, as: UTF8.self)
    }

    private static let smallPrefixes = ["m", "u", "n", "p", "f", "a", "z", "y"]

    /// `1.235M`, `12m`
    static func decimal(_ value: Double) -> String {
        guard value != 0, value.isFinite else { return short(value) }
        if value.magnitude < 1 { return small(value) }
        return large(value, 1_000, ["k", "M", "G", "T", "P", "E", "Z", "Y"])
    }

    /// `1.5Ki`, with small letters for the first, as Prometheus has it.
    static func binary(_ value: Double) -> String {
        guard value.magnitude > 1, value.isFinite else { return short(value) }
        return large(value, 1_024, ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"])
    }

    private static func large(_ value: Double, _ base: Double, _ prefixes: [String]) -> String {
        var value = value
        var prefix = ""
        for next in prefixes where value.magnitude >= base {
            prefix = next
            value /= base
        }
        return short(value) + prefix
    }

    private static func small(_ value: Double) -> String {
        var value = value
        var prefix = ""
        for next in smallPrefixes where value.magnitude < 1 {
            prefix = next
            value *= 1_000
        }
        return short(value) + prefix
    }

    /// `1d 2h 3m 4s`, `59.5s`, `12ms`
    static func duration(_ value: Double) -> String {
        guard value.isFinite else { return short(value) }
        if value == 0 { return "0s" }
        if value.magnitude < 1 { return small(value) + "s" }
        let sign = value < 0 ? "-" : ""
        let size = value.magnitude
        guard size < 9.2e18 else { return sign + short(size) + "s" }
        let whole = Int64(size)
        let (days, hours) = (whole / 86_400, whole / 3600 % 24)
        let (minutes, seconds) = (whole / 60 % 60, whole % 60)
        if days != 0 { return "\(sign)\(days)d \(hours)h \(minutes)m \(seconds)s" }
        if hours != 0 { return "\(sign)\(hours)h \(minutes)m \(seconds)s" }
        if minutes != 0 { return "\(sign)\(minutes)m \(seconds)s" }
        return sign + short(size) + "s"
    }

    /// Of seconds since 1970, to the millisecond.
    static func time(_ seconds: Double) throws(TemplateFailure) -> TemplateTime {
        let nanos = Int64(try nanos(seconds))
        return TemplateTime(nanos: nanos / 1_000_000 * 1_000_000)
    }

    /// Nanoseconds that fit.
    static func nanos(_ seconds: Double) throws(TemplateFailure) -> Double {
        let nanos = seconds * 1e9
        guard nanos.magnitude < 9.223372036854775e18 else {
            let shown = String(decoding: GoFloat.text(seconds), as: UTF8.self)
            throw TemplateFailure(
                "\(shown) cannot be represented as a nanoseconds timestamp since it overflows int64"
            )
        }
        return nanos
    }
}

/// `host:port`, `[::1]:port`.
///
/// Source: Go, net/ipsock.go (`SplitHostPort`).
struct HostPort {
    let host: [UInt8]
    let port: [UInt8]

    /// Nil when there is no port, or more than one colon without brackets.
    init?(_ text: [UInt8]) {
        guard let colon = text.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        if text.first == UInt8(ascii: "[") {
            guard let end = text.firstIndex(of: UInt8(ascii: "]")), end + 1 == colon else {
                return nil
            }
            host = Array(text[1..<end])
        } else {
            host = Array(text[..<colon])
            guard !host.contains(UInt8(ascii: ":")) else { return nil }
        }
        port = Array(text[(colon + 1)...])
        let brackets = [UInt8(ascii: "["), UInt8(ascii: "]")]
        guard !host.contains(where: brackets.contains), !port.contains(where: brackets.contains)
        else { return nil }
    }

    /// `db.example.com:9100` as `db:9100`; addresses stay as they are.
    static func withoutDomain(_ text: [UInt8]) -> [UInt8] {
        let parts = HostPort(text)
        let host = parts?.host ?? text
        guard !isAddress(host) else { return text }
        let name = Array(host.prefix { $0 != UInt8(ascii: ".") })
        guard let port = parts?.port, !port.isEmpty else { return name }
        return name + [UInt8(ascii: ":")] + port
    }

    private static func isAddress(_ host: [UInt8]) -> Bool {
        AddressRange(String(decoding: host, as: UTF8.self)) != nil
            && !host.contains(UInt8(ascii: "/")) && !host.contains(UInt8(ascii: "-"))
    }
}
