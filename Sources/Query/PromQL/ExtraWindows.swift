internal import Model

/// Window functions of MetricsQL over floats: a few numbers of each window, without state from
/// one to the next. Scratch space is reused from step to step.
struct ExtraWindows {
    private let function: WindowFunction
    private let windows: FloatWindows
    private var scratch: [Double] = []

    init(_ function: WindowFunction, _ windows: FloatWindows) {
        self.function = function
        self.windows = windows
    }

    mutating func fill(_ row: inout [Double], _ steps: Range<Int>) {
        let windows = windows
        let nanos = windows.index.column.nanos
        let values = windows.values
        for step in steps {
            let low = Int(windows.index.lows[step])
            let high = Int(windows.index.highs[step])
            guard low < high else {
                row[step] = StepMatrix.absent
                continue
            }
            row[step] = value(
                values.span, nanos.span, low, high, windows.grid.time(step),
                windows.parameters.isEmpty ? .nan : windows.parameter(0, step))
        }
    }

    private mutating func value(
        _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int, _ now: Int64,
        _ parameter: Double
    ) -> Double {
        switch function {
        case .countEqual, .countNotEqual, .countGreater, .countLessOrEqual, .shareEqual,
            .shareGreater, .shareLessOrEqual, .sumEqual, .sumGreater, .sumLessOrEqual:
            return compared(values, low, high, parameter)
        case .pairRates, .pairIncreases, .pairDeltas, .pairDerivatives, .pairIntervals:
            return ofPairs(values, times, low, high, parameter)
        case .lag: return StepGrid.seconds(nanos: now &- times[high - 1])
        case .lifetime: return StepGrid.seconds(nanos: times[high - 1] &- times[low])
        case .scrapeInterval:
            guard high - low > 1 else { return StepMatrix.absent }
            return StepGrid.seconds(nanos: times[high - 1] &- times[low]) / Double(high - low - 1)
        case .increases, .decreases, .ascent, .descent:
            return moved(values, low, high)
        case .integrate: return integral(values, times, low, high, now)
        case .instantDerivative, .fastDerivative:
            guard high - low > 1 else { return StepMatrix.absent }
            let first = function == .instantDerivative ? high - 2 : low
            return (values[high - 1] - values[first])
                / StepGrid.seconds(nanos: times[high - 1] &- times[first])
        case .durationOver: return duration(times, low, high, parameter)
        case .timestampOfLastChange:
            var place = high - 1
            while place > low, values[place - 1] == values[high - 1] { place -= 1 }
            return StepGrid.seconds(nanos: times[place])
        case .rateOverSum:
            return WindowKernels.Sum.apply(values, times, low, high)
                / StepGrid.seconds(nanos: windows.windowNanos)
        case .sumOfSquares:
            var sum = KahanSum()
            for place in low..<high { sum.add(values[place] * values[place]) }
            return sum.total
        case .geometricMean:
            var sum = KahanSum()
            for place in low..<high { sum.add(FloatMath.logarithm(values[place])) }
            return FloatMath.exponential(sum.total / Double(high - low))
        case .zScore:
            let mean = WindowKernels.Average.apply(values, times, low, high)
            let deviation = WindowKernels.Deviation.apply(values, times, low, high)
            return deviation == 0 ? 0 : (values[high - 1] - mean) / deviation
        case .hoeffdingLower, .hoeffdingUpper:
            return hoeffding(values, times, low, high, parameter)
        default: return ofSorted(values, low, high)
        }
    }

    private func compared(
        _ values: Span<Double>, _ low: Int, _ high: Int, _ parameter: Double
    ) -> Double {
        var count = 0.0
        var sum = KahanSum()
        for place in low..<high {
            let value = values[place]
            let holds =
                switch function {
                case .countEqual, .shareEqual, .sumEqual: value == parameter
                case .countNotEqual: value != parameter
                case .countGreater, .shareGreater, .sumGreater: value > parameter
                default: value <= parameter
                }
            if holds {
                count += 1
                sum.add(value)
            }
        }
        switch function {
        case .shareEqual, .shareGreater, .shareLessOrEqual: return count / Double(high - low)
        case .sumEqual, .sumGreater, .sumLessOrEqual: return sum.total
        default: return count
        }
    }

    private func ofPairs(
        _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int,
        _ summary: Double
    ) -> Double {
        guard high - low > 1 else { return StepMatrix.absent }
        var sum = KahanSum()
        var (least, most) = (Double.infinity, -Double.infinity)
        for place in low + 1..<high {
            let seconds = StepGrid.seconds(nanos: times[place] &- times[place - 1])
            let delta = values[place] - values[place - 1]
            let increase = delta < 0 ? values[place] : delta
            let value =
                switch function {
                case .pairRates: increase / seconds
                case .pairIncreases: increase
                case .pairDeltas: delta
                case .pairDerivatives: delta / seconds
                default: seconds
                }
            sum.add(value)
            least = min(least, value)
            most = max(most, value)
        }
        return summary == 0 ? least : summary == 1 ? most : sum.total / Double(high - low - 1)
    }

    private func moved(_ values: Span<Double>, _ low: Int, _ high: Int) -> Double {
        var ups = 0.0
        var downs = 0.0
        var ascent = 0.0
        var descent = 0.0
        for place in low + 1..<max(high, low + 1) {
            let delta = values[place] - values[place - 1]
            if delta > 0 {
                ups += 1
                ascent += delta
            } else if delta < 0 {
                downs += 1
                descent -= delta
            }
        }
        return switch function {
        case .increases: ups
        case .decreases: downs
        case .ascent: ascent
        default: descent
        }
    }

    /// Each value lasts until the next one, the last until now.
    private func integral(
        _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int, _ now: Int64
    ) -> Double {
        var sum = KahanSum()
        for place in low..<high {
            let end = place + 1 < high ? times[place + 1] : now
            sum.add(values[place] * StepGrid.seconds(nanos: end &- times[place]))
        }
        return sum.total
    }

    private func duration(
        _ times: Span<Int64>, _ low: Int, _ high: Int, _ longest: Double
    ) -> Double {
        var sum = KahanSum()
        for place in low + 1..<max(high, low + 1) {
            let span = StepGrid.seconds(nanos: times[place] &- times[place - 1])
            if span <= longest { sum.add(span) }
        }
        return sum.total
    }

    /// Of the mean, with the probability that the parameter says.
    private func hoeffding(
        _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int, _ phi: Double
    ) -> Double {
        let mean = WindowKernels.Average.apply(values, times, low, high)
        var (least, most) = (values[low], values[low])
        for place in low..<high {
            least = min(least, values[place])
            most = max(most, values[place])
        }
        guard high - low > 1, most > least, phi > 0 else { return mean }
        let bound =
            phi >= 1
            ? Double.infinity
            : (most - least)
                * (FloatMath.logarithm(1 / (1 - phi)) / (2 * Double(high - low))).squareRoot()
        return function == .hoeffdingLower ? max(0, mean - bound) : mean + bound
    }

    private mutating func ofSorted(_ values: Span<Double>, _ low: Int, _ high: Int) -> Double {
        scratch.removeAll(keepingCapacity: true)
        for place in low..<high { scratch.append(values[place]) }
        switch function {
        case .median: return Quantile.of(&scratch, 0.5)
        case .mode: return SortedValues.mode(&scratch)
        case .distinct: return SortedValues.distinctCount(&scratch)
        case .interquartileRange:
            return Quantile.of(&scratch, 0.75) - Quantile.of(&scratch, 0.25)
        case .outlierOfQuartiles:
            let last = values[high - 1]
            let bounds = SortedValues.quartileBounds(&scratch)
            return bounds.contains(last) ? StepMatrix.absent : last
        default:
            return scratch.reduce(-.infinity) { max($0, $1) }
                - scratch.reduce(.infinity) { min($0, $1) }
        }
    }
}

/// What sorting tells of numbers. NaNs come first.
enum SortedValues {
    private static func sort(_ values: inout [Double]) {
        values.sort { $0 < $1 || ($0.isNaN && !$1.isNaN) }
    }

    /// The value that is there most often; of several the smallest.
    static func mode(_ values: inout [Double]) -> Double {
        sort(&values)
        var best = Double.nan
        var bestCount = 0
        var place = 0
        while place < values.count {
            var end = place + 1
            while end < values.count, values[end] == values[place] { end += 1 }
            if end - place > bestCount {
                best = values[place]
                bestCount = end - place
            }
            place = end
        }
        return best
    }

    static func distinctCount(_ values: inout [Double]) -> Double {
        sort(&values)
        var count = values.isEmpty ? 0.0 : 1.0
        for place in values.indices.dropFirst() where values[place] != values[place - 1] {
            if values[place].isNaN, values[place - 1].isNaN { continue }
            count += 1
        }
        return count
    }

    /// Outliers lie more than 1.5 interquartile ranges outside of the quartiles.
    static func quartileBounds(_ values: inout [Double]) -> ClosedRange<Double> {
        let low = Quantile.of(&values, 0.25)
        let high = Quantile.of(&values, 0.75)
        let reach = 1.5 * (high - low)
        guard low - reach <= high + reach else { return -.infinity...(.infinity) }
        return (low - reach)...(high + reach)
    }
}
