internal import Model

/// What a window function sees of one series without histograms, and where its results go.
struct FloatWindows {
    let index: WindowIndex
    let values: [Double]
    let grid: StepGrid
    let windowNanos: Int64
    /// Arguments beside the window, per step or one for all.
    let parameters: [[Double]]
    /// What `predict_linear` takes for now, per step.
    let nowNanos: (Int) -> Int64

    func parameter(_ number: Int, _ step: Int) -> Double {
        let steps = parameters[number]
        return steps.count == 1 ? steps[0] : steps[step]
    }
}

/// One function of the floats of one window. `apply` sees at least one sample.
protocol WindowKernel {
    static func apply(
        _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
    ) -> Double
}

extension WindowKernel {
    /// Fills the cells `steps` of `row`. Specialised per kernel, so no call per sample.
    static func fill(_ row: inout [Double], _ windows: FloatWindows, _ steps: Range<Int>) {
        let (nanos, lowArray, highArray) = windows.index.arrays
        let values = windows.values.span
        let times = nanos.span
        let lows = lowArray.span
        let highs = highArray.span
        var out = row.mutableSpan
        for step in steps {
            let low = Int(lows[step])
            let high = Int(highs[step])
            out[step] = low < high ? apply(values, times, low, high) : StepMatrix.absent
        }
    }
}

/// The kernels of functions that have no state across windows.
enum WindowKernels {
    enum Sum: WindowKernel {
        @inline(__always)
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double {
            var sum = KahanSum()
            for place in low..<high { sum.add(values[place]) }
            return sum.total
        }
    }

    enum Average: WindowKernel {
        @inline(__always)
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double {
            // As long as nothing overflows, a plain compensated sum is the same mean.
            var sum = values[low]
            var rest = 0.0
            var place = low + 1
            while place < high {
                let value = values[place]
                let total = sum + value
                rest += abs(sum) >= abs(value) ? (sum - total) + value : (value - total) + sum
                sum = total
                place &+= 1
            }
            if sum.isFinite {
                let count = Double(high - low)
                return sum / count + rest / count
            }
            var mean = RunningMean(values[low])
            for place in low + 1..<max(high, low + 1) { mean.add(values[place]) }
            return mean.mean
        }
    }

    enum Count: WindowKernel {
        @inline(__always)
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double { Double(high - low) }
    }

    enum TimestampOfMinimum: WindowKernel {
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double {
            var best = low
            for place in low..<high where values[place] <= values[best] || values[best].isNaN {
                best = place
            }
            return StepGrid.seconds(nanos: times[best])
        }
    }

    enum TimestampOfMaximum: WindowKernel {
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double {
            var best = low
            for place in low..<high where values[place] >= values[best] || values[best].isNaN {
                best = place
            }
            return StepGrid.seconds(nanos: times[best])
        }
    }

    enum TimestampOfFirst: WindowKernel {
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double { StepGrid.seconds(nanos: times[low]) }
    }

    enum TimestampOfLast: WindowKernel {
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double { StepGrid.seconds(nanos: times[high - 1]) }
    }

    enum First: WindowKernel {
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double { values[low] }
    }

    enum Last: WindowKernel {
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double { values[high - 1] }
    }

    enum Present: WindowKernel {
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double { 1 }
    }

    enum Resets: WindowKernel {
        @inline(__always)
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double {
            var count = 0
            for place in low + 1..<max(high, low + 1) where values[place] < values[place - 1] {
                count += 1
            }
            return Double(count)
        }
    }

    enum Changes: WindowKernel {
        @inline(__always)
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double {
            var count = 0
            for place in low + 1..<max(high, low + 1) {
                let now = values[place]
                let before = values[place - 1]
                if now != before, !(now.isNaN && before.isNaN) { count += 1 }
            }
            return Double(count)
        }
    }

    enum Variance: WindowKernel {
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double {
            var count = 0.0
            var mean = KahanSum()
            var squares = KahanSum()
            for place in low..<high {
                count += 1
                let delta = values[place] - (mean.sum + mean.compensation)
                mean.add(delta / count)
                squares.add(delta * (values[place] - (mean.sum + mean.compensation)))
            }
            return (squares.sum + squares.compensation) / count
        }
    }

    enum Deviation: WindowKernel {
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double { Variance.apply(values, times, low, high).squareRoot() }
    }

    enum MedianDeviation: WindowKernel {
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double {
            var window: [Double] = []
            for place in low..<high { window.append(values[place]) }
            let median = Quantile.of(&window, 0.5)
            for place in window.indices { window[place] = abs(window[place] - median) }
            return Quantile.of(&window, 0.5)
        }
    }

    enum Derivative: WindowKernel {
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double {
            guard high - low > 1 else { return StepMatrix.absent }
            return LinearRegression(values, times, low, high, originNanos: times[low]).slope
        }
    }

    enum InstantDelta: WindowKernel {
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double {
            guard high - low > 1 else { return StepMatrix.absent }
            return values[high - 1] - values[high - 2]
        }
    }

    enum InstantRate: WindowKernel {
        static func apply(
            _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int
        ) -> Double {
            guard high - low > 1 else { return StepMatrix.absent }
            let last = values[high - 1]
            let before = values[high - 2]
            let delta = last < before ? last : last - before
            return delta / StepGrid.seconds(nanos: times[high - 1] &- times[high - 2])
        }
    }
}

/// A least-squares line through the samples of a window.
struct LinearRegression {
    let slope: Double
    /// Its value at the origin.
    let intercept: Double

    init(
        _ values: Span<Double>, _ times: Span<Int64>, _ low: Int, _ high: Int,
        originNanos: Int64
    ) {
        var sumX = KahanSum()
        var sumY = KahanSum()
        var sumXY = KahanSum()
        var sumX2 = KahanSum()
        let first = values[low]
        var isConstant = true
        for place in low..<high {
            let y = values[place]
            if place > low, y != first { isConstant = false }
            let x = StepGrid.seconds(nanos: times[place] &- originNanos)
            sumX.add(x)
            sumY.add(y)
            sumXY.add(x * y)
            sumX2.add(x * x)
        }
        if isConstant {
            slope = first.isInfinite ? .nan : 0
            intercept = first.isInfinite ? .nan : first
            return
        }
        let count = Double(high - low)
        let x = sumX.sum + sumX.compensation
        let y = sumY.sum + sumY.compensation
        let covariance = sumXY.sum + sumXY.compensation - x * y / count
        let variance = sumX2.sum + sumX2.compensation - x * x / count
        slope = covariance / variance
        intercept = y / count - slope * x / count
    }
}

/// Quantiles by linear interpolation between ranks.
enum Quantile {
    /// Of `values`, which it sorts (NaN first). NaN when there are none.
    static func of(_ values: inout [Double], _ quantile: Double) -> Double {
        guard !values.isEmpty, !quantile.isNaN else { return .nan }
        if quantile < 0 { return -.infinity }
        if quantile > 1 { return .infinity }
        values.sort { $0 < $1 || ($0.isNaN && !$1.isNaN) }
        let rank = quantile * Double(values.count - 1)
        let low = max(0, rank.rounded(.down))
        let high = min(Double(values.count - 1), low + 1)
        let weight = rank - rank.rounded(.down)
        return values[Int(low)] * (1 - weight) + values[Int(high)] * weight
    }
}
