internal import Encoding
package import Model

/// Writes JSON straight into bytes: no tree, no `Codable`, nothing allocated per value. Commas are
/// the caller's business.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(reserving count: Int = 0) { bytes.reserveCapacity(count) }

    /// Takes the bytes out and keeps writing into an empty buffer.
    package mutating func take() -> [UInt8] {
        let taken = bytes
        bytes = []
        bytes.reserveCapacity(taken.count)
        return taken
    }

    package mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    package mutating func byte(_ byte: UInt8) { bytes.append(byte) }

    package mutating func comma() { bytes.append(UInt8(ascii: ",")) }

    /// A quoted string.
    package mutating func string(_ text: String) { string(Array(text.utf8)[...]) }

    /// A quoted string of bytes that should be UTF-8; what is not becomes U+FFFD.
    package mutating func string(_ text: ArraySlice<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        if UTF8Check.isValid(text) {
            escaped(text)
        } else {
            escaped(Array(String(decoding: text, as: UTF8.self).utf8)[...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    package mutating func integer(_ value: Int64) {
        bytes.append(contentsOf: String(value).utf8)
    }

    package mutating func boolean(_ value: Bool) { raw(value ? "true" : "false") }

    /// A float as Prometheus writes it in JSON, quoted: `"1"`, `"0.5"`, `"1e-07"`, `"NaN"`.
    package mutating func quoted(_ value: Double) {
        bytes.append(UInt8(ascii: "\""))
        let magnitude = abs(value)
        if value != 0, magnitude < 1e-6 || magnitude >= 1e21, value.isFinite {
            // Prometheus goes over to exponents here; Swift writes these as Go does.
            raw("\(value)")
        } else {
            DoubleText.append(value, to: &bytes)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Milliseconds as seconds with up to three decimals: `1435781430.781`.
    package mutating func seconds(millis: Int64) {
        if millis < 0 { bytes.append(UInt8(ascii: "-")) }
        let magnitude = millis.magnitude
        integer(Int64(magnitude / 1_000))
        let fraction = magnitude % 1_000
        guard fraction != 0 else { return }
        bytes.append(UInt8(ascii: "."))
        if fraction < 100 { bytes.append(UInt8(ascii: "0")) }
        if fraction < 10 { bytes.append(UInt8(ascii: "0")) }
        integer(Int64(fraction))
    }

    /// `[1435781430.781,"1"],…`: the points of one series, ms and values, as many of each.
    package mutating func points(_ timestampsMillis: [Int64], _ values: [Double]) {
        let isPlain = values.allSatisfy { value in
            let magnitude = abs(value)
            return value == 0 || magnitude >= 1e-6 && magnitude < 1e21 || !value.isFinite
        }
        if isPlain {
            DoubleText.appendPoints(
                timestampsMillis: timestampsMillis[...], values: values[...], to: &bytes)
            return
        }
        for index in values.indices {
            if index > 0 { comma() }
            raw("[")
            seconds(millis: timestampsMillis[index])
            comma()
            quoted(values[index])
            raw("]")
        }
    }

    /// `{"name":"value",…}`
    package mutating func object(_ labels: Labels) {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        labels.forEachSlice { name, value in
            if !isFirst { comma() }
            isFirst = false
            string(name)
            bytes.append(UInt8(ascii: ":"))
            string(value)
            return true
        }
        bytes.append(UInt8(ascii: "}"))
    }

    /// `["a","b"]`
    package mutating func array(_ texts: [String]) {
        bytes.append(UInt8(ascii: "["))
        for (index, text) in texts.enumerated() {
            if index > 0 { comma() }
            string(text)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private mutating func escaped(_ text: ArraySlice<UInt8>) {
        var start = text.startIndex
        for place in text.indices {
            let byte = text[place]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
                continue
            }
            bytes.append(contentsOf: text[start..<place])
            start = place + 1
            bytes.append(UInt8(ascii: "\\"))
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
            case 0x0A: bytes.append(UInt8(ascii: "n"))
            case 0x0D: bytes.append(UInt8(ascii: "r"))
            case 0x09: bytes.append(UInt8(ascii: "t"))
            default:
                raw("u00")
                bytes.append(JSONWriter.hexDigit(byte >> 4))
                bytes.append(JSONWriter.hexDigit(byte & 15))
            }
        }
        bytes.append(contentsOf: text[start...])
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 + value : 0x61 + value - 10
    }

    /// Text as it stands, no quotes and no escapes.
    package mutating func raw(_ text: [UInt8]) { bytes.append(contentsOf: text) }
}
