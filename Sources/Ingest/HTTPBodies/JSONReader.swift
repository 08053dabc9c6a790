internal import Encoding

/// Reads JSON value by value from an array, without a tree. Lenient where nobody is harmed (raw
/// control characters and bytes that are not UTF-8 in strings), strict in structure.
/// Source: RFC 8259.
struct JSONReader {
    let bytes: [UInt8]
    var at: Int
    let nestingMax: Int

    init(_ bytes: [UInt8], at: Int = 0, nestingMax: Int) {
        self.bytes = bytes
        self.at = at
        self.nestingMax = nestingMax
    }

    /// What a string's bytes are: a part of the source, or, when it has escapes, of the scratch.
    enum Text {
        case source(Range<Int>)
        case scratch
    }

    func fault(_ what: String) -> IngestError {
        .malformed(what: "JSON: \(what)", place: .offset(at))
    }

    mutating func skipBlanks() {
        while at < bytes.count {
            let byte = bytes[at]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            at += 1
        }
    }

    /// The next byte that is no blank, not consumed; nil at the end.
    mutating func peek() -> UInt8? {
        skipBlanks()
        return at < bytes.count ? bytes[at] : nil
    }

    /// Consumes `byte` if it is next.
    mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        at += 1
        return true
    }

    mutating func expect(_ byte: UInt8) throws(IngestError) {
        guard take(byte) else {
            throw fault("expected \(Character(UnicodeScalar(byte)))")
        }
    }

    /// Whether another item follows in an array or object that ends with `close`; consumes the
    /// comma or the end. `isFirst` is kept by the caller and set to false here.
    mutating func next(_ close: UInt8, _ isFirst: inout Bool) throws(IngestError) -> Bool {
        if take(close) { return false }
        if !isFirst { try expect(0x2C) }
        isFirst = false
        return true
    }

    /// The key of a member and its colon.
    mutating func key(_ scratch: inout [UInt8]) throws(IngestError) -> Text {
        let key = try string(&scratch)
        try expect(0x3A)
        return key
    }

    func has(_ text: Text, _ scratch: [UInt8], equalTo word: String) -> Bool {
        switch text {
        case .source(let range): bytes[range].elementsEqual(word.utf8)
        case .scratch: scratch.elementsEqual(word.utf8)
        }
    }

    /// The bytes of `text`, whose scratch is `scratch`.
    func slice(_ text: Text, _ scratch: [UInt8]) -> ArraySlice<UInt8> {
        switch text {
        case .source(let range): bytes[range]
        case .scratch: scratch[...]
        }
    }

    /// The string that is next. With escapes it is put into `scratch`, which it replaces.
    mutating func string(_ scratch: inout [UInt8]) throws(IngestError) -> Text {
        guard take(0x22) else { throw fault("expected a string") }
        let start = at
        guard let quote = ByteScan.firstIndex(of: 0x22, in: bytes, from: at, to: bytes.count)
        else { throw fault("a string without end") }
        let escape = ByteScan.firstIndex(of: 0x5C, in: bytes, from: start, to: quote)
        guard let escape else {
            at = quote + 1
            return .source(start..<quote)
        }
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: bytes[start..<escape])
        at = escape
        try unescape(&scratch)
        return .scratch
    }

    /// From a backslash on, up to and with the closing quote.
    private mutating func unescape(_ scratch: inout [UInt8]) throws(IngestError) {
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if byte == 0x22 { return }
            guard byte == 0x5C else {
                scratch.append(byte)
                continue
            }
            guard at < bytes.count else { break }
            let escaped = bytes[at]
            at += 1
            switch escaped {
            case 0x22, 0x5C, 0x2F: scratch.append(escaped)
            case 0x6E: scratch.append(0x0A)
            case 0x74: scratch.append(0x09)
            case 0x72: scratch.append(0x0D)
            case 0x62: scratch.append(0x08)
            case 0x66: scratch.append(0x0C)
            case 0x75: try unicode(&scratch)
            default: throw fault("a bad escape")
            }
        }
        throw fault("a string without end")
    }

    /// Behind `\u`: four digits, or two pairs of them for one character. Halves of pairs alone
    /// become U+FFFD, as in Go.
    private mutating func unicode(_ scratch: inout [UInt8]) throws(IngestError) {
        let unit = try hex4()
        var value = UInt32(unit)
        if unit & 0xFC00 == 0xD800, at + 1 < bytes.count, bytes[at] == 0x5C, bytes[at + 1] == 0x75 {
            let mark = at
            at += 2
            let low = try hex4()
            if low & 0xFC00 == 0xDC00 {
                value = 0x1_0000 + (UInt32(unit & 0x3FF) << 10 | UInt32(low & 0x3FF))
            } else {
                at = mark
            }
        }
        let scalar = UnicodeScalar(value) ?? "\u{FFFD}"
        if let encoded = UTF8.encode(scalar) { scratch.append(contentsOf: encoded) }
    }

    private mutating func hex4() throws(IngestError) -> UInt16 {
        guard at + 4 <= bytes.count else { throw fault("a bad escape") }
        var value: UInt16 = 0
        for _ in 0..<4 {
            let byte = bytes[at]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x41 + 10
            case 0x61...0x66: digit = byte - 0x61 + 10
            default: throw fault("a bad escape")
            }
            value = value << 4 | UInt16(digit)
            at += 1
        }
        return value
    }

    /// A number, `true`, `false` or `null`: its bytes.
    mutating func word() throws(IngestError) -> Range<Int> {
        skipBlanks()
        let start = at
        while at < bytes.count {
            let byte = bytes[at]
            guard byte.isWordByte || byte == 0x2B || byte == 0x2D || byte == 0x2E else { break }
            at += 1
        }
        guard at > start else { throw fault("expected a value") }
        return start..<at
    }

    /// Passes over one value of any kind.
    mutating func skipValue(depth: Int = 0) throws(IngestError) {
        guard depth < nestingMax else { throw fault("nested deeper than \(nestingMax)") }
        guard let byte = peek() else { throw fault("expected a value") }
        var isFirst = true
        switch byte {
        case 0x22: try skipString()
        case 0x5B:
            at += 1
            while try next(0x5D, &isFirst) { try skipValue(depth: depth + 1) }
        case 0x7B:
            at += 1
            while try next(0x7D, &isFirst) {
                guard peek() == 0x22 else { throw fault("expected a key") }
                try skipString()
                try expect(0x3A)
                try skipValue(depth: depth + 1)
            }
        default: _ = try word()
        }
    }

    private mutating func skipString() throws(IngestError) {
        at += 1
        while let quote = ByteScan.firstIndex(of: 0x22, in: bytes, from: at, to: bytes.count) {
            // An odd number of backslashes before it: it is escaped.
            var escapes = 0
            while quote - escapes - 1 >= at, bytes[quote - escapes - 1] == 0x5C { escapes += 1 }
            at = quote + 1
            if escapes % 2 == 0 { return }
        }
        throw fault("a string without end")
    }
}
