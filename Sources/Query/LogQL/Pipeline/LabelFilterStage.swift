internal import Model

/// A label filter with its names resolved. Numbers, durations and sizes are read from the label at
/// each line; one that cannot be read marks the line with `__error__` and lets it pass, as in
/// Loki, and once a line is marked only text conditions can stop it.
///
/// Source: Loki 3, pkg/logql/log/label_filter.go.
indirect enum LabelFilterStage: Sendable {
    case and(LabelFilterStage, LabelFilterStage)
    case or(LabelFilterStage, LabelFilterStage)
    case equal(name: Int, value: [UInt8], isNegated: Bool)
    case text(name: Int, Matcher)
    case quantity(name: Int, LogQLComparison, Double, LabelFilterExpression.Unit)
    case address(name: Int, isNegated: Bool, AddressRange)

    /// Nil for an expression that the parser would have refused.
    init?(_ filter: LabelFilterExpression, names: inout FieldNames) {
        switch filter {
        case .and(let left, let right), .or(let left, let right):
            guard let first = LabelFilterStage(left, names: &names),
                let second = LabelFilterStage(right, names: &names)
            else { return nil }
            if case .and = filter { self = .and(first, second) } else { self = .or(first, second) }
        case .string(let matcher):
            let name = names.number(of: matcher.name)
            switch matcher.operation {
            case .equal, .notEqual:
                self = .equal(
                    name: name, value: Array(matcher.value.utf8),
                    isNegated: matcher.operation == .notEqual)
            case .matches, .notMatches: self = .text(name: name, matcher)
            }
        case .quantity(let name, let comparison, let value, let unit, _):
            self = .quantity(name: names.number(of: name), comparison, value, unit)
        case .address(let name, let isNegated, let text):
            guard let range = AddressRange(text) else { return nil }
            self = .address(name: names.number(of: name), isNegated: isNegated, range)
        }
    }

    /// Whether the line passes; may set `__error__`.
    func passes(_ fields: inout LineFields) -> Bool {
        switch self {
        case .and(let left, let right): return left.passes(&fields) && right.passes(&fields)
        case .or(let left, let right): return left.passes(&fields) || right.passes(&fields)
        case .equal(let name, let value, let isNegated):
            guard let range = fields.value(of: name) else { return value.isEmpty != isNegated }
            return fields.arena[range].elementsEqual(value) != isNegated
        case .text(let name, let matcher): return matcher.matches(fields.bytes(of: name))
        case .quantity(let name, let comparison, let wanted, let unit):
            if fields.hasError { return true }
            guard let range = fields.value(of: name) else { return false }
            let text = fields.arena[range]
            let value: Double? =
                switch unit {
                case .number: LogQLQuantity.number(text)
                case .duration: LogQLQuantity.durationNanos(text).map { Double($0) / 1e9 }
                case .bytes: LogQLQuantity.byteCount(text)
                }
            guard let value else {
                let problem =
                    switch unit {
                    case .number: LogQLQuantity.numberProblem(text)
                    case .duration: LogQLQuantity.durationProblem(text)
                    case .bytes: LogQLQuantity.byteCountProblem(text)
                    }
                fields.setError("LabelFilterErr", details: problem)
                return true
            }
            return comparison.holds(value, wanted)
        case .address(let name, let isNegated, let addresses):
            if fields.hasError { return true }
            guard let range = fields.value(of: name) else { return false }
            return addresses.contains(fields.arena[range]) != isNegated
        }
    }

    /// Adds the labels it reads.
    static func addNeeds(_ filter: LabelFilterExpression, to needs: inout FieldNeeds) {
        switch filter {
        case .and(let left, let right), .or(let left, let right):
            addNeeds(left, to: &needs)
            addNeeds(right, to: &needs)
        case .string(let matcher): needs.add(matcher.name)
        case .quantity(let name, _, _, _, _), .address(let name, _, _): needs.add(name)
        }
    }
}
