internal import Model

/// Counts the samples that one query looks at, for its statistics. Pieces within a subquery do not
/// count; what they give does, as samples in the window of the function around it.
final class SampleCounter {
    private(set) var perStep: [Int]
    private(set) var peak = 0
    private var held = 0

    init(stepCount: Int) { perStep = Array(repeating: 0, count: stepCount) }

    var total: Int { perStep.reduce(0, +) }

    /// Everything found at one step.
    func add(_ count: Int, at step: Int) { perStep[step] += count }

    /// What lies in the windows of `grid`, which has the query's steps or, where one stands for all
    /// of them, a single one. Stale markers do not count. O(samples + steps).
    func addWindows(of series: SeriesData, _ grid: StepGrid, windowNanos: Int64) {
        let floats = WindowEvaluator.withoutStaleMarkers(series).column
        add(WindowIndex(floats, grid: grid, windowNanos: windowNanos)) { $0.count }
        guard !series.histograms.isEmpty else { return }
        let kept = series.histograms.indices.filter { !series.histograms[$0].isStaleMarker }
        let times = TimestampColumn(kept.map { series.histogramTimestamps.nanos[$0] })
        add(WindowIndex(times, grid: grid, windowNanos: windowNanos)) { places in
            places.reduce(0) { $0 + SampleCounter.size(of: series.histograms[kept[$1]]) }
        }
    }

    private func add(_ windows: WindowIndex, _ count: (Range<Int>) -> Int) {
        for step in windows.lows.indices {
            let found = count(Int(windows.lows[step])..<Int(windows.highs[step]))
            add(found, atGridStep: step, of: windows.lows.count)
        }
    }

    /// The cells of a row of `stepCount` steps, as above.
    func addCells(_ row: [Double], _ boxes: [HistogramBox?]) {
        for step in row.indices {
            if !row[step].isStaleMarker {
                add(1, atGridStep: step, of: row.count)
            } else if !boxes.isEmpty, let box = boxes[step] {
                add(SampleCounter.size(of: box.histogram), atGridStep: step, of: row.count)
            }
        }
    }

    private func add(_ count: Int, atGridStep step: Int, of gridCount: Int) {
        if gridCount == perStep.count {
            perStep[step] += count
        } else {
            for place in perStep.indices { perStep[place] += count }
        }
    }

    // MARK: What is held

    /// `count` samples are being read.
    func isReading(_ count: Int) { peak = max(peak, held + count) }

    /// `count` values stay until the query's end.
    func keep(_ count: Int) {
        held += count
        peak = max(peak, held)
    }

    /// In units of a float sample, 16 bytes, as Prometheus' engine counts: its histogram with one
    /// span of buckets on each side that has any.
    static func size(of histogram: Histogram) -> Int {
        let buckets = histogram.positive.counts.count + histogram.negative.counts.count
        let spans = [histogram.positive, histogram.negative].count { !$0.isEmpty }
        return (176 + 8 * (buckets + spans + histogram.customBounds.count)) / 16
    }
}
