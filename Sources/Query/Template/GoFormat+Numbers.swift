/// Numbers and the reading of formats.
extension GoFormat {
    mutating func append(_ value: Int64, _ verb: UInt8) {
        let isUpper = verb == UInt8(ascii: "X")
        switch verb {
        case UInt8(ascii: "v"), UInt8(ascii: "d"): append(value, radix: 10)
        case UInt8(ascii: "b"): append(value, radix: 2, prefix: flags.sharp ? "0b" : "")
        case UInt8(ascii: "o"): append(value, radix: 8, prefix: flags.sharp ? "0" : "")
        case UInt8(ascii: "O"): append(value, radix: 8, prefix: "0o")
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            let prefix = flags.sharp ? (isUpper ? "0X" : "0x") : ""
            append(value, radix: 16, prefix: prefix, isUpper: isUpper)
        case UInt8(ascii: "c"): pad(GoFormat.character(value))
        case UInt8(ascii: "q"):
            let bytes = GoFormat.character(value)
            let quote = UInt8(ascii: "'")
            pad(Array(GoText.quoted(bytes, quote: quote, isASCII: flags.plus).utf8))
        case UInt8(ascii: "U"):
            let digits = String(UInt64(bitPattern: value), radix: 16, uppercase: true)
            let zeros = String(repeating: "0", count: max(0, 4 - digits.utf8.count))
            pad(Array("U+\(zeros)\(digits)".utf8))
        default: appendBad(verb, .int(value))
        }
    }

    private static func character(_ value: Int64) -> [UInt8] {
        let scalar = UInt32(exactly: value).flatMap(Unicode.Scalar.init) ?? "\u{FFFD}"
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func append(
        _ value: Int64, radix: Int, prefix: String = "", isUpper: Bool = false
    ) {
        var digits = Array(String(value.magnitude, radix: radix, uppercase: isUpper).utf8)
        let isSigned = value < 0 || flags.plus || flags.space
        var digitsMin = flags.precision ?? 0
        if flags.precision == nil, flags.zero, !flags.minus {
            digitsMin = (flags.width ?? 0) - (isSigned ? 1 : 0)
        }
        if flags.precision == 0, value == 0 { digits = [] }
        if digits.count < digitsMin {
            digits = [UInt8](repeating: 0x30, count: digitsMin - digits.count) + digits
        }
        let sign: [UInt8] = isSigned ? [sign(isNegative: value < 0)] : []
        let outer = flags
        flags.zero = false
        pad(sign + Array(prefix.utf8) + digits)
        flags = outer
    }

    private func sign(isNegative: Bool) -> UInt8 {
        isNegative ? UInt8(ascii: "-") : flags.plus ? UInt8(ascii: "+") : 0x20
    }

    mutating func append(_ value: Double, _ verb: UInt8) {
        let number: UInt8
        var precision = flags.precision
        switch verb {
        case UInt8(ascii: "v"): number = UInt8(ascii: "g")
        case UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "f"), UInt8(ascii: "F"):
            number = verb
            precision = precision ?? 6
        case UInt8(ascii: "g"), UInt8(ascii: "G"): number = verb
        default: return appendBad(verb, .float(value))
        }
        let magnitude = GoFloat.magnitude(value, number, precision: precision)
        let isNegative = value.sign == .minus && !value.isNaN
        // An infinity has its sign where a number is printed for its own sake.
        let isSigned =
            isNegative || flags.plus || flags.space || value.isInfinite && !flags.space
        let sign: [UInt8] =
            !isSigned
            ? []
            : isNegative
                ? [UInt8(ascii: "-")]
                : [flags.space && !flags.plus ? 0x20 : UInt8(ascii: "+")]
        let outer = flags
        defer { flags = outer }
        if flags.zero, !flags.minus, value.isFinite {
            output += sign
            flags.width = flags.width.map { $0 - sign.count }
            pad(magnitude)
        } else {
            flags.zero = false
            pad(sign + magnitude)
        }
    }
}

/// Cuts a format into texts and verbs with their values.
struct GoFormatReader {
    enum Piece {
        case text([UInt8])
        case value(TemplateValue, UInt8)
        /// A verb without a value.
        case verb(String)
    }

    private let format: [UInt8]
    private let values: [TemplateValue]
    private var offset = 0
    private var index = 0
    private var isReordered = false
    private var isBadIndex = false

    init(_ format: [UInt8], _ values: [TemplateValue]) {
        self.format = format
        self.values = values
    }

    /// Values that no verb took; none where verbs name theirs.
    var rest: ArraySlice<TemplateValue> {
        isReordered || index >= values.count ? [] : values[index...]
    }

    mutating func next(_ flags: inout GoFormat.Flags) -> Piece? {
        guard offset < format.count else { return nil }
        if format[offset] != UInt8(ascii: "%") {
            let end = format[offset...].firstIndex(of: UInt8(ascii: "%")) ?? format.count
            defer { offset = end }
            return .text(Array(format[offset..<end]))
        }
        offset += 1
        flags = GoFormat.Flags()
        isBadIndex = false
        readFlags(&flags)
        if let problem = readSizes(&flags) { return .text(Array(problem.utf8)) }
        readIndex()
        guard offset < format.count else { return .text(Array("%!(NOVERB)".utf8)) }
        let (scalar, length) = GoText.scalar(format[...], at: offset)
        let name = scalar.map { String(Character($0)) } ?? "\u{FFFD}"
        let verb = format[offset]
        offset += length
        if verb == UInt8(ascii: "%") { return .text([verb]) }
        if isBadIndex { return .text(Array("%!\(name)(BADINDEX)".utf8)) }
        guard index < values.count else { return .verb(name) }
        index += 1
        guard length == 1 else {
            let value = values[index - 1]
            let text = Array("%!\(name)(\(value.typeName)=".utf8) + GoFormat.plain(value)
            return .text(text + [UInt8(ascii: ")")])
        }
        return .value(values[index - 1], verb)
    }

    private mutating func readFlags(_ flags: inout GoFormat.Flags) {
        while offset < format.count {
            switch format[offset] {
            case UInt8(ascii: "+"): flags.plus = true
            case UInt8(ascii: "-"):
                flags.minus = true
                flags.zero = false
            case UInt8(ascii: "#"): flags.sharp = true
            case UInt8(ascii: " "): flags.space = true
            case UInt8(ascii: "0"): flags.zero = !flags.minus
            default: return
            }
            offset += 1
        }
    }

    /// Width and precision; what to print for one that is wrong.
    private mutating func readSizes(_ flags: inout GoFormat.Flags) -> String? {
        readIndex()
        if accept("*") {
            guard let width = starred() else { return "%!(BADWIDTH)" }
            flags.width = abs(width)
            if width < 0 {
                flags.minus = true
                flags.zero = false
            }
        } else {
            flags.width = number()
        }
        guard accept(".") else { return nil }
        readIndex()
        if accept("*") {
            guard let precision = starred(), precision >= 0 else {
                flags.precision = nil
                return "%!(BADPREC)"
            }
            flags.precision = precision
        } else {
            flags.precision = number() ?? 0
        }
        return nil
    }

    private mutating func accept(_ byte: Unicode.Scalar) -> Bool {
        guard offset < format.count, format[offset] == UInt8(ascii: byte) else { return false }
        offset += 1
        return true
    }

    private mutating func number() -> Int? {
        var value: Int?
        while offset < format.count, 0x30...0x39 ~= format[offset] {
            value = min((value ?? 0) * 10 + Int(format[offset] - 0x30), GoFormat.widthMax)
            offset += 1
        }
        return value
    }

    /// The value for a `*`.
    private mutating func starred() -> Int? {
        guard index < values.count, case .int(let value) = values[index] else {
            if index < values.count { index += 1 }
            return nil
        }
        index += 1
        guard value.magnitude <= GoFormat.widthMax else { return nil }
        return Int(value)
    }

    /// `[n]`: which value comes next.
    private mutating func readIndex() {
        guard offset < format.count, format[offset] == UInt8(ascii: "["),
            let end = format[offset...].firstIndex(of: UInt8(ascii: "]"))
        else { return }
        isReordered = true
        let wanted = Int(String(decoding: format[(offset + 1)..<end], as: UTF8.self)) ?? 0
        offset = end + 1
        if wanted >= 1, wanted <= values.count {
            index = wanted - 1
        } else {
            isBadIndex = true
        }
    }
}
