/// What one series of a range aggregation gathers: lines arrive in any order, each counts for the
/// windows (tₖ − range, tₖ] that it lies in. Memory is O(steps), but for functions that need
/// every value in order (quantile, rate_counter).
struct WindowSeries: Sendable {
    /// Which windows a point in time lies in.
    struct Grid: Sendable {
        /// End of the first window, ns.
        let start: Int64
        let step: Int64
        let range: Int64
        let count: Int

        /// Indexes k with tₖ − range < nanos ≤ tₖ, ascending without gap.
        @inline(__always)
        func windows(of nanos: Int64) -> Range<Int> {
            let (distance, isFar) = nanos.subtractingReportingOverflow(start)
            if isFar { return 0..<0 }
            let first = distance <= 0 ? 0 : (distance - 1) / step + 1
            let (reach, isEndless) = distance.addingReportingOverflow(range - 1)
            if reach < 0 || first >= count { return 0..<0 }
            let last = isEndless ? Int64(count) - 1 : min(reach / step, Int64(count) - 1)
            return first > last ? 0..<0 : Int(first)..<Int(last) + 1
        }
    }

    /// How values are gathered.
    enum Kind: Sendable {
        /// Whole numbers summed exactly: lines, bytes.
        case whole
        case sum, mean, min, max, first, last
        /// All values are kept until the end.
        case all
        /// Which values there are.
        case distinct
    }

    let kind: Kind
    /// Of `whole`: differences from window to window. count + 1 of each.
    var sums: [Int64]
    var counts: [Int64]
    /// Of other kinds: per window the sum, the mean or the chosen value.
    var values: [Double]
    /// Per window the squared distance from the mean (`mean`), or what rounding lost (`sum`).
    var seconds: [Double]
    /// Per window the time of the chosen value (`first`, `last`).
    var times: [Int64]
    /// Of `distinct`.
    var distinct = DistinctWindows()
    private var points: [(nanos: Int64, value: Double)] = []

    init(kind: Kind, count: Int) {
        self.kind = kind
        sums = kind == .whole ? [Int64](repeating: 0, count: count + 1) : []
        counts = kind == .distinct ? [] : [Int64](repeating: 0, count: count + 1)
        let hasValues = kind != .whole && kind != .all && kind != .distinct
        values = hasValues ? [Double](repeating: 0, count: count) : []
        seconds = []
        times = []
        if hasSeconds { seconds = [Double](repeating: 0, count: count) }
        if hasTimes { times = [Int64](repeating: 0, count: count) }
    }

    var hasSeconds: Bool { kind == .mean || kind == .sum }
    var hasTimes: Bool { kind == .first || kind == .last }

    /// A line that counts `amount`.
    @inline(__always)
    mutating func add(whole amount: Int64, _ windows: Range<Int>) {
        counts[windows.lowerBound] &+= 1
        counts[windows.upperBound] &-= 1
        sums[windows.lowerBound] &+= amount
        sums[windows.upperBound] &-= amount
    }

    /// A line with a number.
    mutating func add(_ value: Double, at nanos: Int64, _ windows: Range<Int>) {
        if kind == .all {
            points.append((nanos, value))
            return
        }
        for window in windows {
            counts[window] += 1
            let isFirst = counts[window] == 1
            switch kind {
            case .sum: addSum(value, to: window)
            case .mean: addToMean(value, window)
            // What is not a number loses to all that are, as in Loki.
            case .min where isFirst || value < values[window] || values[window].isNaN,
                .max where isFirst || value > values[window] || values[window].isNaN:
                values[window] = value
            case .first where isFirst || nanos < times[window],
                .last where isFirst || nanos >= times[window]:
                values[window] = value
                times[window] = nanos
            case .min, .max, .first, .last, .whole, .all, .distinct: break
            }
        }
    }

    /// Welford's running variance. An infinite mean stays unless what comes is infinite the other
    /// way, or not a number.
    @inline(__always)
    private mutating func addToMean(_ value: Double, _ window: Int) {
        let mean = values[window]
        if mean.isInfinite, value.isFinite || value == mean {
            seconds[window] = .nan
            return
        }
        let delta = value - mean
        values[window] += delta / Double(counts[window])
        seconds[window] += delta * (value - values[window])
    }

    /// Neumaier's sum.
    @inline(__always)
    mutating func addSum(_ value: Double, to window: Int) {
        let sum = values[window] + value
        seconds[window] +=
            abs(values[window]) >= abs(value)
            ? (values[window] - sum) + value : (value - sum) + values[window]
        values[window] = sum
    }

    /// The function's value per window.
    func values(of aggregation: RangeAggregation, _ grid: Grid) -> [Double] {
        let seconds = Double(grid.range) / 1e9
        switch kind {
        case .whole: return wholeValues(of: aggregation.function, rangeSeconds: seconds)
        case .all: return orderedValues(of: aggregation, grid)
        case .distinct: return distinct.counts(windowCount: grid.count)
        default: break
        }
        return values.indices.map { window in
            let count = Double(counts[window])
            if count == 0 { return LogVector.absent }
            switch aggregation.function {
            case .sumOverTime: return total(window)
            case .rate: return total(window) / seconds
            case .stdvarOverTime: return self.seconds[window] / count
            case .stddevOverTime: return (self.seconds[window] / count).squareRoot()
            default: return values[window]
            }
        }
    }

    private func total(_ window: Int) -> Double {
        let sum = values[window]
        return sum.isFinite ? sum + seconds[window] : sum
    }

    private func wholeValues(
        of function: RangeAggregation.Function, rangeSeconds: Double
    ) -> [Double] {
        var count: Int64 = 0
        var sum: Int64 = 0
        return (0..<counts.count - 1).map { window in
            count &+= counts[window]
            sum &+= sums[window]
            switch function {
            case .absentOverTime: return count == 0 ? 1 : LogVector.absent
            case .rate, .bytesRate:
                return count == 0 ? LogVector.absent : Double(sum) / rangeSeconds
            default: return count == 0 ? LogVector.absent : Double(sum)
            }
        }
    }

    /// Two pointers over the values in order of time.
    private func orderedValues(of aggregation: RangeAggregation, _ grid: Grid) -> [Double] {
        let sorted = points.enumerated()
            .sorted { ($0.element.nanos, $0.offset) < ($1.element.nanos, $1.offset) }
            .map(\.element)
        var low = 0
        var high = 0
        return (0..<grid.count).map { window in
            let end = grid.start + Int64(window) * grid.step
            while high < sorted.count, sorted[high].nanos <= end { high += 1 }
            while low < high, sorted[low].nanos <= end - grid.range { low += 1 }
            if low == high { return LogVector.absent }
            let part = sorted[low..<high].map(\.value)
            if aggregation.function == .rateCounter {
                return WindowSeries.counterIncrease(part) / (Double(grid.range) / 1e9)
            }
            return WindowSeries.quantile(aggregation.parameter ?? 0, of: part.sorted())
        }
    }

    /// How much a counter that may restart at 0 grew.
    private static func counterIncrease(_ values: [Double]) -> Double {
        zip(values, values.dropFirst()).reduce(0) { sum, pair in
            sum + (pair.1 >= pair.0 ? pair.1 - pair.0 : pair.1)
        }
    }

    /// Linear between neighbours. values: ascending, not empty.
    static func quantile(_ share: Double, of values: [Double]) -> Double {
        if share.isNaN { return .nan }
        if share < 0 { return -.infinity }
        if share > 1 { return .infinity }
        let rank = share * Double(values.count - 1)
        let low = Int(rank)
        let high = Swift.min(low + 1, values.count - 1)
        let weight = rank - Double(low)
        return values[low] * (1 - weight) + values[high] * weight
    }
}
