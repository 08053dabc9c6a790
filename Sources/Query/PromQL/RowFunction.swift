/// Functions of MetricsQL that look at all steps of a row at once: `range_*` say one thing of the
/// whole row, `running_*` go along it, others fill its gaps or leave points out.
enum RowFunction: String, Sendable, Hashable, CaseIterable {
    case rangeAverage = "range_avg"
    case rangeFirst = "range_first"
    case rangeLast = "range_last"
    case rangeLinearRegression = "range_linear_regression"
    case rangeMedianDeviation = "range_mad"
    case rangeMaximum = "range_max"
    case rangeMedian = "range_median"
    case rangeMinimum = "range_min"
    case rangeNormalize = "range_normalize"
    case rangeQuantile = "range_quantile"
    case rangeDeviation = "range_stddev"
    case rangeVariance = "range_stdvar"
    case rangeSum = "range_sum"
    case rangeTrimOutliers = "range_trim_outliers"
    case rangeTrimSpikes = "range_trim_spikes"
    case rangeTrimZScore = "range_trim_zscore"
    case rangeZScore = "range_zscore"
    case runningAverage = "running_avg"
    case runningMaximum = "running_max"
    case runningMinimum = "running_min"
    case runningSum = "running_sum"
    case interpolate
    case keepLastValue = "keep_last_value"
    case keepNextValue = "keep_next_value"
    case removeResets = "remove_resets"
    case smoothExponential = "smooth_exponential"
    case dropEmptySeries = "drop_empty_series"

    /// Whether a number stands before the vector.
    var hasLeadingNumber: Bool {
        switch self {
        case .rangeQuantile, .rangeTrimOutliers, .rangeTrimSpikes, .rangeTrimZScore: true
        default: false
        }
    }

    var hasTrailingNumber: Bool { self == .smoothExponential }

    /// Whether results are values of the series, so that they keep its name.
    var keepsMetricName: Bool {
        switch self {
        case .rangeSum, .runningSum, .rangeMedianDeviation, .rangeZScore, .removeResets: false
        default: true
        }
    }
}
