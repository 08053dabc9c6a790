internal import Encoding

/// Names and values of a query string or a form body, in order, repeated names kept.
/// Source: WHATWG URL, application/x-www-form-urlencoded.
package struct FormParameters: Sendable, Equatable {
    package private(set) var names: [String] = []
    package private(set) var values: [String] = []

    package static let countMax = 10_000

    package init() {}

    /// Appends what `text` holds: `a=1&b=two+words&c=%C3%A4`. Pairs beyond `countMax` are a 400.
    package mutating func add(encoded text: some Collection<UInt8>) throws(HTTPFailure) {
        for pair in text.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true) {
            guard names.count < FormParameters.countMax else {
                throw HTTPFailure.badData("more than \(FormParameters.countMax) parameters")
            }
            let cut = pair.firstIndex(of: UInt8(ascii: "="))
            names.append(FormParameters.decoded(pair[..<(cut ?? pair.endIndex)]))
            values.append(
                cut.map { FormParameters.decoded(pair[pair.index(after: $0)...]) } ?? "")
        }
    }

    package mutating func add(_ name: String, _ value: String) {
        names.append(name)
        values.append(value)
    }

    /// The first value of `name`.
    package subscript(name: String) -> String? {
        names.firstIndex(of: name).map { values[$0] }
    }

    /// Every value of `name`, and of `name[]`, which some clients write.
    package func all(_ name: String) -> [String] {
        zip(names, values).filter { $0.0 == name || $0.0 == "\(name)[]" }.map(\.1)
    }

    /// Percent and plus decoded; what is no valid escape stays as it is.
    package static func decoded(_ text: some Collection<UInt8>) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = Array(text)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "+") {
                bytes.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%"), rest.count >= 2,
                let high = hexValue(rest[rest.startIndex]),
                let low = hexValue(rest[rest.startIndex + 1])
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Percent-encoded for a query string, the reverse of `decoded`.
    package static func encoded(_ text: String) -> String { PercentEncoding.encoded(text) }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
