internal import Model

/// `min_over_time` and `max_over_time` of float series. The best sample of a window is kept while
/// it stays in sight, so that mostly only new samples are looked at.
enum SlidingExtremes {
    static func fill(_ row: inout [Double], _ windows: FloatWindows, isMaximum: Bool) {
        if isMaximum {
            fill(&row, windows) { $0 > $1 }
        } else {
            fill(&row, windows) { $0 < $1 }
        }
    }

    /// `isBetter(a, b)`: strictly. Any number is better than a NaN.
    @inline(__always)
    private static func fill(
        _ row: inout [Double], _ windows: FloatWindows, _ isBetter: (Double, Double) -> Bool
    ) {
        let (_, lowArray, highArray) = windows.index.arrays
        let values = windows.values.span
        let lows = lowArray.span
        let highs = highArray.span
        var out = row.mutableSpan
        var best = -1
        var seen = 0
        for step in 0..<out.count {
            let low = Int(lows[step])
            let high = Int(highs[step])
            guard low < high else {
                out[step] = StepMatrix.absent
                continue
            }
            if best < low {
                best = low
                seen = low + 1
            }
            var value = values[best]
            while seen < high {
                let candidate = values[seen]
                if isBetter(candidate, value) || value.isNaN {
                    best = seen
                    value = candidate
                }
                seen &+= 1
            }
            out[step] = value
        }
    }
}
