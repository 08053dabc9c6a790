internal import Encoding
internal import Model
package import Query

/// Fields that log lines bring: structured metadata, what the query's own parsers made, and what
/// reading each line as JSON, else as logfmt, finds. Holds at most `fieldCountMax` fields with at
/// most `valueCountMax` distinct values each; cardinalities beyond are told as that bound.
/// Source: Grafana Loki documentation, "HTTP API", detected fields.
package struct DetectedFields: Sendable {
    /// Of what all values of a field are; decimals and whole numbers together are `float`.
    package enum Kind: String, Sendable {
        case int, float, boolean, duration, bytes, string
    }

    /// What is known of one.
    package struct Field: Sendable {
        package fileprivate(set) var kind: Kind
        /// `json`, `logfmt`; none for structured metadata.
        package fileprivate(set) var parsers: [String] = []
        package fileprivate(set) var values: Set<String> = []
    }

    package static let valueCountMax = 10_000
    /// Names under which parsers tell what went wrong.
    private static let errorNames: Set<String> = [
        "__error__", "__error_details__", "__preserve_error__",
    ]

    package private(set) var fields: [String: Field] = [:]
    private let fieldCountMax: Int
    private var json: LogFollower
    private var logfmt: LogFollower

    package init(fieldCountMax: Int) throws(QueryError) {
        self.fieldCountMax = fieldCountMax
        json = try LogFollower(LogQLQuery("{} | json"))
        logfmt = try LogFollower(LogQLQuery("{} | logfmt"))
    }

    /// Takes the lines of `batch` in.
    package mutating func add(_ batch: LogEntryBatch) {
        let data = LineData(
            streams: batch.streams.map { SeriesReference(tenant: .standard, labels: $0.stream) },
            lines: batch.lines)
        let asJSON = json.process(data)
        let asLogfmt = logfmt.process(data)
        for index in 0..<batch.lines.count {
            let stream = batch.streams[Int(batch.lines.streamIndexes[index])]
            add(stream.metadata, parser: nil)
            if let found = DetectedFields.parsed(asJSON, index) {
                add(stream.parsed, parser: "json")
                add(found, parser: "json")
            } else if let found = DetectedFields.parsed(asLogfmt, index) {
                add(stream.parsed, parser: "logfmt")
                add(found, parser: "logfmt")
            } else {
                add(stream.parsed, parser: nil)
            }
        }
    }

    /// What a parser made of line `index`; nil when it is not in its format. Parsers keep all lines
    /// in their order.
    private static func parsed(_ batch: LogEntryBatch, _ index: Int) -> Labels? {
        guard index < batch.lines.count else { return nil }
        let stream = batch.streams[Int(batch.lines.streamIndexes[index])]
        if stream.labels["__error__"] != nil || stream.parsed.isEmpty { return nil }
        return stream.parsed
    }

    private mutating func add(_ labels: Labels, parser: String?) {
        labels.forEachSlice { name, value in
            let name = String(decoding: name, as: UTF8.self)
            if !DetectedFields.errorNames.contains(name) {
                add(name, String(decoding: value, as: UTF8.self), parser)
            }
            return true
        }
    }

    private mutating func add(_ name: String, _ value: String, _ parser: String?) {
        let kind = DetectedFields.kind(of: value)
        guard var field = fields[name] else {
            if fields.count < fieldCountMax {
                fields[name] = Field(
                    kind: kind, parsers: parser.map { [$0] } ?? [], values: [value])
            }
            return
        }
        if let parser, !field.parsers.contains(parser) { field.parsers.append(parser) }
        if field.kind != kind {
            let areNumbers = [field.kind, kind].allSatisfy { $0 == .int || $0 == .float }
            field.kind = areNumbers ? .float : .string
        }
        fields[name] = nil
        if field.values.count < DetectedFields.valueCountMax { field.values.insert(value) }
        fields[name] = field
    }

    /// What a value looks like, in Loki's order of tries.
    package static func kind(of value: String) -> Kind {
        if Int64(value) != nil { return .int }
        if DoubleText.parse(Array(value.utf8)[...]) != nil { return .float }
        if ["true", "false", "t", "f", "TRUE", "FALSE", "T", "F", "True", "False"].contains(value) {
            return .boolean
        }
        let bare = value.drop { $0 == "-" || $0 == "+" }
        let digits = bare.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard !digits.isEmpty else { return .string }
        if isDuration(bare) { return .duration }
        let unit = bare.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        return byteUnits.contains(unit) && Double(digits) != nil ? .bytes : .string
    }

    private static let byteUnits: Set<String> = [
        "b", "k", "kb", "ki", "kib", "m", "mb", "mi", "mib", "g", "gb", "gi", "gib", "t", "tb",
        "ti", "tib", "p", "pb", "pi", "pib", "e", "eb", "ei", "eib",
    ]

    /// Go's: `1h30m`, `12.5ms`.
    private static func isDuration(_ text: Substring) -> Bool {
        var rest = text
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard !digits.isEmpty, Double(digits) != nil else { return false }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
            guard ["ns", "us", "µs", "μs", "ms", "s", "m", "h"].contains(String(unit)) else {
                return false
            }
            rest = rest.dropFirst(unit.count)
        }
        return true
    }

    /// `{"fields":[…],"limit":n}`
    package var answer: [UInt8] {
        var json = JSONWriter()
        json.raw("{\"fields\":[")
        for (index, (name, field)) in fields.sorted(by: { $0.key < $1.key }).enumerated() {
            if index > 0 { json.comma() }
            json.raw("{\"label\":")
            json.string(name)
            json.raw(",\"type\":\"\(field.kind.rawValue)\",")
            json.raw("\"cardinality\":\(field.values.count),\"parsers\":")
            if field.parsers.isEmpty { json.raw("null") } else { json.array(field.parsers) }
            json.raw("}")
        }
        json.raw("],\"limit\":\(fieldCountMax)}")
        return json.bytes
    }
}
