/// The text of a stream's labels as Loki's protobuf carries it: `{app="web", host="a\"b"}`. Values
/// are quoted as in Go: with escapes in double quotes, or verbatim in backticks.
/// Source: grafana/loki pkg/logql/syntax; Go's strconv.Unquote.
enum StreamLabelText {
    enum Outcome {
        case valid
        case broken(SkipReason, String)
    }

    static func parse(
        _ body: [UInt8], _ range: Range<Int>, into labels: inout LabelCheck
    ) -> Outcome {
        let bytes = body.span
        let end = range.upperBound
        var at = range.lowerBound
        skipBlanks(bytes, &at, end)
        // No text at all is a stream without labels.
        if at == end { return .valid }
        guard bytes[at] == 0x7B else { return .broken(.badLine, "stream labels without {") }
        at += 1
        while true {
            skipBlanks(bytes, &at, end)
            if bytes.has(0x7D, at: at, before: end) {
                at += 1
                break
            }
            guard let name = name(bytes, &at, end) else {
                return .broken(.badLabelName, "stream labels: bad name")
            }
            skipBlanks(bytes, &at, end)
            guard bytes.has(0x3D, at: at, before: end) else {
                return .broken(.badLine, "stream labels: expected =")
            }
            at += 1
            skipBlanks(bytes, &at, end)
            guard let value = quoted(bytes, &at, end) else {
                return .broken(.badLabelValue, "stream labels: bad value")
            }
            if let reason = labels.add(name[...], value[...]) {
                let text = String(decoding: name.prefix(80), as: UTF8.self)
                return .broken(reason, "stream label \(text): \(reason.rawValue)")
            }
            skipBlanks(bytes, &at, end)
            if bytes.has(0x2C, at: at, before: end) {
                at += 1
            } else if !bytes.has(0x7D, at: at, before: end) {
                return .broken(.badLine, "stream labels: expected , or }")
            }
        }
        skipBlanks(bytes, &at, end)
        return at == end ? .valid : .broken(.badLine, "stream labels: something behind }")
    }

    private static func skipBlanks(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) {
        while at < end, bytes[at] == 0x20 || bytes[at] == 0x09 || bytes[at] == 0x0A { at += 1 }
    }

    private static func name(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) -> [UInt8]? {
        if bytes.has(0x22, at: at, before: end) { return quoted(bytes, &at, end) }
        var name: [UInt8] = []
        while at < end,
            bytes[at].isWordByte || bytes[at] >= 0x80 || bytes[at] == 0x2E
                || bytes[at] == 0x3A || bytes[at] == 0x2D || bytes[at] == 0x2F
        {
            name.append(bytes[at])
            at += 1
        }
        return name.isEmpty ? nil : name
    }

    private static func quoted(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) -> [UInt8]? {
        guard at < end else { return nil }
        let quote = bytes[at]
        guard quote == 0x22 || quote == 0x60 else { return nil }
        at += 1
        var value: [UInt8] = []
        while at < end {
            let byte = bytes[at]
            at += 1
            if byte == quote { return value }
            if byte == 0x5C, quote == 0x22 {
                guard escape(bytes, &at, end, &value) else { return nil }
            } else {
                value.append(byte)
            }
        }
        return nil
    }

    /// Behind a backslash.
    private static func escape(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ value: inout [UInt8]
    ) -> Bool {
        guard at < end else { return false }
        let byte = bytes[at]
        at += 1
        switch byte {
        case 0x22, 0x27, 0x5C: value.append(byte)
        case 0x61: value.append(0x07)
        case 0x62: value.append(0x08)
        case 0x66: value.append(0x0C)
        case 0x6E: value.append(0x0A)
        case 0x72: value.append(0x0D)
        case 0x74: value.append(0x09)
        case 0x76: value.append(0x0B)
        case 0x78:
            guard let code = number(bytes, &at, end, digitCount: 2, base: 16) else { return false }
            value.append(UInt8(code))
        case 0x30...0x33:
            at -= 1
            guard let code = number(bytes, &at, end, digitCount: 3, base: 8) else { return false }
            value.append(UInt8(truncatingIfNeeded: code))
        case 0x75, 0x55:
            let digitCount = byte == 0x75 ? 4 : 8
            guard let code = number(bytes, &at, end, digitCount: digitCount, base: 16),
                let scalar = UnicodeScalar(code), let encoded = UTF8.encode(scalar)
            else { return false }
            value.append(contentsOf: encoded)
        default: return false
        }
        return true
    }

    private static func number(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, digitCount: Int, base: UInt32
    ) -> UInt32? {
        guard at + digitCount <= end else { return nil }
        var value: UInt32 = 0
        for _ in 0..<digitCount {
            let byte = bytes[at]
            let digit: UInt32
            switch byte {
            case 0x30...0x39: digit = UInt32(byte - 0x30)
            case 0x41...0x46: digit = UInt32(byte - 0x41) + 10
            case 0x61...0x66: digit = UInt32(byte - 0x61) + 10
            default: return nil
            }
            guard digit < base else { return nil }
            value = value &* base &+ digit
            at += 1
        }
        return value
    }
}
