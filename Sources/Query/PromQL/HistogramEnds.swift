internal import Model

/// The histograms of a series as `anchored` and `smoothed` windows see them.
struct HistogramEnds {
    /// Ascending, without stale markers; values: as many.
    private(set) var times: [Int64] = []
    private(set) var values: [Histogram] = []
    let metric: String

    var isEmpty: Bool { times.isEmpty }

    init(_ series: SeriesData, metric: String) {
        self.metric = metric
        for (place, histogram) in series.histograms.enumerated() where !histogram.isStaleMarker {
            times.append(series.histogramTimestamps.nanos[place])
            values.append(histogram)
        }
    }

    /// What was observed in the window, resets made good. Nil when nothing can be said.
    func increase(
        _ places: Range<Int>, _ window: Ends, _ function: WindowFunction,
        _ annotations: PromQLAnnotations, _ range: Range<Int>, isSmoothed: Bool
    ) -> Histogram? {
        guard let (first, last) = window.edges(in: times, places, isSmoothed: isSmoothed) else {
            return nil
        }
        let isCounter = function != .delta
        let isCustom = values[first].usesCustomBounds
        for histogram in values[first...last] {
            guard histogram.usesCustomBounds == isCustom else {
                annotations.mixedSchemas(metric, at: range)
                return nil
            }
            if isCounter, histogram.resetHint == .gauge {
                annotations.notCounter(metric, at: range)
            }
        }
        do {
            let sum = HistogramSum(annotations, range)
            let startsBefore = isSmoothed && times[first] < window.start
            let left =
                startsBefore
                ? try interpolated(first, first + 1, window.start, isCounter, sum)
                : values[first]
            let right =
                isSmoothed && last > places.lowerBound && times[last] > window.end
                ? try interpolated(last - 1, last, window.end, isCounter, sum) : values[last]
            if !isCounter, left.resetHint != .gauge || right.resetHint != .gauge {
                annotations.notGauge(metric, at: range)
            }
            var result = try sum.subtract(right, left)
            guard isCounter else { return result }
            var low = first + 1
            var before = left
            if startsBefore, values[first + 1].isReset(after: values[first]) {
                // The interpolation has that reset already.
                before = values[first + 1]
                low += 1
            }
            guard low <= last else { return result }
            for place in low..<last {
                if values[place].isReset(after: before) { result = try sum.add(result, before) }
                before = values[place]
            }
            if right.isReset(after: before) { result = try sum.add(result, before) }
            return result
        } catch {
            annotations.mixedSchemas(metric, at: range)
            return nil
        }
    }

    /// The histogram at `nanos`, between sample `before` and the next one that is seen.
    func value(
        between before: Int, _ places: Range<Int>, _ nanos: Int64,
        _ annotations: PromQLAnnotations, _ range: Range<Int>
    ) -> Histogram? {
        let next = before + 1
        guard times[before] < nanos, next < places.upperBound else { return values[before] }
        do {
            return try interpolated(
                before, next, nanos, false, HistogramSum(annotations, range))
        } catch {
            annotations.mixedSchemas(metric, at: range)
            return nil
        }
    }

    /// Linear in every bucket; a counter that was reset in between began at nothing.
    private func interpolated(
        _ before: Int, _ after: Int, _ nanos: Int64, _ isCounter: Bool, _ sum: HistogramSum
    ) throws(HistogramArithmetic.IncompatibleSchemas) -> Histogram {
        let (a, b) = (values[before], values[after])
        if nanos == times[before] { return a }
        if nanos == times[after] { return b }
        let fraction =
            Double(nanos &- times[before]) / Double(times[after] &- times[before])
        if isCounter, b.isReset(after: a) {
            return HistogramArithmetic.scale(b, by: fraction)
        }
        let part = HistogramArithmetic.scale(try sum.subtract(b, a), by: fraction)
        return try sum.add(part, a)
    }
}

/// Sums and differences of histograms that say when they gave up bounds.
struct HistogramSum {
    private let annotations: PromQLAnnotations
    private let range: Range<Int>

    init(_ annotations: PromQLAnnotations, _ range: Range<Int>) {
        self.annotations = annotations
        self.range = range
    }

    func add(
        _ a: Histogram, _ b: Histogram
    ) throws(HistogramArithmetic.IncompatibleSchemas) -> Histogram {
        noted(try HistogramArithmetic.add(a, b), "addition")
    }

    func subtract(
        _ a: Histogram, _ b: Histogram
    ) throws(HistogramArithmetic.IncompatibleSchemas) -> Histogram {
        noted(try HistogramArithmetic.subtract(a, b), "subtraction")
    }

    private func noted(_ outcome: HistogramArithmetic.Outcome, _ name: String) -> Histogram {
        if outcome.hasReconciledBounds { annotations.reconciledBounds(in: name, at: range) }
        return outcome.histogram
    }
}
