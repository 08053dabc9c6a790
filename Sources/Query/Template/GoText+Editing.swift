/// Go's functions of strings.
///
/// Source: Go, strings/strings.go.
extension GoText {
    static func uppercased(_ bytes: [UInt8]) -> [UInt8] {
        mapped(bytes, ascii: { 0x61...0x7A ~= $0 ? $0 & 0xDF : $0 }) {
            $0.properties.uppercaseMapping
        }
    }

    static func lowercased(_ bytes: [UInt8]) -> [UInt8] {
        mapped(bytes, ascii: { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 }) {
            $0.properties.lowercaseMapping
        }
    }

    /// Character by character: what would become several stays as it is.
    private static func mapped(
        _ bytes: [UInt8], ascii: (UInt8) -> UInt8, _ mapping: (Unicode.Scalar) -> String
    ) -> [UInt8] {
        if bytes.allSatisfy({ $0 < 0x80 }) { return bytes.map(ascii) }
        var result: [UInt8] = []
        forEachScalar(bytes) { scalar, _ in
            let scalar = scalar ?? "\u{FFFD}"
            let mapped = mapping(scalar)
            let isOne = mapped.unicodeScalars.count == 1
            result += Array((isOne ? mapped : String(Character(scalar))).utf8)
        }
        return result
    }

    /// Each word's first letter as in a title. Words are parted by all but letters, digits and `_`.
    static func titled(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var isAfterSeparator = true
        forEachScalar(bytes) { scalar, range in
            let scalar = scalar ?? "\u{FFFD}"
            if isAfterSeparator {
                let mapped = scalar.properties.titlecaseMapping
                let isOne = mapped.unicodeScalars.count == 1
                result += Array((isOne ? mapped : String(Character(scalar))).utf8)
            } else {
                result += Array(String(Character(scalar)).utf8)
            }
            isAfterSeparator = isSeparator(scalar)
        }
        return result
    }

    private static func isSeparator(_ scalar: Unicode.Scalar) -> Bool {
        if isLetter(scalar) || isDigit(scalar) || scalar == "_" { return false }
        return scalar.isASCII || isSpace(scalar)
    }

    /// Without the characters at either end that `isDropped`.
    static func trimmed(
        _ bytes: [UInt8], left: Bool = true, right: Bool = true,
        _ isDropped: (Unicode.Scalar) -> Bool
    ) -> [UInt8] {
        var start = 0
        while left, start < bytes.count {
            let (scalar, length) = scalar(bytes[...], at: start)
            guard isDropped(scalar ?? "\u{FFFD}") else { break }
            start += length
        }
        var end = bytes.count
        while right, end > start {
            var last = end - 1
            while last > start, end - last < 4, bytes[last] & 0xC0 == 0x80 { last -= 1 }
            var (scalar, length) = scalar(bytes[..<end], at: last)
            if last + length != end { (scalar, last) = (nil, end - 1) }
            guard isDropped(scalar ?? "\u{FFFD}") else { break }
            length = end - last
            end -= length
        }
        return Array(bytes[start..<end])
    }

    static func trimmed(
        _ bytes: [UInt8], left: Bool = true, right: Bool = true, of set: [UInt8]
    ) -> [UInt8] {
        var scalars = Set<Unicode.Scalar>()
        forEachScalar(set) { scalar, _ in scalars.insert(scalar ?? "\u{FFFD}") }
        return trimmed(bytes, left: left, right: right) { scalars.contains($0) }
    }

    static func trimmedSpace(_ bytes: [UInt8]) -> [UInt8] { trimmed(bytes) { isSpace($0) } }

    static func withoutPrefix(_ bytes: [UInt8], _ prefix: [UInt8]) -> [UInt8] {
        bytes.starts(with: prefix) ? Array(bytes.dropFirst(prefix.count)) : bytes
    }

    static func withoutSuffix(_ bytes: [UInt8], _ suffix: [UInt8]) -> [UInt8] {
        hasSuffix(bytes, suffix) ? Array(bytes.dropLast(suffix.count)) : bytes
    }

    static func hasSuffix(_ bytes: [UInt8], _ suffix: [UInt8]) -> Bool {
        bytes.count >= suffix.count && bytes.suffix(suffix.count).elementsEqual(suffix)
    }

    static func contains(_ bytes: [UInt8], _ needle: [UInt8]) -> Bool {
        ByteSearch.firstIndex(of: needle, in: bytes, 0..<bytes.count) != nil
    }

    /// The first `limit` occurrences replaced; all when it is negative. An empty `old` stands
    /// before each character and at the end.
    static func replaced(
        _ bytes: [UInt8], _ old: [UInt8], _ new: [UInt8], limit: Int = -1, atMost: Int
    ) throws(TemplateFailure) -> [UInt8] {
        var result: [UInt8] = []
        var place = 0
        var rest = limit < 0 ? Int.max : limit
        while rest > 0 {
            guard result.count <= atMost else { throw TemplateLimits.valueFailure }
            if old.isEmpty {
                result += new
                rest -= 1
                if place == bytes.count { return result }
                let length = scalar(bytes[...], at: place).length
                result += bytes[place..<place + length]
                place += length
                continue
            }
            guard let next = ByteSearch.firstIndex(of: old, in: bytes, place..<bytes.count) else {
                break
            }
            result += bytes[place..<next]
            result += new
            place = next + old.count
            rest -= 1
        }
        result += bytes[place...]
        return result
    }

    static func repeated(
        _ bytes: [UInt8], _ count: Int, atMost: Int
    ) throws(TemplateFailure) -> [UInt8] {
        guard count >= 0 else { throw TemplateFailure("strings: negative Repeat count") }
        let (size, isFar) = bytes.count.multipliedReportingOverflow(by: count)
        guard !isFar, size <= atMost else { throw TemplateLimits.valueFailure }
        var result: [UInt8] = []
        result.reserveCapacity(size)
        for _ in 0..<(bytes.isEmpty ? 0 : count) { result += bytes }
        return result
    }
}
