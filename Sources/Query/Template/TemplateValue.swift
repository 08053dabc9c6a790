/// A value that a template works with. Texts are bytes, as in Go: what is not UTF-8 stays as it is.
indirect enum TemplateValue: Sendable {
    /// Go's nil, and what a map of anything answers for a key that it has not.
    case none
    case bool(Bool)
    case int(Int64)
    case float(Double)
    case text([UInt8])
    case time(TemplateTime)
    /// Nanoseconds.
    case duration(Int64)
    case list([TemplateValue])
    case map(TemplateMap)

    static func text(_ text: String) -> TemplateValue { .text(Array(text.utf8)) }

    /// What `if` makes of it: everything but zero and what is empty.
    var isTrue: Bool {
        switch self {
        case .none: false
        case .bool(let value): value
        case .int(let value): value != 0
        case .float(let value): value != 0
        case .text(let bytes): !bytes.isEmpty
        case .time: true
        case .duration(let nanos): nanos != 0
        case .list(let values): !values.isEmpty
        case .map(let map): map.kind.isRecord || !map.entries.isEmpty
        }
    }

    /// The name of Go's type, for errors.
    var typeName: String {
        switch self {
        case .none: "<nil>"
        case .bool: "bool"
        case .int: "int"
        case .float: "float64"
        case .text: "string"
        case .time: "time.Time"
        case .duration: "time.Duration"
        case .list: "[]interface {}"
        case .map(let map):
            switch map.kind {
            case .texts: "map[string]string"
            case .anything: "map[string]interface {}"
            case .record(let name): name
            }
        }
    }
}

/// Values by key. Order is that of the keys' bytes wherever it shows.
struct TemplateMap: Sendable {
    enum Kind: Sendable, Equatable {
        /// Values are texts; a key that is not there has the empty one.
        case texts
        case anything
        /// A struct: asking for a field that it has not is an error. The type's name.
        case record(String)

        var isRecord: Bool {
            if case .record = self { true } else { false }
        }
    }

    var kind: Kind
    var entries: [[UInt8]: TemplateValue]

    init(_ kind: Kind, _ entries: [[UInt8]: TemplateValue] = [:]) {
        self.kind = kind
        self.entries = entries
    }

    /// The value of a key that need not be there.
    subscript(key: [UInt8]) -> TemplateValue {
        entries[key] ?? (kind == .texts ? .text([]) : .none)
    }

    /// Keys in order.
    var keys: [[UInt8]] { entries.keys.sorted { $0.lexicographicallyPrecedes($1) } }
}

/// What a template may cost.
struct TemplateLimits: Sendable {
    /// Bytes of the output, and of a single value on the way to it.
    var outputBytesMax = 1 << 20
    /// Pieces of the template that are evaluated, rounds of loops included.
    var stepsMax = 200_000
    /// Templates that call templates.
    var depthMax = 100

    /// Bytes of a template.
    static let textBytesMax = 64 << 10
    /// Parentheses and blocks within each other.
    static let nestingMax = 100

    static let valueFailure = TemplateFailure("the value passes the limit of a template's output")
}

/// Why a template can not be read or carried out; the words are Go's.
package struct TemplateError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Whole, with the template's name and the place: `template: line:1:2: …`.
    package let message: String
    /// The query whose answer it would take to go on.
    let wantedQuery: String?

    init(_ message: String, wantedQuery: String? = nil) {
        self.message = message
        self.wantedQuery = wantedQuery
    }

    package var description: String { message }
}

/// Why a function can not answer; the evaluator says where.
struct TemplateFailure: Error {
    var message: String
    /// The query whose answer it would take.
    var wantedQuery: String?

    init(_ message: String, wantedQuery: String? = nil) {
        self.message = message
        self.wantedQuery = wantedQuery
    }
}
