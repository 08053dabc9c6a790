/// Functions of the samples in a window.
enum WindowFunction: String, Sendable, Hashable, CaseIterable {
    case rate, irate, increase, delta, idelta, deriv, resets, changes
    case predictLinear = "predict_linear"
    case doubleExponentialSmoothing = "double_exponential_smoothing"
    case avg = "avg_over_time"
    case min = "min_over_time"
    case max = "max_over_time"
    case sum = "sum_over_time"
    case count = "count_over_time"
    case quantile = "quantile_over_time"
    case stddev = "stddev_over_time"
    case stdvar = "stdvar_over_time"
    case mad = "mad_over_time"
    case last = "last_over_time"
    case first = "first_over_time"
    case present = "present_over_time"
    case timestampOfLast = "ts_of_last_over_time"
    case timestampOfFirst = "ts_of_first_over_time"
    case timestampOfMin = "ts_of_min_over_time"
    case timestampOfMax = "ts_of_max_over_time"

    // MetricsQL's.
    case countEqual = "count_eq_over_time"
    case countNotEqual = "count_ne_over_time"
    case countGreater = "count_gt_over_time"
    case countLessOrEqual = "count_le_over_time"
    case shareEqual = "share_eq_over_time"
    case shareGreater = "share_gt_over_time"
    case shareLessOrEqual = "share_le_over_time"
    case sumEqual = "sum_eq_over_time"
    case sumGreater = "sum_gt_over_time"
    case sumLessOrEqual = "sum_le_over_time"
    case lag, lifetime, integrate
    case scrapeInterval = "scrape_interval"
    case increases = "increases_over_time"
    case decreases = "decreases_over_time"
    case ascent = "ascent_over_time"
    case descent = "descent_over_time"
    case instantDerivative = "ideriv"
    case fastDerivative = "deriv_fast"
    case durationOver = "duration_over_time"
    case timestampOfLastChange = "tlast_change_over_time"
    case rateOverSum = "rate_over_sum"
    case sumOfSquares = "sum2_over_time"
    case geometricMean = "geomean_over_time"
    case zScore = "zscore_over_time"
    case hoeffdingLower = "hoeffding_bound_lower"
    case hoeffdingUpper = "hoeffding_bound_upper"
    case median = "median_over_time"
    case mode = "mode_over_time"
    case distinct = "distinct_over_time"
    case interquartileRange = "iqr_over_time"
    case outlierOfQuartiles = "outlier_iqr_over_time"
    case rangeOver = "range_over_time"
    case histogram = "histogram_over_time"
    // Of neighbouring samples, brought together as a string says.
    case pairRates = "rollup_rate"
    case pairIncreases = "rollup_increase"
    case pairDeltas = "rollup_delta"
    case pairDerivatives = "rollup_deriv"
    case pairIntervals = "rollup_scrape_interval"

    /// Whether the result is a sample of the series and so keeps its name.
    var keepsMetricName: Bool {
        switch self {
        case .last, .first, .median, .mode, .geometricMean, .outlierOfQuartiles: true
        default: false
        }
    }

    /// The types of its arguments.
    var parameters: [PromQLExpr.ValueType] {
        switch self {
        case .quantile, .hoeffdingLower, .hoeffdingUpper: [.scalar, .matrix]
        case .doubleExponentialSmoothing: [.matrix, .scalar, .scalar]
        case .predictLinear, .countEqual, .countNotEqual, .countGreater, .countLessOrEqual,
            .shareEqual, .shareGreater, .shareLessOrEqual, .sumEqual, .sumGreater,
            .sumLessOrEqual, .durationOver:
            [.matrix, .scalar]
        case .pairRates, .pairIncreases, .pairDeltas, .pairDerivatives, .pairIntervals:
            [.matrix, .string]
        default: [.matrix]
        }
    }
}

/// How what neighbouring samples give is brought together.
enum PairSummary: String, Sendable, CaseIterable {
    case min, max, avg
}

extension PromQLExpr.Call {
    /// The numbers that a window function takes; the name of a summary is its place among them.
    var windowParameters: [PromQLExpr] {
        arguments.compactMap { argument in
            guard argument.type != .scalar else { return argument }
            guard case .string(let name) = argument.withoutParens else { return nil }
            let place = PairSummary.allCases.firstIndex { $0.rawValue == name.value }
            return .number(
                .init(
                    value: place.map(Double.init) ?? .nan, isDuration: false,
                    range: argument.range))
        }
    }
}
