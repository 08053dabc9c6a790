/// The functions of MetricsQL that are no window functions of their own.
extension PromQLFunction {
    static let extras: [PromQLFunction] = rows + labelEdits + aliases + randoms + others

    private static let randoms: [PromQLFunction] = RandomValues.Distribution.allCases.map {
        PromQLFunction($0.rawValue, [.scalar], optional: 1, result: .scalar, .random($0))
    }

    private static let rows: [PromQLFunction] = RowFunction.allCases.map { function in
        let types: [PromQLExpr.ValueType] =
            function.hasLeadingNumber
            ? [.scalar, .vector] : function.hasTrailingNumber ? [.vector, .scalar] : [.vector]
        return PromQLFunction(function.rawValue, types, .row(function))
    }

    private static let labelEdits: [PromQLFunction] = LabelEdit.allCases.map { edit in
        let (count, isVariadic) = edit.stringCount
        return PromQLFunction(
            edit.rawValue, [.vector] + Array(repeating: .string, count: count),
            isVariadic: isVariadic, .labelEdit(edit))
    }

    /// Other names of functions that Prometheus has.
    private static let aliases: [PromQLFunction] = [
        ("tmin_over_time", WindowFunction.timestampOfMin),
        ("tmax_over_time", .timestampOfMax), ("tfirst_over_time", .timestampOfFirst),
        ("tlast_over_time", .timestampOfLast), ("default_rollup", .last),
        ("rate_prometheus", .rate), ("increase_prometheus", .increase),
        ("delta_prometheus", .delta), ("changes_prometheus", .changes),
        ("holt_winters", .doubleExponentialSmoothing),
    ].map { name, function in PromQLFunction(name, function.parameters, .window(function)) }

    private static let others: [PromQLFunction] = [
        PromQLFunction("bitmap_and", [.vector, .scalar], .bitmap(.and)),
        PromQLFunction("bitmap_or", [.vector, .scalar], .bitmap(.or)),
        PromQLFunction("bitmap_xor", [.vector, .scalar], .bitmap(.xor)),
        PromQLFunction("count_values_over_time", [.string, .matrix], .countValuesOverTime),
        PromQLFunction("drop_common_labels", [.vector], isVariadic: true, .dropCommonLabels),
        PromQLFunction("end", [], result: .scalar, .queryBound(.end)),
        PromQLFunction(
            "label_graphite_group", [.vector, .scalar], isVariadic: true, .graphiteGroup),
        PromQLFunction("label_value", [.vector, .string], .labelValue),
        PromQLFunction("limit_offset", [.scalar, .scalar, .vector], .limitOffset),
        PromQLFunction(
            "sort_by_label_numeric", [.vector, .string], isVariadic: true,
            .sortByLabel(descending: false)),
        PromQLFunction(
            "sort_by_label_numeric_desc", [.vector, .string], isVariadic: true,
            .sortByLabel(descending: true)),
        PromQLFunction("now", [], result: .scalar, .now),
        PromQLFunction("range", [], result: .scalar, .queryBound(.range)),
        PromQLFunction("start", [], result: .scalar, .queryBound(.start)),
        PromQLFunction("step", [], result: .scalar, .queryBound(.step)),
        PromQLFunction("union", [.vector], isVariadic: true, .union),
    ]
}

/// On the bits of a whole number.
enum BitmapOperator: Sendable, Hashable {
    case and, or, xor

    /// NaN for what is no whole number of 64 bits.
    func apply(_ a: Double, _ b: Double) -> Double {
        guard let x = UInt64(exactly: a.rounded(.towardZero)),
            let y = UInt64(exactly: b.rounded(.towardZero))
        else { return .nan }
        return switch self {
        case .and: Double(x & y)
        case .or: Double(x | y)
        case .xor: Double(x ^ y)
        }
    }
}

/// What a query knows of itself, seconds.
enum QueryBound: Sendable, Hashable {
    case start, end, step, range
}
