internal import Model

/// Window functions of a series that holds histograms, alone or among floats. The floats' results
/// are in the row already; this puts right what histograms change.
struct HistogramWindows {
    let windows: FloatWindows
    var series: SeriesData
    var index: WindowIndex
    let annotations: PromQLAnnotations
    let range: Range<Int>

    private var metric: String { series.labels.metricName }

    func withoutStaleMarkers() -> HistogramWindows {
        var result = self
        var nanos: [Int64] = []
        result.series.histograms = []
        for (place, histogram) in series.histograms.enumerated() where !histogram.isStaleMarker {
            nanos.append(series.histogramTimestamps.nanos[place])
            result.series.histograms.append(histogram)
        }
        result.series.histogramTimestamps = TimestampColumn(nanos)
        result.index = WindowIndex(
            result.series.histogramTimestamps, grid: windows.grid,
            windowNanos: windows.windowNanos)
        return result
    }

    /// What one window holds: indexes of the floats and of the histograms.
    private struct Content {
        var floats: Range<Int>
        var histograms: Range<Int>
        var isMixed: Bool { !floats.isEmpty && !histograms.isEmpty }
    }

    func evaluate(
        _ function: WindowFunction, at steps: Range<Int>, into row: inout [Double],
        _ boxes: inout [HistogramBox?]
    ) {
        for step in steps {
            let content = Content(
                floats: Int(windows.index.lows[step])..<Int(windows.index.highs[step]),
                histograms: Int(index.lows[step])..<Int(index.highs[step]))
            if content.histograms.isEmpty { continue }
            switch function {
            case .rate, .increase, .delta:
                set(&row[step], &boxes[step], extrapolated(function, content, step))
            case .irate, .idelta: set(&row[step], &boxes[step], instant(function, content))
            case .sum, .avg: set(&row[step], &boxes[step], total(function, content))
            case .count: row[step] = Double(content.floats.count + content.histograms.count)
            case .present: row[step] = 1
            case .first, .last:
                set(&row[step], &boxes[step], sample(content, isFirst: function == .first))
            case .timestampOfFirst, .timestampOfLast:
                let isFirst = function == .timestampOfFirst
                row[step] = StepGrid.seconds(nanos: edge(content, isFirst: isFirst).nanos)
            case .resets:
                row[step] = Double(
                    count(content) {
                        $1.isReset(after: $0)
                    } floats: {
                        $1 < $0
                    })
            case .changes:
                row[step] = Double(
                    count(content) {
                        !$1.isSame(as: $0)
                    } floats: {
                        $0 != $1 && !($0.isNaN && $1.isNaN)
                    })
            default:
                if content.isMixed {
                    annotations.histogramsIgnoredInRange(metric, at: range)
                }
            }
        }
    }

    private func set(
        _ value: inout Double, _ box: inout HistogramBox?, _ result: SampleValue?
    ) {
        value = StepMatrix.absent
        box = nil
        switch result {
        case .float(let float): value = float
        case .histogram(let histogram): box = HistogramBox(histogram)
        case nil: break
        }
    }

    // MARK: rate, increase, delta

    private func extrapolated(
        _ function: WindowFunction, _ content: Content, _ step: Int
    ) -> SampleValue? {
        guard content.floats.isEmpty else {
            annotations.mixedFloatsAndHistograms(metric, at: range)
            return nil
        }
        let isCounter = function != .delta
        let places = content.histograms
        guard places.count > 1, let difference = difference(places, isCounter: isCounter) else {
            return nil
        }
        let nanos = series.histogramTimestamps.nanos
        let reach = WindowReach(
            first: nanos[places.lowerBound], last: nanos[places.upperBound - 1],
            count: places.count, time: windows.grid.time(step),
            windowNanos: windows.windowNanos)
        var toStart = reach.toStart
        let firstCount = series.histograms[places.lowerBound].count
        if isCounter, difference.count > 0, firstCount >= 0 {
            toStart = min(toStart, reach.interval * (firstCount / difference.count))
        }
        var factor = (reach.interval + toStart + reach.toEnd) / reach.interval
        if function == .rate { factor /= StepGrid.seconds(nanos: windows.windowNanos) }
        return .histogram(HistogramArithmetic.scale(difference, by: factor))
    }

    /// Last minus first, with what resets took away added back. Nil when schemas do not mix.
    private func difference(_ places: Range<Int>, isCounter: Bool) -> Histogram? {
        let histograms = series.histograms
        let last = histograms[places.upperBound - 1]
        var first = histograms[places.lowerBound]
        let second = histograms[places.lowerBound + 1]
        if isCounter, second.isReset(after: first) {
            first = Histogram(
                schema: second.schema, zeroThreshold: second.zeroThreshold,
                customBounds: second.customBounds)
        }
        if isCounter {
            if histograms[places].contains(where: { $0.resetHint == .gauge }) {
                annotations.notCounter(metric, at: range)
            }
        } else if histograms[places.lowerBound].resetHint != .gauge || last.resetHint != .gauge {
            annotations.notGauge(metric, at: range)
        }
        do {
            var lowest = min(first.schema, last.schema)
            if isCounter {
                for place in places.dropFirst().dropLast() {
                    guard histograms[place].usesCustomBounds == last.usesCustomBounds else {
                        throw HistogramArithmetic.IncompatibleSchemas()
                    }
                    lowest = min(lowest, histograms[place].schema)
                }
            }
            let outcome = try HistogramArithmetic.subtract(last.reduced(to: lowest), first)
            if outcome.hasReconciledBounds {
                annotations.reconciledBounds(in: "subtraction", at: range)
            }
            var result = outcome.histogram
            if isCounter {
                var before = first
                for place in places.dropFirst() {
                    if histograms[place].isReset(after: before) {
                        let sum = try HistogramArithmetic.add(result, before)
                        if sum.hasReconciledBounds {
                            annotations.reconciledBounds(in: "addition", at: range)
                        }
                        result = sum.histogram
                    }
                    before = histograms[place]
                }
            }
            result.resetHint = .gauge
            return result.compacted()
        } catch {
            annotations.mixedSchemas(metric, at: range)
            return nil
        }
    }

    // MARK: irate, idelta

    private func instant(_ function: WindowFunction, _ content: Content) -> SampleValue? {
        var samples = content.floats.suffix(2).map {
            (nanos: windows.index.column.nanos[$0], value: SampleValue.float(windows.values[$0]))
        }
        samples += content.histograms.suffix(2).map {
            (series.histogramTimestamps.nanos[$0], .histogram(series.histograms[$0]))
        }
        guard samples.count > 1 else { return nil }
        samples.sort { $0.nanos < $1.nanos }
        let (before, last) = (samples[samples.count - 2], samples[samples.count - 1])
        let interval = StepGrid.seconds(nanos: last.nanos &- before.nanos)
        guard interval > 0 else { return nil }
        let isRate = function == .irate
        switch (before.value, last.value) {
        case (.float(let a), .float(let b)):
            let delta = isRate && b < a ? b : b - a
            return .float(isRate ? delta / interval : delta)
        case (.histogram(let a), .histogram(let b)):
            let gauges = (a.resetHint == .gauge, b.resetHint == .gauge)
            if isRate, gauges.0 || gauges.1 { annotations.notCounter(metric, at: range) }
            if !isRate, !gauges.0 || !gauges.1 { annotations.notGauge(metric, at: range) }
            var result = b
            if !isRate || !b.isReset(after: a) {
                do {
                    let outcome = try HistogramArithmetic.subtract(b, a)
                    if outcome.hasReconciledBounds {
                        annotations.reconciledBounds(in: "subtraction", at: range)
                    }
                    result = outcome.histogram
                } catch {
                    annotations.mixedSchemas(metric, at: range)
                    return nil
                }
            }
            result.resetHint = .gauge
            result = result.compacted()
            return .histogram(
                isRate ? HistogramArithmetic.divide(result, by: interval) : result)
        default:
            annotations.mixedFloatsAndHistograms(metric, at: range)
            return nil
        }
    }

    // MARK: The others

    private func total(_ function: WindowFunction, _ content: Content) -> SampleValue? {
        guard content.floats.isEmpty else {
            annotations.mixedFloatsAndHistograms(metric, at: range)
            return nil
        }
        var sum = CompensatedHistogram(series.histograms[content.histograms.lowerBound])
        do {
            for place in content.histograms.dropFirst() {
                let outcome = try sum.add(series.histograms[place])
                if outcome.hasResetCollision {
                    annotations.resetCollision(in: "aggregation", at: range)
                }
                if outcome.hasReconciledBounds {
                    annotations.reconciledBounds(in: "aggregation", at: range)
                }
            }
        } catch {
            annotations.mixedSchemas(metric, at: range)
            return nil
        }
        guard function == .avg else { return .histogram(sum.total) }
        return .histogram(
            HistogramArithmetic.divide(sum.total, by: Double(content.histograms.count)))
    }

    private func edge(_ content: Content, isFirst: Bool) -> (nanos: Int64, isFloat: Bool) {
        let floats = windows.index.column.nanos
        let histograms = series.histogramTimestamps.nanos
        let histogram = histograms[
            isFirst ? content.histograms.lowerBound : content.histograms.upperBound - 1]
        guard !content.floats.isEmpty else { return (histogram, false) }
        let float = floats[isFirst ? content.floats.lowerBound : content.floats.upperBound - 1]
        let isFloat = isFirst ? float < histogram : float > histogram
        return (isFloat ? float : histogram, isFloat)
    }

    private func sample(_ content: Content, isFirst: Bool) -> SampleValue {
        if edge(content, isFirst: isFirst).isFloat {
            return .float(
                windows.values[
                    isFirst ? content.floats.lowerBound : content.floats.upperBound - 1])
        }
        return .histogram(
            series.histograms[
                isFirst ? content.histograms.lowerBound : content.histograms.upperBound - 1])
    }

    /// How often neighbours in time differ; a change between float and histogram always does.
    private func count(
        _ content: Content, _ histograms: (Histogram, Histogram) -> Bool,
        floats: (Double, Double) -> Bool
    ) -> Int {
        var result = 0
        var before: SampleValue?
        var float = content.floats.lowerBound
        var place = content.histograms.lowerBound
        while float < content.floats.upperBound || place < content.histograms.upperBound {
            let takesFloat =
                place >= content.histograms.upperBound
                || (float < content.floats.upperBound
                    && windows.index.column.nanos[float] < series.histogramTimestamps.nanos[place])
            let now: SampleValue
            if takesFloat {
                now = .float(windows.values[float])
                float += 1
            } else {
                now = .histogram(series.histograms[place])
                place += 1
            }
            switch (before, now) {
            case (nil, _): break
            case (.float(let a), .float(let b)): result += floats(a, b) ? 1 : 0
            case (.histogram(let a), .histogram(let b)): result += histograms(a, b) ? 1 : 0
            default: result += 1
            }
            before = now
        }
        return result
    }
}
