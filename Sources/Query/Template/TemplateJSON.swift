/// JSON as values: objects are maps of anything, numbers are floating-point.
///
/// Source: RFC 8259; Go, encoding/json.
struct TemplateJSON {
    private let bytes: [UInt8]
    private var scanner: JSONScanner
    private var depth = 0

    /// Nothing when `bytes` is not JSON.
    static func value(_ bytes: [UInt8]) -> TemplateValue {
        var reader = TemplateJSON(bytes: bytes, scanner: JSONScanner(bytes, 0..<bytes.count))
        do throws(JSONProblem) {
            let value = try reader.value()
            return reader.scanner.next(bytes) == 0 ? value : .none
        } catch {
            return .none
        }
    }

    private mutating func value() throws(JSONProblem) -> TemplateValue {
        depth += 1
        guard depth <= TemplateLimits.nestingMax else { throw .tooDeep }
        defer { depth -= 1 }
        switch scanner.next(bytes) {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try list()
        case UInt8(ascii: "\""):
            scanner.advance()
            return .text(try text())
        default:
            let range = try scanner.scalar(bytes)
            switch bytes[range.lowerBound] {
            case UInt8(ascii: "t"): return .bool(true)
            case UInt8(ascii: "f"): return .bool(false)
            case UInt8(ascii: "n"): return .none
            default:
                guard let number = GoNumber.float(String(decoding: bytes[range], as: UTF8.self))
                else { throw .badValue }
                return .float(number)
            }
        }
    }

    /// Behind the opening quote.
    private mutating func text() throws(JSONProblem) -> [UInt8] {
        let (range, hasEscapes) = try scanner.string(bytes)
        guard hasEscapes else { return Array(bytes[range]) }
        var result: [UInt8] = []
        JSONScanner.unescape(bytes, range, into: &result)
        return result
    }

    private mutating func list() throws(JSONProblem) -> TemplateValue {
        scanner.advance()
        var values: [TemplateValue] = []
        if scanner.accept(UInt8(ascii: "]"), bytes) { return .list(values) }
        while true {
            values.append(try value())
            if scanner.accept(UInt8(ascii: "]"), bytes) { return .list(values) }
            guard scanner.accept(UInt8(ascii: ","), bytes) else { throw .missingComma }
        }
    }

    private mutating func object() throws(JSONProblem) -> TemplateValue {
        scanner.advance()
        var map = TemplateMap(.anything)
        if scanner.accept(UInt8(ascii: "}"), bytes) { return .map(map) }
        while true {
            guard scanner.accept(UInt8(ascii: "\""), bytes) else { throw .badKey }
            let key = try text()
            guard scanner.accept(UInt8(ascii: ":"), bytes) else { throw .missingColon }
            map.entries[key] = try value()
            if scanner.accept(UInt8(ascii: "}"), bytes) { return .map(map) }
            guard scanner.accept(UInt8(ascii: ","), bytes) else { throw .missingComma }
        }
    }
}
