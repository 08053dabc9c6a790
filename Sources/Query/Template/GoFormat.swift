/// Values as Go's fmt prints them.
///
/// Source: Go, fmt/doc.go, fmt/print.go, fmt/format.go.
struct GoFormat {
    /// `%+-# 0 width . precision`
    struct Flags {
        var plus = false
        var minus = false
        var sharp = false
        var space = false
        var zero = false
        var width: Int?
        var precision: Int?
    }

    /// Largest width and precision.
    static let widthMax = 1_000_000

    var output: [UInt8] = []
    var flags = Flags()

    /// As `{{value}}` prints it: `%v`.
    static func plain(_ value: TemplateValue) -> [UInt8] {
        var format = GoFormat()
        format.append(value, UInt8(ascii: "v"))
        return format.output
    }

    /// Blanks between values neither of which is a text.
    static func print(_ values: [TemplateValue]) -> [UInt8] {
        var result: [UInt8] = []
        var wasText = true
        for (index, value) in values.enumerated() {
            var isText = false
            if case .text = value { isText = true }
            if index > 0, !isText, !wasText { result.append(0x20) }
            result += plain(value)
            wasText = isText
        }
        return result
    }

    /// Blanks between all values, and a line's end.
    static func printLine(_ values: [TemplateValue]) -> [UInt8] {
        Array(values.map(plain).joined(separator: [0x20])) + [0x0A]
    }

    /// Throws beyond `atMost` bytes.
    static func print(
        _ template: [UInt8], _ values: [TemplateValue], atMost: Int
    ) throws(TemplateFailure) -> [UInt8] {
        var format = GoFormat()
        var reader = GoFormatReader(template, values)
        while let piece = reader.next(&format.flags) {
            switch piece {
            case .text(let bytes): format.output += bytes
            case .value(let value, let verb): format.append(value, verb)
            case .verb(let verb): format.output += Array("%!\(verb)(MISSING)".utf8)
            }
            guard format.output.count <= atMost else { throw TemplateLimits.valueFailure }
        }
        let rest = reader.rest
        if !rest.isEmpty {
            format.flags = Flags()
            let words = rest.map { value -> [UInt8] in
                if case .none = value { return Array("<nil>".utf8) }
                return Array("\(value.typeName)=".utf8) + plain(value)
            }
            format.output += Array("%!(EXTRA ".utf8)
            format.output += Array(words.joined(separator: Array(", ".utf8)))
            format.output.append(UInt8(ascii: ")"))
        }
        return format.output
    }

    mutating func append(_ value: TemplateValue, _ verb: UInt8) {
        switch (value, verb) {
        case (_, UInt8(ascii: "T")): pad(Array(value.typeName.utf8))
        case (.none, UInt8(ascii: "v")): pad(Array("<nil>".utf8))
        case (.none, _): output += Array("%!".utf8) + [verb] + Array("(<nil>)".utf8)
        case (.bool(let value), UInt8(ascii: "t")), (.bool(let value), UInt8(ascii: "v")):
            pad(Array(value.description.utf8))
        case (.int(let value), _): append(value, verb)
        case (.float(let value), _): append(value, verb)
        case (.text(let bytes), _): append(bytes, verb, of: value)
        case (.duration(let nanos), _):
            if GoFormat.isOfText(verb) {
                append(Array(GoDuration.text(nanos).utf8), verb, of: value)
            } else {
                append(nanos, verb)
            }
        case (.time(let time), _): append(Array(time.description.utf8), verb, of: value)
        case (.list(let values), _): append(values, verb)
        case (.map(let map), _): append(map, verb)
        default: appendBad(verb, value)
        }
    }

    private static func isOfText(_ verb: UInt8) -> Bool { "vsxXq".utf8.contains(verb) }

    private mutating func append(_ values: [TemplateValue], _ verb: UInt8) {
        output.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { output.append(0x20) }
            append(value, verb)
        }
        output.append(UInt8(ascii: "]"))
    }

    private mutating func append(_ map: TemplateMap, _ verb: UInt8) {
        let isRecord = map.kind.isRecord
        output += Array((isRecord ? "{" : "map[").utf8)
        for (index, key) in map.keys.enumerated() {
            if index > 0 { output.append(0x20) }
            if !isRecord {
                append(.text(key), verb)
                output.append(UInt8(ascii: ":"))
            }
            append(map[key], verb)
        }
        output.append(UInt8(ascii: isRecord ? "}" : "]"))
    }

    private mutating func append(_ bytes: [UInt8], _ verb: UInt8, of value: TemplateValue) {
        switch verb {
        case UInt8(ascii: "v") where flags.sharp: pad(Array(GoText.quoted(bytes).utf8))
        case UInt8(ascii: "v"), UInt8(ascii: "s"): pad(cut(bytes))
        case UInt8(ascii: "q"):
            let cut = cut(bytes)
            if flags.sharp, !cut.contains(where: { $0 == 0x60 || $0 < 0x20 && $0 != 0x09 }) {
                pad([0x60] + cut + [0x60])
            } else {
                pad(Array(GoText.quoted(cut, isASCII: flags.plus).utf8))
            }
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            let isUpper = verb == UInt8(ascii: "X")
            let part = flags.precision.map { Array(bytes.prefix($0)) } ?? bytes
            let prefix = flags.sharp && !part.isEmpty ? Array((isUpper ? "0X" : "0x").utf8) : []
            let pairs = part.map { GoText.hex(UInt32($0), digits: 2, isUpper: isUpper) }
            pad(prefix + Array(pairs.joined(separator: flags.space ? [0x20] : [])))
        default: appendBad(verb, value)
        }
    }

    /// To as many characters as the precision says.
    private func cut(_ bytes: [UInt8]) -> [UInt8] {
        guard let precision = flags.precision else { return bytes }
        return Array(bytes[..<GoText.offset(ofScalar: precision, in: bytes)])
    }

    /// `%!d(string=hi)`
    mutating func appendBad(_ verb: UInt8, _ value: TemplateValue) {
        output += Array("%!".utf8) + [verb] + Array("(\(value.typeName)=".utf8)
        let outer = flags
        flags = Flags()
        append(value, UInt8(ascii: "v"))
        flags = outer
        output.append(UInt8(ascii: ")"))
    }

    /// To the width, in characters.
    mutating func pad(_ bytes: [UInt8]) {
        let missing = (flags.width ?? 0) - GoText.scalarCount(bytes)
        guard missing > 0 else {
            output += bytes
            return
        }
        if flags.minus {
            output += bytes
            output += [UInt8](repeating: 0x20, count: missing)
        } else {
            output += [UInt8](repeating: flags.zero ? 0x30 : 0x20, count: missing)
            output += bytes
        }
    }
}
