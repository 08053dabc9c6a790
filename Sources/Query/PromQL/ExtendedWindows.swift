internal import Model

/// `anchored` and `smoothed` windows of one series: what is before the window, within the
/// lookback, gives the value at its start; a smoothed one is interpolated at both ends, so that
/// samples up to a lookback after it count too. Nothing is extrapolated: the increase of an
/// anchored counter of integers is an integer.
///
/// Windows are asked for in ascending order or all at one place. Source: Prometheus, PROM-52.
struct ExtendedWindows {
    let boundary: PromQLExpr.Boundary
    /// Where windows end.
    let grid: StepGrid
    let lookbackNanos: Int64
    /// Of the floats, ascending, without stale markers; values: as many.
    let times: [Int64]
    let values: [Double]
    let series: SeriesData
    let annotations: PromQLAnnotations
    let range: Range<Int>

    private var isSmoothed: Bool { boundary == .smoothed }

    /// One cell per step into `row`, and into `boxes` where there are histograms.
    func fill(
        _ function: WindowFunction, windowNanos: Int64, _ row: inout [Double],
        _ boxes: inout [HistogramBox?]
    ) {
        let histograms = HistogramEnds(series, metric: series.labels.metricName)
        if !histograms.isEmpty { boxes = Array(repeating: nil, count: grid.count) }
        let seconds = StepGrid.seconds(nanos: windowNanos)
        for step in row.indices {
            let window = Ends(
                end: grid.time(step), windowNanos: windowNanos, lookbackNanos: lookbackNanos,
                isSmoothed: isSmoothed)
            row[step] = StepMatrix.absent
            let floats = window.places(in: times)
            let places = histograms.isEmpty ? 0..<0 : window.places(in: histograms.times)
            switch function {
            case .changes, .resets:
                row[step] = count(function, floats, places, histograms, window)
            default:
                if !floats.isEmpty, !places.isEmpty {
                    annotations.mixedFloatsAndHistograms(histograms.metric, at: range)
                } else if !places.isEmpty {
                    let result = histograms.increase(
                        places, window, function, annotations, range, isSmoothed: isSmoothed)
                    guard var result else { continue }
                    if function == .rate {
                        result = HistogramArithmetic.divide(result, by: seconds)
                    }
                    result.resetHint = .gauge
                    boxes[step] = HistogramBox(result.compacted())
                } else if let increase = increase(
                    floats, window, isCounter: function != .delta)
                {
                    row[step] = function == .rate ? increase / seconds : increase
                }
            }
        }
    }

    /// A smoothed instant: between the samples around it, or the last one when none follows.
    func fillInstant(_ row: inout [Double], _ boxes: inout [HistogramBox?]) {
        let histograms = HistogramEnds(series, metric: series.labels.metricName)
        if !histograms.isEmpty { boxes = Array(repeating: nil, count: grid.count) }
        for step in row.indices {
            let now = grid.time(step)
            let window = Ends(
                end: now, windowNanos: 0, lookbackNanos: lookbackNanos, isSmoothed: true)
            let floats = window.places(in: times)
            row[step] = StepMatrix.absent
            let float = SortedTimes.last(in: times, floats, notAfter: now)
            let places = histograms.isEmpty ? 0..<0 : window.places(in: histograms.times)
            let histogram = SortedTimes.last(in: histograms.times, places, notAfter: now)
            if let histogram, float.map({ times[$0] < histograms.times[histogram] }) ?? true {
                boxes[step] = histograms.value(
                    between: histogram, places, now, annotations, range
                ).map(HistogramBox.init)
            } else if let float {
                let next = float + 1
                row[step] =
                    times[float] == now || next >= floats.upperBound
                    ? values[float] : interpolated(float, next, now, isCounter: false)
            }
        }
    }

    // MARK: Floats

    private func interpolated(
        _ before: Int, _ after: Int, _ nanos: Int64, isCounter: Bool
    ) -> Double {
        let last = values[after]
        let first = isCounter && last < values[before] ? 0 : values[before]
        let done = Double(nanos &- times[before]) / 1e6
        let all = Double(times[after] &- times[before]) / 1e6
        return first + (last - first) * done / all
    }

    /// The values at the ends of a window.
    private func ends(
        _ first: Int, _ last: Int, _ floats: Range<Int>, _ window: Ends, isCounter: Bool
    ) -> (left: Double, right: Double) {
        let left =
            isSmoothed && times[first] < window.start
            ? interpolated(first, first + 1, window.start, isCounter: isCounter) : values[first]
        let right =
            isSmoothed && last > floats.lowerBound && times[last] > window.end
            ? interpolated(last - 1, last, window.end, isCounter: isCounter) : values[last]
        return (left, right)
    }

    private func increase(_ floats: Range<Int>, _ window: Ends, isCounter: Bool) -> Double? {
        guard let (first, last) = window.edges(in: times, floats, isSmoothed: isSmoothed) else {
            return nil
        }
        let (left, right) = ends(first, last, floats, window, isCounter: isCounter)
        var result = right - left
        guard isCounter else { return result }
        // The ends have their resets already.
        let low = times[first] <= window.start ? first + 1 : first
        let high = times[last] >= window.end ? last : last + 1
        var before = left
        var lost = 0.0
        for place in low..<max(low, high) {
            if values[place] < before { lost += before }
            before = values[place]
        }
        if right < before { lost += before }
        result += lost
        return result
    }

    /// The window that ends at the grid's only step, as a result of its own: the values at its ends
    /// and the samples between. Times: nanoseconds, ascending; empty when nothing is in it.
    func points(windowNanos: Int64) -> (nanos: [Int64], values: [Double]) {
        let window = Ends(
            end: grid.endNanos, windowNanos: windowNanos, lookbackNanos: lookbackNanos,
            isSmoothed: isSmoothed)
        let floats = window.places(in: times)
        guard let (first, last) = window.edges(in: times, floats, isSmoothed: isSmoothed) else {
            return ([], [])
        }
        let (left, right) = ends(first, last, floats, window, isCounter: false)
        let between = (first...max(first, last)).filter {
            times[$0] > window.start && times[$0] < window.end
        }
        return (
            [window.start] + between.map { times[$0] } + [window.end],
            [left] + between.map { values[$0] } + [right]
        )
    }

    // MARK: changes and resets

    /// From the last sample before the window on, whatever it is.
    private func count(
        _ function: WindowFunction, _ floats: Range<Int>, _ places: Range<Int>,
        _ histograms: HistogramEnds, _ window: Ends
    ) -> Double {
        let floatAnchor = SortedTimes.last(in: times, floats, notAfter: window.start)
        let histogramAnchor = SortedTimes.last(
            in: histograms.times, places, notAfter: window.start)
        var float = floatAnchor.map { $0 + 1 } ?? floats.lowerBound
        var place = histogramAnchor.map { $0 + 1 } ?? places.lowerBound
        guard float < floats.upperBound || place < places.upperBound else {
            return StepMatrix.absent
        }
        if let floatAnchor,
            histogramAnchor.map({ histograms.times[$0] <= times[floatAnchor] }) ?? true
        {
            float = floatAnchor
        } else if let histogramAnchor {
            place = histogramAnchor
        }
        var result = 0
        var before: SampleValue?
        while float < floats.upperBound || place < places.upperBound {
            let takesFloat =
                place >= places.upperBound
                || (float < floats.upperBound && times[float] < histograms.times[place])
            let now: SampleValue
            if takesFloat {
                now = .float(values[float])
                float += 1
            } else {
                now = .histogram(histograms.values[place])
                place += 1
            }
            if let before, differs(function, before, now) { result += 1 }
            before = now
        }
        return Double(result)
    }

    private func differs(
        _ function: WindowFunction, _ before: SampleValue, _ now: SampleValue
    ) -> Bool {
        switch (before, now) {
        case (.float(let a), .float(let b)):
            function == .resets ? b < a : a != b && !(a.isNaN && b.isNaN)
        case (.histogram(let a), .histogram(let b)):
            function == .resets ? b.isReset(after: a) : !b.isSame(as: a)
        default: true
        }
    }
}

/// One extended window: what it measures and how far it sees.
struct Ends {
    /// What is measured lies in (start, end].
    let start: Int64
    let end: Int64
    /// What is seen lies in (from, through].
    private let from: Int64
    private let through: Int64

    init(end: Int64, windowNanos: Int64, lookbackNanos: Int64, isSmoothed: Bool) {
        self.end = end
        start = Ends.saturating(end, -windowNanos)
        from = Ends.saturating(start, -lookbackNanos)
        through = isSmoothed ? Ends.saturating(end, lookbackNanos) : end
    }

    private static func saturating(_ nanos: Int64, _ delta: Int64) -> Int64 {
        let (sum, overflow) = nanos.addingReportingOverflow(delta)
        return overflow ? (delta < 0 ? .min : .max) : sum
    }

    /// The samples that are seen. O(log n).
    func places(in times: [Int64]) -> Range<Int> {
        let low = SortedTimes.count(in: times, notAfter: from)
        return low..<max(low, SortedTimes.count(in: times, notAfter: through))
    }

    /// The samples that give the values at the ends; nil when there is nothing to measure.
    func edges(
        in times: [Int64], _ places: Range<Int>, isSmoothed: Bool
    ) -> (first: Int, last: Int)? {
        guard !places.isEmpty else { return nil }
        var last = places.upperBound - 1
        let first = max(
            places.lowerBound, min(SortedTimes.count(in: times, notAfter: start), last) - 1)
        if isSmoothed {
            // The first at or after the end, or else the last.
            last = min(last, SortedTimes.count(in: times, notAfter: end &- 1))
        }
        guard times[last] > start, !isSmoothed || times[first] <= end else { return nil }
        return (first, last)
    }
}

/// Searches in ascending times. O(log n).
enum SortedTimes {
    /// How many are at `nanos` or before.
    static func count(in times: [Int64], notAfter nanos: Int64) -> Int {
        var low = 0
        var high = times.count
        while low < high {
            let middle = (low + high) / 2
            if times[middle] <= nanos { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The last of `places` at `nanos` or before.
    static func last(in times: [Int64], _ places: Range<Int>, notAfter nanos: Int64) -> Int? {
        guard !places.isEmpty else { return nil }
        let place = min(count(in: times, notAfter: nanos), places.upperBound) - 1
        return place >= places.lowerBound ? place : nil
    }
}
