internal import Model

/// Which samples of a timestamp column each step of a grid sees. Computed once per column and
/// shared by all series that have it.
final class WindowIndex {
    let column: TimestampColumn
    /// Per step, the half-open range of samples in (t − window, t]. count of each: the grid's.
    let lows: [Int32]
    let highs: [Int32]

    init(_ column: TimestampColumn, grid: StepGrid, windowNanos: Int64) {
        self.column = column
        let array = column.nanos
        let nanos = array.span
        let count = nanos.count
        var lows: [Int32] = []
        var highs: [Int32] = []
        lows.reserveCapacity(grid.count)
        highs.reserveCapacity(grid.count)
        var low = 0
        var high = 0
        for step in 0..<grid.count {
            let time = grid.time(step)
            let (after, overflow) = time.subtractingReportingOverflow(windowNanos)
            let start = overflow ? Int64.min : after
            while high < count, nanos[high] <= time { high += 1 }
            while low < high, nanos[low] <= start { low += 1 }
            lows.append(Int32(truncatingIfNeeded: low))
            highs.append(Int32(truncatingIfNeeded: high))
        }
        self.lows = lows
        self.highs = highs
    }

    /// Timestamps, lows and highs, to take spans of.
    var arrays: (nanos: [Int64], lows: [Int32], highs: [Int32]) { (column.nanos, lows, highs) }

    /// How `rate` and kin reach out to the ends of each window: what depends on times alone.
    /// The factors are for windows that the zero point of a counter does not shorten.
    struct Extrapolation {
        var intervals: [Double] = []
        var toStarts: [Double] = []
        var toEnds: [Double] = []
        var windows: [Window] = []
    }

    /// What nearly every window needs, side by side.
    struct Window {
        var low: Int32
        var high: Int32
        /// (interval + to the start + to the end) / interval [/ window]; NaN where there are fewer
        /// than two samples.
        var factor = Double.nan
        /// To the start / interval, and a little more than rounding can make of it: a counter
        /// whose first value is greater than its increase times this was above zero all along.
        var ratio = Double.nan
    }

    private var extrapolation: Extrapolation?

    /// Computed at the first call; the arguments are those of the first call ever after.
    func extrapolation(
        grid: StepGrid, windowNanos: Int64, isPerSecond: Bool
    ) -> Extrapolation {
        if let extrapolation { return extrapolation }
        var result = Extrapolation()
        result.intervals.reserveCapacity(grid.count)
        result.toStarts.reserveCapacity(grid.count)
        result.toEnds.reserveCapacity(grid.count)
        result.windows.reserveCapacity(grid.count)
        let windowSeconds = StepGrid.seconds(nanos: windowNanos)
        let nanos = column.nanos
        for step in 0..<grid.count {
            let low = Int(lows[step])
            let high = Int(highs[step])
            var window = Window(low: lows[step], high: highs[step])
            guard high - low > 1 else {
                result.intervals.append(.nan)
                result.toStarts.append(.nan)
                result.toEnds.append(.nan)
                result.windows.append(window)
                continue
            }
            let reach = WindowReach(
                first: nanos[low], last: nanos[high - 1], count: high - low,
                time: grid.time(step), windowNanos: windowNanos)
            result.intervals.append(reach.interval)
            result.toStarts.append(reach.toStart)
            result.toEnds.append(reach.toEnd)
            let factor = (reach.interval + reach.toStart + reach.toEnd) / reach.interval
            window.factor = isPerSecond ? factor / windowSeconds : factor
            window.ratio = reach.toStart / reach.interval * 1.000001
            result.windows.append(window)
        }
        extrapolation = result
        return result
    }
}

/// Between the samples of one window and its ends, seconds: Prometheus' rule that a window is
/// extrapolated to its end when the end is less than 1.1 sample distances away, else by half one.
struct WindowReach {
    let interval: Double
    let toStart: Double
    let toEnd: Double

    init(first: Int64, last: Int64, count: Int, time: Int64, windowNanos: Int64) {
        interval = StepGrid.seconds(nanos: last &- first)
        let average = interval / Double(count - 1)
        let threshold = average * 1.1
        let start = StepGrid.seconds(nanos: first &- (time &- windowNanos))
        let end = StepGrid.seconds(nanos: time &- last)
        toStart = start >= threshold ? average / 2 : start
        toEnd = end >= threshold ? average / 2 : end
    }
}

/// The last few window indexes: series that arrive together mostly share a column.
struct WindowIndexCache {
    private static let countMax = 8

    private let grid: StepGrid
    private let windowNanos: Int64
    private var entries: [WindowIndex] = []
    private var next = 0

    init(grid: StepGrid, windowNanos: Int64) {
        self.grid = grid
        self.windowNanos = windowNanos
    }

    mutating func index(for column: TimestampColumn) -> WindowIndex {
        for entry in entries where entry.column === column { return entry }
        let made = WindowIndex(column, grid: grid, windowNanos: windowNanos)
        if entries.count < WindowIndexCache.countMax {
            entries.append(made)
        } else {
            entries[next] = made
            next = (next + 1) % WindowIndexCache.countMax
        }
        return made
    }
}
