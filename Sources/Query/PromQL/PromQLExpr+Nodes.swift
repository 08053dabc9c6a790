package import Model

extension PromQLExpr {
    /// `1.5`, `0x1F`, `Inf`, or a duration in the place of a number, in seconds.
    package struct NumberLiteral: Sendable {
        package var value: Double
        package var isDuration: Bool
        package var range: Range<Int>
    }

    package struct StringLiteral: Sendable {
        package var value: String
        package var range: Range<Int>
    }

    package struct Parens: Sendable {
        package var inner: PromQLExpr
        package var range: Range<Int>
    }

    /// `offset 5m` and `@ 1600000000`.
    package struct TimeShift: Sendable, Hashable {
        /// The instant of `@`.
        package enum Anchor: Sendable, Hashable {
            case timestamp(millis: Int64)
            /// Of the query's range.
            case start
            case end
        }

        /// Nil when not written. Negative looks ahead.
        package var offsetNanos: Int64?
        /// As written, where that is more than a literal.
        package var offset: DurationExpr?
        package var anchor: Anchor?

        package static let none = TimeShift()
        package var isNone: Bool { offsetNanos == nil && anchor == nil }
    }

    /// What a selector does at the ends of its window.
    package enum Boundary: String, Sendable, Hashable {
        /// Extrapolates, as `rate` ever did.
        case plain
        /// The last sample before the window counts as its first.
        case anchored
        /// Values at the ends are interpolated between the samples around them.
        case smoothed
    }

    /// `name{label="value"} offset 5m`. `name` is the one before the brace, or empty; the matcher
    /// that it stands for is among `matchers`, and in every one of `others`.
    package struct VectorSelector: Sendable {
        package var name: String
        package var matchers: [Matcher]
        /// Further alternatives: `{a="b" or c="d"}`.
        package var others: [[Matcher]] = []
        package var shift: TimeShift
        package var boundary: Boundary = .plain
        package var range: Range<Int>

        /// What it asks the querier for.
        package var selector: Selector { Selector(alternatives: [matchers] + others) }

        /// The one metric name that all its series have; nil when there may be several.
        var onlyName: String? {
            let names = selector.alternatives.map { matchers in
                matchers.first { $0.name == "__name__" && $0.operation == .equal }?.value
            }
            return names.allSatisfy { $0 == names[0] } ? names[0] : nil
        }
    }

    /// `selector[5m]`; the shift is the selector's.
    package struct MatrixSelector: Sendable {
        package var selector: VectorSelector
        /// 0 as long as `window` is not resolved.
        package var windowNanos: Int64
        /// As written, where that is more than a literal.
        package var window: DurationExpr?
        package var range: Range<Int>
    }

    /// `inner[1h:5m]`.
    package struct Subquery: Sendable {
        package var inner: PromQLExpr
        /// 0 as long as `window` is not resolved.
        package var windowNanos: Int64
        /// As written, where that is more than a literal.
        package var window: DurationExpr?
        /// Nil for the engine's default.
        package var stepNanos: Int64?
        package var step: DurationExpr?
        package var shift: TimeShift
        package var range: Range<Int>
    }

    package struct Call: Sendable {
        package var function: PromQLFunction
        package var arguments: [PromQLExpr]
        /// `f(x) keep_metric_names`
        package var keepsMetricNames = false
        package var range: Range<Int>
    }

    /// `sum by (job) (…)`, `topk(3, …)`.
    package struct Aggregate: Sendable {
        package enum Operation: String, Sendable, Hashable, CaseIterable {
            case sum, avg, min, max, count, group, stddev, stdvar
            case topk, bottomk, quantile
            case countValues = "count_values"
            case limitk
            case limitRatio = "limit_ratio"

            // MetricsQL's.
            case any, distinct, geomean, histogram, iqr, mad, median, mode, share, sum2, zscore
            case outliersIQR = "outliers_iqr"
            case outliersMAD = "outliers_mad"
            case outliersk
            case topkAverage = "topk_avg"
            case topkLast = "topk_last"
            case topkMaximum = "topk_max"
            case topkMedian = "topk_median"
            case topkMinimum = "topk_min"
            case bottomkAverage = "bottomk_avg"
            case bottomkLast = "bottomk_last"
            case bottomkMaximum = "bottomk_max"
            case bottomkMedian = "bottomk_median"
            case bottomkMinimum = "bottomk_min"

            package var takesParameter: Bool {
                switch self {
                case .topk, .bottomk, .quantile, .countValues, .limitk, .limitRatio,
                    .outliersMAD, .outliersk:
                    true
                default: rowRanking != nil
                }
            }

            /// Rows are ranked by one number of each.
            var rowRanking: (isTop: Bool, by: RowFunction)? {
                switch self {
                case .topkAverage: (true, .rangeAverage)
                case .topkLast: (true, .rangeLast)
                case .topkMaximum: (true, .rangeMaximum)
                case .topkMedian: (true, .rangeMedian)
                case .topkMinimum: (true, .rangeMinimum)
                case .bottomkAverage: (false, .rangeAverage)
                case .bottomkLast: (false, .rangeLast)
                case .bottomkMaximum: (false, .rangeMaximum)
                case .bottomkMedian: (false, .rangeMedian)
                case .bottomkMinimum: (false, .rangeMinimum)
                default: nil
                }
            }
        }

        package var operation: Operation
        package var parameter: PromQLExpr?
        package var operand: PromQLExpr
        package var grouping: LabelGrouping
        /// `limit 10`: of the resulting series, by labels.
        package var limit: Int?
        package var range: Range<Int>
    }

    package struct Unary: Sendable {
        package var isNegation: Bool
        package var operand: PromQLExpr
        package var range: Range<Int>
    }

    package enum BinaryOperator: String, Sendable, Hashable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case modulo = "%"
        case power = "^"
        case atan2
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case and
        case or
        case unless
        /// Of a histogram and a number: the observations up to it.
        case trimUpper = "</"
        /// Of a histogram and a number: the observations from it on.
        case trimLower = ">/"
        /// The left side, and where it has nothing the right one.
        case `default`
        /// The left side where the right one has something.
        case `if`
        /// The left side where the right one has nothing.
        case ifnot

        package var isComparison: Bool {
            switch self {
            case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: true
            default: false
            }
        }

        package var isSetOperator: Bool { self == .and || self == .or || self == .unless }

        /// MetricsQL's: both sides may be numbers, the result is a vector.
        package var isGapOperator: Bool { self == .default || self == .if || self == .ifnot }

        package var isTrim: Bool { self == .trimUpper || self == .trimLower }

        /// Whether results are samples of the left side, so that their names stay.
        package var keepsMetricName: Bool { isComparison || isTrim }

        /// Higher binds tighter.
        var precedence: Int {
            switch self {
            case .default: -1
            case .if, .ifnot: 0
            case .or: 1
            case .and, .unless: 2
            case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: 3
            case .trimUpper, .trimLower: 3
            case .add, .subtract: 4
            case .multiply, .divide, .modulo, .atan2: 5
            case .power: 6
            }
        }
    }

    /// How elements of two vectors find each other.
    package struct VectorMatching: Sendable, Hashable {
        package enum Cardinality: Sendable, Hashable { case oneToOne, manyToOne, oneToMany }

        package var cardinality: Cardinality
        /// `on (…)` when true, else `ignoring (…)`.
        package var isOn: Bool
        package var labels: [String]
        /// Labels of the "one" side that `group_left (…)` copies.
        package var include: [String]
        /// What stands for a missing element of the left or right side: `fill_left (0)`.
        package var fillLeft: Double?
        package var fillRight: Double?

        package static let standard = VectorMatching(
            cardinality: .oneToOne, isOn: false, labels: [], include: [])
    }

    package struct Binary: Sendable {
        package var operation: BinaryOperator
        package var left: PromQLExpr
        package var right: PromQLExpr
        package var returnsBool: Bool
        /// `(a + b) keep_metric_names`
        package var keepsMetricNames = false
        package var matching: VectorMatching
        package var range: Range<Int>
    }
}
