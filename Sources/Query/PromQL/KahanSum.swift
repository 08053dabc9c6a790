/// A sum with Neumaier's compensation, step for step as Prometheus adds.
struct KahanSum {
    var sum: Double
    var compensation: Double

    @inline(__always)
    init(_ sum: Double = 0, compensation: Double = 0) {
        self.sum = sum
        self.compensation = compensation
    }

    @inline(__always)
    mutating func add(_ value: Double) {
        let total = sum + value
        if total.isInfinite {
            compensation = 0
        } else if abs(sum) >= abs(value) {
            compensation += (sum - total) + value
        } else {
            compensation += (value - total) + sum
        }
        sum = total
    }

    @inline(__always)
    var total: Double { sum.isInfinite ? sum : sum + compensation }
}

/// A mean that sums as long as the sum is finite and then goes on incrementally, as Prometheus
/// does for `avg` and `avg_over_time`.
struct RunningMean {
    private var state: KahanSum
    private var count = 1.0
    private var isIncremental = false

    @inline(__always)
    init(_ first: Double) { state = KahanSum(first) }

    /// Goes on from a sum of `count` values.
    init(sum: KahanSum, count: Double) {
        state = sum
        self.count = count
    }

    @inline(__always)
    mutating func add(_ value: Double) {
        count += 1
        if !isIncremental {
            var next = state
            next.add(value)
            if !next.sum.isInfinite {
                state = next
                return
            }
            isIncremental = true
            state.sum /= count - 1
            state.compensation /= count - 1
        }
        let share = (count - 1) / count
        state.sum *= share
        state.compensation *= share
        state.add(value / count)
    }

    /// Goes on from the mean of `count` values whose sum overflows.
    init(mean: Double, count: Double) {
        state = KahanSum(mean)
        self.count = count
        isIncremental = true
    }

    /// Takes in `count` further values with this mean.
    mutating func merge(mean other: Double, count otherCount: Double) {
        let all = count + otherCount
        self = RunningMean(
            mean: mean * (count / all) + other * (otherCount / all), count: all)
    }

    @inline(__always)
    var mean: Double {
        isIncremental
            ? state.sum + state.compensation : state.sum / count + state.compensation / count
    }
}
