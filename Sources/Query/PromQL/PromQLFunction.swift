/// A function of PromQL: its name, what it takes and what computes it. The table holds all of
/// Prometheus 3; those not built yet are refused by name.
package struct PromQLFunction: Sendable {
    /// What computes it.
    enum Implementation: Sendable, Hashable {
        case window(WindowFunction)
        case absentOverTime
        case map(MapFunction)
        case clamp, clampMin, clampMax, round
        case absent, scalar, vector, time, timestamp, pi
        case sort(descending: Bool)
        case sortByLabel(descending: Bool)
        case labelReplace, labelJoin
        case date(DateField)
        case histogramField(HistogramField)
        case histogramQuantile, histogramFraction, histogramQuantiles
        case info
        /// Of two numbers.
        case extreme(isMaximum: Bool)
        case countValuesOverTime
        case row(RowFunction)
        case labelEdit(LabelEdit)
        case labelValue, graphiteGroup, dropCommonLabels
        case union, limitOffset
        case bitmap(BitmapOperator)
        case queryBound(QueryBound)
        case now
        case random(RandomValues.Distribution)
        case missing
    }

    package let name: String
    package let parameters: [PromQLExpr.ValueType]
    /// How many arguments may be left out or, when `isVariadic`, the last may be repeated.
    let optionalCount: Int
    let isVariadic: Bool
    /// How often the last parameter may be given; nil for as often as one likes.
    let repetitionsMax: Int?
    package let result: PromQLExpr.ValueType
    let implementation: Implementation

    init(
        _ name: String, _ parameters: [PromQLExpr.ValueType], optional optionalCount: Int = 0,
        isVariadic: Bool = false, repetitionsMax: Int? = nil,
        result: PromQLExpr.ValueType = .vector,
        _ implementation: Implementation
    ) {
        self.name = name
        self.parameters = parameters
        self.optionalCount = optionalCount
        self.isVariadic = isVariadic
        self.repetitionsMax = repetitionsMax
        self.result = result
        self.implementation = implementation
    }

    var argumentCountMin: Int { parameters.count - optionalCount }
    var argumentCountMax: Int? {
        isVariadic ? repetitionsMax.map { parameters.count - 1 + $0 } : parameters.count
    }

    /// As Prometheus counts it: 0 for exactly `parameters`, n when the last of them may be given
    /// 0 to n times, -1 for any number of times.
    package var variadic: Int { isVariadic ? repetitionsMax ?? -1 : optionalCount }

    /// The type of argument `index`.
    func parameter(_ index: Int) -> PromQLExpr.ValueType {
        parameters.isEmpty ? .scalar : parameters[min(index, parameters.count - 1)]
    }

    static func named(_ name: String) -> PromQLFunction? { table[name] }

    /// Names of those that can be computed, ascending.
    package static let names: [String] = table.values.filter { $0.implementation != .missing }
        .map(\.name).sorted()

    private static let table: [String: PromQLFunction] = Dictionary(
        (windowFunctions + maps + dates + histograms + others + extras).map { ($0.name, $0) },
        uniquingKeysWith: { first, _ in first })

    private static let windowFunctions: [PromQLFunction] =
        WindowFunction.allCases.map { function in
            PromQLFunction(function.rawValue, function.parameters, .window(function))
        }

    private static let maps: [PromQLFunction] = MapFunction.allCases.map {
        PromQLFunction($0.rawValue, [.vector], .map($0))
    }

    private static let dates: [PromQLFunction] = DateField.allCases.map {
        PromQLFunction($0.rawValue, [.vector], optional: 1, .date($0))
    }

    private static let histograms: [PromQLFunction] =
        HistogramField.allCases.map {
            PromQLFunction($0.rawValue, [.vector], .histogramField($0))
        } + [
            PromQLFunction("histogram_quantile", [.scalar, .vector], .histogramQuantile),
            PromQLFunction(
                "histogram_fraction", [.scalar, .scalar, .vector], .histogramFraction),
            PromQLFunction(
                "histogram_quantiles", [.vector, .string, .scalar, .scalar], optional: 1,
                isVariadic: true, repetitionsMax: 9, .histogramQuantiles),
        ]

    private static let others: [PromQLFunction] = [
        PromQLFunction("absent", [.vector], .absent),
        PromQLFunction("absent_over_time", [.matrix], .absentOverTime),
        PromQLFunction("clamp", [.vector, .scalar, .scalar], .clamp),
        PromQLFunction("clamp_max", [.vector, .scalar], .clampMax),
        PromQLFunction("clamp_min", [.vector, .scalar], .clampMin),
        PromQLFunction("info", [.vector, .vector], optional: 1, .info),
        PromQLFunction(
            "label_join", [.vector, .string, .string, .string], optional: 1, isVariadic: true,
            .labelJoin),
        PromQLFunction(
            "label_replace", [.vector, .string, .string, .string, .string], .labelReplace),
        PromQLFunction(
            "max_of", [.scalar, .scalar], result: .scalar, .extreme(isMaximum: true)),
        PromQLFunction(
            "min_of", [.scalar, .scalar], result: .scalar, .extreme(isMaximum: false)),
        PromQLFunction("pi", [], result: .scalar, .pi),
        PromQLFunction("round", [.vector, .scalar], optional: 1, .round),
        PromQLFunction("scalar", [.vector], result: .scalar, .scalar),
        PromQLFunction("sort", [.vector], .sort(descending: false)),
        PromQLFunction("sort_desc", [.vector], .sort(descending: true)),
        PromQLFunction(
            "sort_by_label", [.vector, .string], optional: 1, isVariadic: true,
            .sortByLabel(descending: false)),
        PromQLFunction(
            "sort_by_label_desc", [.vector, .string], optional: 1, isVariadic: true,
            .sortByLabel(descending: true)),
        PromQLFunction("start_timestamp", [.vector], .missing),
        PromQLFunction("time", [], result: .scalar, .time),
        PromQLFunction("timestamp", [.vector], .timestamp),
        PromQLFunction("vector", [.scalar], .vector),
    ]
}

/// Functions of one number.
enum MapFunction: String, Sendable, Hashable, CaseIterable {
    case abs, ceil, floor, exp, ln, log2, log10, sqrt, sgn
    case sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, asinh, acosh, atanh
    case deg, rad
}

/// Parts of a time in UTC.
enum DateField: String, Sendable, Hashable, CaseIterable {
    case minute, hour, month, year
    case dayOfMonth = "day_of_month"
    case dayOfWeek = "day_of_week"
    case dayOfYear = "day_of_year"
    case daysInMonth = "days_in_month"
}

/// What can be read off one histogram.
enum HistogramField: String, Sendable, Hashable, CaseIterable {
    case count = "histogram_count"
    case sum = "histogram_sum"
    case average = "histogram_avg"
    case stddev = "histogram_stddev"
    case stdvar = "histogram_stdvar"
}
