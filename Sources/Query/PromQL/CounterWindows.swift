internal import Model

/// `rate`, `increase` and `delta` of float series: one pass over the samples finds the resets,
/// then each step costs a constant, plus the resets within its window.
enum CounterWindows {
    /// Windows with more resets than this take differences of running sums instead of adding up
    /// the resets one by one; exact to rounding, and linear on noisy gauges.
    private static let resetsSummedMax = 64

    /// `isRising`: what the function of that name says of the values.
    static func fill(
        _ row: inout [Double], _ windows: FloatWindows, isCounter: Bool, isPerSecond: Bool,
        isRising: Bool
    ) {
        let reach = windows.index.extrapolation(
            grid: windows.grid, windowNanos: windows.windowNanos, isPerSecond: isPerSecond)
        if isCounter, !isRising, windows.values.count > 1 {
            fillWithResets(&row, windows, reach, isPerSecond)
        } else {
            fillWithoutResets(&row, windows, reach, isCounter: isCounter, isPerSecond)
        }
    }

    /// Whether no value is lower than the one before and none is a NaN: no reset and no stale
    /// marker. One comparison per sample, all of them, so that the loop needs no branch.
    static func isRising(_ values: Span<Double>) -> Bool {
        let count = values.count
        guard count > 0 else { return true }
        var others = values[0] == values[0] ? 0 : 1
        var place = 1
        while place < count {
            others &+= values[place] >= values[place &- 1] ? 0 : 1
            place &+= 1
        }
        return others == 0
    }

    /// How many values are lower than the one before.
    @inline(never)
    private static func falls(_ values: Span<Double>) -> Int {
        let count = values.count
        var falls = 0
        var place = 1
        while place < count {
            falls &+= values[place] < values[place &- 1] ? 1 : 0
            place &+= 1
        }
        return falls
    }

    private static func fillWithoutResets(
        _ row: inout [Double], _ windows: FloatWindows, _ reach: WindowIndex.Extrapolation,
        isCounter: Bool, _ isPerSecond: Bool
    ) {
        let values = windows.values.span
        let ends = reach.windows.span
        var out = row.mutableSpan
        for step in 0..<out.count {
            let window = ends[step]
            guard window.high &- window.low > 1 else {
                out[step] = StepMatrix.absent
                continue
            }
            let first = values[Int(window.low)]
            let delta = values[Int(window.high) &- 1] - first
            // Division is left to the few windows that the counter's zero point may shorten.
            if !isCounter || first > window.ratio * delta || delta <= 0 {
                out[step] = delta * window.factor
            } else {
                out[step] = shortened(first, delta, reach, step, windows, isPerSecond)
            }
        }
    }

    private static func fillWithResets(
        _ row: inout [Double], _ windows: FloatWindows, _ reach: WindowIndex.Extrapolation,
        _ isPerSecond: Bool
    ) {
        let values = windows.values.span
        let ends = reach.windows.span
        var resets = Resets(values)
        var out = row.mutableSpan
        for step in 0..<out.count {
            let window = ends[step]
            guard window.high &- window.low > 1 else {
                out[step] = StepMatrix.absent
                continue
            }
            let low = Int(window.low)
            let high = Int(window.high)
            let first = values[low]
            var delta = values[high &- 1] - first
            if resets.mayBeBefore(high) { delta = resets.correct(delta, low, high) }
            if first > window.ratio * delta || delta <= 0 {
                out[step] = delta * window.factor
            } else {
                out[step] = shortened(first, delta, reach, step, windows, isPerSecond)
            }
        }
    }

    private static func shortened(
        _ first: Double, _ delta: Double, _ reach: WindowIndex.Extrapolation, _ step: Int,
        _ windows: FloatWindows, _ isPerSecond: Bool
    ) -> Double {
        shortened(
            first, delta, reach.intervals[step], reach.toStarts[step], reach.toEnds[step],
            isPerSecond ? StepGrid.seconds(nanos: windows.windowNanos) : nil)
    }

    /// A counter cannot have been below zero: where the line through the window meets zero within
    /// the stretch before the first sample, the stretch ends there.
    @inline(__always)
    static func shortened(
        _ first: Double, _ delta: Double, _ interval: Double, _ toStart: Double,
        _ toEnd: Double, _ windowSeconds: Double?
    ) -> Double {
        var toStart = toStart
        if delta > 0, first >= 0 {
            let toZero = interval * (first / delta)
            if toZero < toStart { toStart = toZero }
        }
        var factor = (interval + toStart + toEnd) / interval
        if let windowSeconds { factor /= windowSeconds }
        return delta * factor
    }

    /// The places where a counter fell. Windows must be asked for in ascending order.
    private struct Resets {
        /// Indexes of the samples that are lower than the one before.
        private var places: [Int] = []
        private var before: [Double] = []
        /// before[0] + … + before[i − 1]
        private var running: [Double] = [0]
        private var low = 0
        private var high = 0

        init(_ values: Span<Double>) {
            // Counted without a branch, as falls are rare; then looked for where there are any.
            var start = 1
            while start < values.count {
                let end = min(values.count, start + 256)
                var falls = CounterWindows.falls(values.extracting(start - 1..<end))
                for place in start..<end where falls > 0 && values[place] < values[place - 1] {
                    places.append(place)
                    before.append(values[place - 1])
                    running.append((running.last ?? 0) + values[place - 1])
                    falls -= 1
                }
                start = end
            }
        }

        /// Whether a window that ends before sample `end` can have a reset: it has none while the
        /// last one lies behind its first sample and the next one beyond its end.
        @inline(__always)
        func mayBeBefore(_ end: Int) -> Bool {
            low < high || high < places.count && places[high] < end
        }

        /// `delta` plus what was lost by resets between samples `first` and `end` − 1.
        mutating func correct(_ delta: Double, _ first: Int, _ end: Int) -> Double {
            while high < places.count, places[high] < end { high += 1 }
            while low < high, places[low] <= first { low += 1 }
            guard high - low <= CounterWindows.resetsSummedMax else {
                return delta + (running[high] - running[low])
            }
            var result = delta
            for place in low..<high { result += before[place] }
            return result
        }
    }
}
