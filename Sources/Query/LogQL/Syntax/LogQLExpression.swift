internal import Model

/// What a LogQL query says: lines, or numbers over time made of them. A plain tree without
/// decisions of how to answer it; `LogQLPrinter` writes it in canonical form.
///
/// Source: Loki 3, pkg/logql/syntax/syntax.y and ast.go.
indirect enum LogQLExpression: Sendable {
    case log(LogExpression)
    case metric(MetricExpression)
}

/// Which streams, and what happens to each line.
struct LogExpression: Sendable {
    /// What is made of the lines that the stages kept, all of them.
    enum Ending: Sendable, Equatable {
        /// `| context -B 2 -A 3`: the lines of the same stream around each, too.
        case context(before: Int, after: Int)
        /// `| patterns`: instead of lines, which forms they have.
        case patterns
    }

    var matchers: [Matcher]
    var stages: [PipelineStage]
    var ending: Ending?
}

/// One `|` of a pipeline.
enum PipelineStage: Sendable {
    case lineFilter(LineFilterExpression)
    case labelFilter(LabelFilterExpression)
    case json([FieldExtraction])
    case logfmt(isStrict: Bool, keepsEmpty: Bool, [FieldExtraction])
    case regexp(String)
    case pattern(String)
    case unpack
    case lineFormat(String)
    case labelFormat([LabelAssignment])
    case decolorize
    case drop([LabelChoice])
    case keep([LabelChoice])
    case unwrap(UnwrapExpression)
    /// `distinct a, b`: the first line of each combination of values.
    case distinct([String])
}

/// `|= "a" or "b"`, `!~ "c"`, `|= ip("10.0.0.0/8")`.
struct LineFilterExpression: Sendable {
    enum Operation: String {
        case contains = "|="
        case notContains = "!="
        case matches = "|~"
        case notMatches = "!~"
        case pattern = "|>"
        case notPattern = "!>"

        var isNegated: Bool {
            switch self {
            case .contains, .matches, .pattern: false
            case .notContains, .notMatches, .notPattern: true
            }
        }
    }

    struct Alternative {
        var text: String
        /// `text` is an address, range or CIDR: `ip("…")`.
        var isAddress: Bool
    }

    var operation: Operation
    /// At least one.
    var alternatives: [Alternative]
}

/// How numbers are compared.
enum LogQLComparison: String {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="

    @inline(__always)
    func holds(_ a: Double, _ b: Double) -> Bool {
        switch self {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        }
    }
}

/// A condition on labels.
indirect enum LabelFilterExpression: Sendable {
    enum Unit { case number, duration, bytes }

    case and(LabelFilterExpression, LabelFilterExpression)
    case or(LabelFilterExpression, LabelFilterExpression)
    case string(Matcher)
    /// value: in seconds for durations, else as it is; text: the literal as written.
    case quantity(name: String, LogQLComparison, value: Double, unit: Unit, text: String)
    case address(name: String, isNegated: Bool, String)
}

/// `name="path"` of `json` and `logfmt`; a bare `name` has itself as path.
struct FieldExtraction: Sendable, Equatable {
    var name: String
    var path: String
}

/// One of `label_format`'s.
struct LabelAssignment: Sendable {
    enum Source {
        case label(String)
        case template(String)
    }

    var name: String
    var source: Source
}

/// One of `drop` and `keep`: a name, or only with a value that matches.
enum LabelChoice: Sendable {
    case name(String)
    case matching(Matcher)

    var name: String {
        switch self {
        case .name(let name): name
        case .matching(let matcher): matcher.name
        }
    }
}

/// `unwrap label`, `unwrap duration(label)`.
struct UnwrapExpression: Sendable {
    enum Conversion: String {
        case number = ""
        case bytes
        case duration
        case durationSeconds = "duration_seconds"
    }

    var label: String
    var conversion: Conversion
}

/// An expression whose value is numbers over time.
indirect enum MetricExpression: Sendable {
    case number(Double)
    case vector(Double)
    case range(RangeAggregation)
    case aggregation(VectorAggregation)
    case binary(BinaryExpression)
    case labelReplace(LabelReplacement)
    case variants(VariantsExpression)
}

/// `variants(count_over_time(…), bytes_over_time(…)) of ({…}[5m])`: several expressions at once,
/// told apart by the label `__variant__`, their number from 0. `lines` says again which lines are
/// meant; each expression reads its own.
struct VariantsExpression: Sendable {
    var expressions: [MetricExpression]
    /// Only its lines, range and offset count.
    var lines: RangeAggregation
}

/// `rate({…} | … [5m] offset 1h) by (x)`.
struct RangeAggregation: Sendable {
    enum Function: String, CaseIterable {
        case countOverTime = "count_over_time"
        case rate
        case rateCounter = "rate_counter"
        case bytesOverTime = "bytes_over_time"
        case bytesRate = "bytes_rate"
        case absentOverTime = "absent_over_time"
        case sumOverTime = "sum_over_time"
        case avgOverTime = "avg_over_time"
        case minOverTime = "min_over_time"
        case maxOverTime = "max_over_time"
        case stddevOverTime = "stddev_over_time"
        case stdvarOverTime = "stdvar_over_time"
        case quantileOverTime = "quantile_over_time"
        case firstOverTime = "first_over_time"
        case lastOverTime = "last_over_time"
        /// Ours: how many values a label has.
        case countDistinctOverTime = "count_distinct_over_time"

        /// Whether it works on an unwrapped label only.
        var needsUnwrap: Bool {
            switch self {
            case .countOverTime, .rate, .bytesOverTime, .bytesRate, .absentOverTime,
                .countDistinctOverTime:
                false
            default: true
            }
        }

        /// Whether it may stand over an unwrapped label.
        var allowsUnwrap: Bool {
            switch self {
            case .countOverTime, .bytesOverTime, .bytesRate, .countDistinctOverTime: false
            default: true
            }
        }

        /// Whether `by` and `without` may follow it.
        var allowsGrouping: Bool {
            switch self {
            case .avgOverTime, .minOverTime, .maxOverTime, .stddevOverTime, .stdvarOverTime,
                .quantileOverTime, .firstOverTime, .lastOverTime, .countDistinctOverTime:
                true
            default: false
            }
        }
    }

    var function: Function
    /// Of `quantile_over_time`.
    var parameter: Double?
    /// Of `count_distinct_over_time`.
    var label: String?
    var log: LogExpression
    var rangeNanos: Int64
    var offsetNanos: Int64
    var grouping: LabelGrouping?

    /// The pipeline's unwrap, if any.
    var unwrap: UnwrapExpression? {
        for case .unwrap(let unwrap) in log.stages { return unwrap }
        return nil
    }
}

/// `sum by (x) (…)`, `topk(3, …)`.
struct VectorAggregation: Sendable {
    enum Function: String, CaseIterable {
        case sum, avg, min, max, count, stddev, stdvar, topk, bottomk, sort
        case sortDescending = "sort_desc"
        case approximateTopk = "approx_topk"

        var takesParameter: Bool {
            switch self {
            case .topk, .bottomk, .approximateTopk: true
            default: false
            }
        }
    }

    var function: Function
    /// How many, of `topk` and its kin.
    var parameter: Int?
    var operand: MetricExpression
    var grouping: LabelGrouping?
}

/// `left + on (a) group_left (b) right`.
struct BinaryExpression: Sendable {
    enum Operation: String {
        case or, and, unless
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case modulo = "%"
        case power = "^"
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="

        var isSet: Bool { self == .or || self == .and || self == .unless }

        var comparison: LogQLComparison? { LogQLComparison(rawValue: rawValue) }

        /// Binds tighter the higher it is.
        var precedence: Int {
            switch self {
            case .or: 1
            case .and, .unless: 2
            case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: 3
            case .add, .subtract: 4
            case .multiply, .divide, .modulo: 5
            case .power: 6
            }
        }
    }

    enum Cardinality: Equatable {
        case oneToOne
        /// `group_left`: many on the left; these labels come from the right.
        case manyToOne([String])
        case oneToMany([String])
    }

    var operation: Operation
    var returnsBool: Bool
    /// `on` (keeps the names) or `ignoring` (drops them); nil compares all labels.
    var matching: LabelGrouping?
    var cardinality: Cardinality
    var left: MetricExpression
    var right: MetricExpression
}

/// `label_replace(v, "dst", "replacement", "src", "regex")`.
struct LabelReplacement: Sendable {
    var operand: MetricExpression
    var destination: String
    var replacement: String
    var source: String
    var pattern: String
    /// `pattern`, bound to match whole values.
    var expression: RegularExpression
}
