internal import Model
internal import Synchronization

/// A function that a template may call.
struct TemplateFunction: Sendable {
    /// What an argument must be; the names are those of Go's types.
    enum Parameter: String, Sendable {
        case any = "interface {}"
        case text = "string"
        case int
        case float = "float64"
        case bool
        case time = "time.Time"
        case sample = "*template.sample"
        case samples = "template.queryResult"

        /// Whether `value` may be passed as it is.
        func accepts(_ value: TemplateValue) -> Bool {
            switch (self, value) {
            case (.any, _), (.text, .text), (.int, .int), (.float, .float), (.bool, .bool),
                (.time, .time), (.samples, .list):
                true
            case (.sample, .map(let map)): map.kind == .record(rawValue)
            default: false
            }
        }
    }

    typealias Body =
        @Sendable (
            [TemplateValue], TemplateContext
        ) throws(TemplateFailure) -> TemplateValue

    enum Kind: Sendable {
        case plain(Body)
        /// `or` and `and`: the first argument that is `Bool` answers, and no other is looked at.
        case firstThatIs(Bool)
        /// Carries out the template with the name of the first argument.
        case template
    }

    let parameters: [Parameter]
    /// Of any number of arguments behind the `parameters`.
    let rest: Parameter?
    let kind: Kind

    init(_ parameters: [Parameter], rest: Parameter? = nil, _ body: @escaping Body) {
        self.parameters = parameters
        self.rest = rest
        kind = .plain(body)
    }

    init(_ parameters: [Parameter], rest: Parameter? = nil, kind: Kind) {
        self.parameters = parameters
        self.rest = rest
        self.kind = kind
    }

    /// What argument number `index` must be.
    func parameter(_ index: Int) -> Parameter {
        index < parameters.count ? parameters[index] : rest ?? .any
    }
}

/// The functions that templates of one kind know: Go's own and those given.
struct TemplateFunctions: Sendable {
    let table: [String: TemplateFunction]

    init(_ own: [String: TemplateFunction]) {
        table = TemplateBuiltins.table.merging(own) { _, own in own }
    }

    func contains(_ name: String) -> Bool { table[name] != nil }
}

/// What functions may know of where the template is carried out.
struct TemplateContext: Sendable {
    var limits = TemplateLimits()
    /// The time that the template is carried out for.
    var nowNanos: Int64 = 0
    /// The log line, and its time.
    var line: [UInt8] = []
    var timestampNanos: Int64 = 0
    /// Answers to queries by their text.
    var answers: [String: [TemplateValue]] = [:]
    var externalURL = ""
    let expressions: TemplateExpressions

    init(_ expressions: TemplateExpressions = TemplateExpressions()) {
        self.expressions = expressions
    }
}

/// Regular expressions that a template's functions were called with, compiled once.
final class TemplateExpressions: Sendable {
    /// Remembered; beyond it the memory starts afresh.
    static let countMax = 64

    private let known = Mutex<[[UInt8]: RegularExpression]>([:])

    func expression(_ pattern: [UInt8]) throws(TemplateFailure) -> RegularExpression {
        if let expression = known.withLock({ $0[pattern] }) { return expression }
        let expression: RegularExpression
        do {
            expression = try RegularExpression(String(decoding: pattern, as: UTF8.self))
        } catch {
            guard case .regularExpression(_, let message) = error else {
                throw TemplateFailure("error parsing regexp: \(error)")
            }
            throw TemplateFailure("error parsing regexp: \(message)")
        }
        known.withLock { known in
            if known.count >= TemplateExpressions.countMax { known.removeAll() }
            known[pattern] = expression
        }
        return expression
    }
}
