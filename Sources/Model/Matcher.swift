/// One condition on a label, as in `env=~"prod|stage"`. An absent label has the empty value.
package struct Matcher: Sendable, Hashable {
    package enum Operation: String, Sendable, Hashable {
        case equal = "="
        case notEqual = "!="
        case matches = "=~"
        case notMatches = "!~"
    }

    package let name: String
    package let operation: Operation
    package let value: String
    /// Set when `operation` is `matches` or `notMatches`: anchored at both ends when applied.
    package let expression: RegularExpression?

    package init(_ name: String, _ operation: Operation, _ value: String) throws(ModelError) {
        self.name = name
        self.operation = operation
        self.value = value
        switch operation {
        case .equal, .notEqual: expression = nil
        case .matches, .notMatches:
            expression = try RegularExpression(value, dotMatchesNewline: true)
        }
    }

    /// `name="value"`.
    package init(_ name: String, equals value: String) {
        self.name = name
        operation = .equal
        self.value = value
        expression = nil
    }

    /// Whether a label with this value (empty: no such label) passes.
    package func matches(_ candidate: ArraySlice<UInt8>) -> Bool {
        switch operation {
        case .equal: candidate.elementsEqual(value.utf8)
        case .notEqual: !candidate.elementsEqual(value.utf8)
        case .matches: expression?.matchesWhole(candidate) ?? false
        case .notMatches: !(expression?.matchesWhole(candidate) ?? false)
        }
    }

    /// Whether a label with this value (empty: no such label) passes.
    package func matches(_ candidate: String) -> Bool { matches(ArraySlice(candidate.utf8)) }

    /// Whether a series without the label passes: such a matcher cannot be answered by postings
    /// of present values alone.
    package var matchesEmpty: Bool { matches([]) }

    /// Whether `labels` pass.
    package func matches(_ labels: Labels) -> Bool {
        var result: Bool?
        let wanted = Array(name.utf8)
        labels.forEachSlice { key, candidate in
            guard key.elementsEqual(wanted) else { return true }
            result = matches(candidate)
            return false
        }
        return result ?? matchesEmpty
    }

    package static func == (a: Matcher, b: Matcher) -> Bool {
        a.name == b.name && a.operation == b.operation && a.value == b.value
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(operation)
        hasher.combine(value)
    }
}

extension Matcher: CustomStringConvertible {
    package var description: String {
        let escaped = value.flatMap { character -> String in
            switch character {
            case "\\": "\\\\"
            case "\"": "\\\""
            case "\n": "\\n"
            default: String(character)
            }
        }
        return "\(name)\(operation.rawValue)\"\(String(escaped))\""
    }
}

/// Which series or streams: those that pass all matchers of at least one alternative. One empty
/// alternative selects everything.
package struct Selector: Sendable, Hashable {
    package var alternatives: [[Matcher]]

    package init(_ matchers: [Matcher]) { alternatives = [matchers] }
    package init(alternatives: [[Matcher]]) { self.alternatives = alternatives }

    /// Everything of the tenant.
    package static let everything = Selector([])

    /// Whether `labels` are selected.
    package func matches(_ labels: Labels) -> Bool {
        alternatives.contains { $0.allSatisfy { $0.matches(labels) } }
    }
}
