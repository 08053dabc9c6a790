internal import Model

/// Applies one window function to one series after the other. Series that share a timestamp column
/// share the search for their windows.
struct WindowEvaluator {
    let function: WindowFunction
    /// Where the windows end.
    let grid: StepGrid
    let windowNanos: Int64
    let parameters: [[Double]]
    let nowNanos: (Int) -> Int64
    let annotations: PromQLAnnotations
    /// Of the window in the query's text.
    let range: Range<Int>
    private let budget: QueryBudget
    private var floatIndexes: WindowIndexCache
    private var histogramIndexes: WindowIndexCache

    init(
        function: WindowFunction, grid: StepGrid, windowNanos: Int64, parameters: [[Double]],
        annotations: PromQLAnnotations, range: Range<Int>, budget: QueryBudget,
        nowNanos: @escaping (Int) -> Int64
    ) {
        self.function = function
        self.grid = grid
        self.windowNanos = windowNanos
        self.parameters = parameters
        self.annotations = annotations
        self.range = range
        self.budget = budget
        self.nowNanos = nowNanos
        floatIndexes = WindowIndexCache(grid: grid, windowNanos: windowNanos)
        histogramIndexes = WindowIndexCache(grid: grid, windowNanos: windowNanos)
    }

    /// One cell per step into `row`, and into `histograms` (empty when there are none). Throws
    /// `QueryError`, and `QueryLimitError` when the query is to end: also in the midst of one series.
    mutating func evaluate(
        _ series: SeriesData, into row: inout [Double], _ histograms: inout [HistogramBox?]
    ) throws {
        histograms.removeAll(keepingCapacity: true)
        let isRising =
            isCounterFunction
            && (series.isRising || CounterWindows.isRising(series.values.span))
        let floats =
            isRising
            ? (series.timestamps, series.values) : WindowEvaluator.withoutStaleMarkers(series)
        let windows = FloatWindows(
            index: floatIndexes.index(for: floats.0), values: floats.1, grid: grid,
            windowNanos: windowNanos, parameters: parameters, nowNanos: nowNanos)
        if function == .histogram {
            histograms = HistogramBuilder.histograms(of: windows)
            for step in row.indices { row[step] = StepMatrix.absent }
            try budget.check()
            return
        }
        if series.histograms.isEmpty {
            try evaluate(windows, isRising: isRising, into: &row)
            return
        }
        var samples = HistogramWindows(
            windows: windows, series: series,
            index: histogramIndexes.index(for: series.histogramTimestamps),
            annotations: annotations, range: range)
        if series.histograms.contains(where: \.isStaleMarker) {
            samples = samples.withoutStaleMarkers()
        }
        histograms = Array(repeating: nil, count: grid.count)
        // The floats alone first: most functions leave histograms aside.
        try evaluate(windows, isRising: isRising, into: &row)
        for steps in WindowSlices(samples.index) {
            samples.evaluate(function, at: steps, into: &row, &histograms)
            try budget.check()
        }
    }

    private var isCounterFunction: Bool { function == .rate || function == .increase }

    private func evaluate(
        _ windows: FloatWindows, isRising: Bool, into row: inout [Double]
    ) throws {
        switch function {
        // One pass over the samples, however wide the windows.
        case .rate, .increase, .delta:
            CounterWindows.fill(
                &row, windows, isCounter: isCounterFunction, isPerSecond: function == .rate,
                isRising: isRising)
        case .min: SlidingExtremes.fill(&row, windows, isMaximum: false)
        case .max: SlidingExtremes.fill(&row, windows, isMaximum: true)
        default:
            for steps in WindowSlices(windows.index) {
                try evaluate(windows, at: steps, into: &row)
                try budget.check()
            }
        }
    }

    private func evaluate(
        _ windows: FloatWindows, at steps: Range<Int>, into row: inout [Double]
    ) throws(QueryError) {
        switch function {
        case .rate, .increase, .delta, .min, .max: preconditionFailure("BUG: done in one pass")
        case .irate: WindowKernels.InstantRate.fill(&row, windows, steps)
        case .idelta: WindowKernels.InstantDelta.fill(&row, windows, steps)
        case .deriv: WindowKernels.Derivative.fill(&row, windows, steps)
        case .resets: WindowKernels.Resets.fill(&row, windows, steps)
        case .changes: WindowKernels.Changes.fill(&row, windows, steps)
        case .avg: WindowKernels.Average.fill(&row, windows, steps)
        case .sum: WindowKernels.Sum.fill(&row, windows, steps)
        case .count: WindowKernels.Count.fill(&row, windows, steps)
        case .stddev: WindowKernels.Deviation.fill(&row, windows, steps)
        case .stdvar: WindowKernels.Variance.fill(&row, windows, steps)
        case .mad: WindowKernels.MedianDeviation.fill(&row, windows, steps)
        case .last: WindowKernels.Last.fill(&row, windows, steps)
        case .first: WindowKernels.First.fill(&row, windows, steps)
        case .present: WindowKernels.Present.fill(&row, windows, steps)
        case .timestampOfFirst: WindowKernels.TimestampOfFirst.fill(&row, windows, steps)
        case .timestampOfLast: WindowKernels.TimestampOfLast.fill(&row, windows, steps)
        case .timestampOfMin: WindowKernels.TimestampOfMinimum.fill(&row, windows, steps)
        case .timestampOfMax: WindowKernels.TimestampOfMaximum.fill(&row, windows, steps)
        case .quantile: fillQuantile(&row, windows, steps)
        case .predictLinear: fillPrediction(&row, windows, steps)
        case .doubleExponentialSmoothing: try fillSmoothed(&row, windows, steps)
        case .histogram: for step in steps { row[step] = StepMatrix.absent }
        default:
            var extra = ExtraWindows(function, windows)
            extra.fill(&row, steps)
        }
    }

    private func fillQuantile(
        _ row: inout [Double], _ windows: FloatWindows, _ steps: Range<Int>
    ) {
        var scratch: [Double] = []
        for step in steps {
            let low = Int(windows.index.lows[step])
            let high = Int(windows.index.highs[step])
            guard low < high else {
                row[step] = StepMatrix.absent
                continue
            }
            let quantile = windows.parameter(0, step)
            if !(quantile >= 0 && quantile <= 1) {
                annotations.quantileOutOfRange(quantile, at: range)
            }
            scratch.removeAll(keepingCapacity: true)
            scratch.append(contentsOf: windows.values[low..<high])
            row[step] = Quantile.of(&scratch, quantile)
        }
    }

    private func fillPrediction(
        _ row: inout [Double], _ windows: FloatWindows, _ steps: Range<Int>
    ) {
        let nanos = windows.index.column.nanos
        let times = nanos.span
        for step in steps {
            let low = Int(windows.index.lows[step])
            let high = Int(windows.index.highs[step])
            guard high - low > 1 else {
                row[step] = StepMatrix.absent
                continue
            }
            let line = LinearRegression(
                windows.values.span, times, low, high, originNanos: windows.nowNanos(step))
            row[step] = line.slope * windows.parameter(0, step) + line.intercept
        }
    }

    private func fillSmoothed(
        _ row: inout [Double], _ windows: FloatWindows, _ steps: Range<Int>
    ) throws(QueryError) {
        for step in steps {
            let low = Int(windows.index.lows[step])
            let high = Int(windows.index.highs[step])
            row[step] = StepMatrix.absent
            guard low < high else { continue }
            let smoothing = windows.parameter(0, step)
            let trend = windows.parameter(1, step)
            for (value, name, short) in [(smoothing, "smoothing", "sf"), (trend, "trend", "tf")]
            where value <= 0 || value >= 1 {
                throw .execution(
                    message: "invalid \(name) factor. Expected: 0 < \(short) < 1, got: "
                        + NumberText.format(value))
            }
            guard high - low > 1 else { continue }
            let values = windows.values[low..<high]
            var before = 0.0
            var level = values[low]
            var slope = values[low + 1] - values[low]
            for place in low + 1..<high {
                if place > low + 1 { slope = trend * (level - before) + (1 - trend) * slope }
                let next = smoothing * values[place] + (1 - smoothing) * (level + slope)
                before = level
                level = next
            }
            row[step] = level
        }
    }

    /// The floats without stale markers; the series' own column when it has none.
    static func withoutStaleMarkers(
        _ series: SeriesData
    ) -> (column: TimestampColumn, values: [Double]) {
        let span = series.values.span
        let count = span.count
        var place = 0
        var notNumbers = 0
        while place < count {
            notNumbers &+= span[place] == span[place] ? 0 : 1
            place &+= 1
        }
        guard notNumbers > 0, series.values.contains(where: \.isStaleMarker) else {
            return (series.timestamps, series.values)
        }
        var nanos: [Int64] = []
        var values: [Double] = []
        for (place, value) in series.values.enumerated() where !value.isStaleMarker {
            nanos.append(series.timestamps.nanos[place])
            values.append(value)
        }
        return (TimestampColumn(nanos), values)
    }
}
