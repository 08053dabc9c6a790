/// Durations as Prometheus writes them, `1w2d3h4m5s6ms`: each unit at most once, in falling order,
/// whole numbers. A year has 365 days, a day 24 hours. Held as nanoseconds.
package enum DurationText {
    private struct Unit {
        let name: [UInt8]
        let nanos: Int64
        /// Whether the canonical form uses it whatever is left; years and weeks only when exact.
        let isAlwaysPrinted: Bool

        init(_ name: String, _ nanos: Int64, isAlwaysPrinted: Bool = true) {
            self.name = Array(name.utf8)
            self.nanos = nanos
            self.isAlwaysPrinted = isAlwaysPrinted
        }
    }

    private static let units: [Unit] = [
        Unit("y", 365 * 86_400_000_000_000, isAlwaysPrinted: false),
        Unit("w", 7 * 86_400_000_000_000, isAlwaysPrinted: false),
        Unit("d", 86_400_000_000_000, isAlwaysPrinted: false),
        Unit("h", 3_600_000_000_000),
        Unit("m", 60_000_000_000),
        Unit("s", 1_000_000_000),
        Unit("ms", 1_000_000),
    ]

    /// Why a text is no duration.
    package enum Problem: Error, Hashable, Sendable {
        case empty
        case malformed
        /// Beyond 292 years.
        case outOfRange
    }

    /// Nanoseconds, never negative.
    package static func parse(_ text: some Collection<UInt8>) throws(Problem) -> Int64 {
        let bytes = Array(text)
        guard !bytes.isEmpty else { throw .empty }
        if bytes == [0x30] { return 0 }
        var total: Int64 = 0
        var nextUnit = 0
        var offset = 0
        while offset < bytes.count {
            let count = try number(of: bytes, at: &offset)
            let start = offset
            while offset < bytes.count, !isDigit(bytes[offset]) { offset += 1 }
            let name = bytes[start..<offset]
            guard
                let index = units.indices.first(where: {
                    $0 >= nextUnit && units[$0].name.elementsEqual(name)
                })
            else { throw .malformed }
            nextUnit = index + 1
            let (product, overflow) = count.multipliedReportingOverflow(by: units[index].nanos)
            let (sum, carry) = total.addingReportingOverflow(product)
            guard !overflow, !carry else { throw .outOfRange }
            total = sum
        }
        return total
    }

    /// Nanoseconds, never negative.
    package static func parse(_ text: String) throws(Problem) -> Int64 {
        try parse(Array(text.utf8))
    }

    /// The canonical form, as Prometheus prints it: `90s` is `1m30s`, `14d` is `2w`, `8d` is `8d`.
    /// What is below a millisecond is dropped.
    package static func format(nanos: Int64) -> String {
        guard nanos != 0 else { return "0s" }
        var text = nanos < 0 ? "-" : ""
        var rest = nanos.magnitude
        for unit in units {
            let length = UInt64(unit.nanos)
            if !unit.isAlwaysPrinted, rest % length != 0 { continue }
            let count = rest / length
            guard count > 0 else { continue }
            text += "\(count)\(String(decoding: unit.name, as: UTF8.self))"
            rest -= count * length
        }
        return text.isEmpty || text == "-" ? "0s" : text
    }

    private static func number(
        of bytes: [UInt8], at offset: inout Int
    ) throws(Problem) -> Int64 {
        var value: Int64 = 0
        let start = offset
        while offset < bytes.count, isDigit(bytes[offset]) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int64(bytes[offset] - 0x30))
            guard !overflow, !carry else { throw .outOfRange }
            value = sum
            offset += 1
        }
        guard offset > start else { throw .malformed }
        return value
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}
