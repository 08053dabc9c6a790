/// The names of line protocol, which escape commas, spaces and equals signs with a backslash, and
/// what becomes of them here. Runs once per series, not per line.
struct InfluxNames {
    let keepsNames: Bool

    /// Measurement and tags, still escaped, at the commas that are not.
    func split(_ body: [UInt8], _ range: Range<Int>) -> [ArraySlice<UInt8>] {
        var parts: [ArraySlice<UInt8>] = []
        var start = range.lowerBound
        var at = start
        while at < range.upperBound {
            if body[at] == 0x2C {
                parts.append(body[start..<at])
                start = at + 1
            }
            at += body[at] == 0x5C ? 2 : 1
        }
        parts.append(body[start..<range.upperBound])
        return parts
    }

    /// The first `=` that is not escaped.
    func equals(_ tag: ArraySlice<UInt8>) -> Int? {
        var at = tag.startIndex
        while at < tag.endIndex {
            if tag[at] == 0x3D { return at }
            at += tag[at] == 0x5C ? 2 : 1
        }
        return nil
    }

    /// A backslash before a comma, a space or an equals sign goes; others stay.
    func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var at = text.startIndex
        while at < text.endIndex {
            if text[at] == 0x5C, at + 1 < text.endIndex,
                text[at + 1] == 0x2C || text[at + 1] == 0x20 || text[at + 1] == 0x3D
            {
                at += 1
            }
            result.append(text[at])
            at += 1
        }
        return result
    }

    /// `measurement_field`, or the measurement alone for a field called `value`.
    func metric(_ measurement: ArraySlice<UInt8>, _ field: [UInt8]) -> [UInt8] {
        var name = unescaped(measurement)
        if !field.elementsEqual("value".utf8) { name += [0x5F] + field }
        return keepsNames ? name : sanitised(name, allowsColon: true)
    }

    func label(_ name: [UInt8]) -> [UInt8] {
        keepsNames ? name : sanitised(name, allowsColon: false)
    }

    /// Each character outside of [a-zA-Z0-9_:] becomes one `_`; so does a first digit's place.
    private func sanitised(_ name: [UInt8], allowsColon: Bool) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(name.count + 1)
        if let first = name.first, first.isDigit { result.append(0x5F) }
        for byte in name {
            if byte.isWordByte || (byte == 0x3A && allowsColon) {
                result.append(byte)
            } else if byte & 0xC0 != 0x80 {
                // The later bytes of a UTF-8 character add nothing.
                result.append(0x5F)
            }
        }
        return result
    }
}
