internal import Glibc

/// One measured figure beside the goal that the design sets for it.
struct BenchRow {
    /// The room whose code ran.
    var room: String
    /// What was done to what.
    var name: String
    /// What `goal` and `reached` count, such as "M values/s".
    var unit: String
    /// Nil where the design sets none.
    var goal: Double?
    var reached: Double
    var higherIsBetter = true
    /// What else belongs to the figure: sizes, a hash of the result.
    var note = ""

    /// Whether the goal is met; true without one.
    var isMet: Bool {
        guard let goal else { return true }
        return higherIsBetter ? reached >= goal : reached <= goal
    }
}

/// CPU time of this process, by which everything is measured: the machine is shared.
enum Stopwatch {
    /// Seconds of CPU time that the process has used.
    static func cpuSeconds() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// The best of `runs` runs, in CPU seconds per run. Each run repeats the body until it has
    /// taken 20 ms, so that short bodies are measured too.
    static func best(runs: Int = 7, _ body: () throws -> Void) rethrows -> Double {
        try body()
        var best = Double.infinity
        for _ in 0..<runs {
            var repeats = 0
            let start = cpuSeconds()
            var spent = 0.0
            repeat {
                try body()
                repeats += 1
                spent = cpuSeconds() - start
            } while spent < 0.02
            best = min(best, spent / Double(repeats))
        }
        return best
    }
}
