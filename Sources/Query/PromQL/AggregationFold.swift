internal import Model

/// First-stage aggregation (`sum`, `avg`, `min`, `max`, `count`, `group`, `stddev`, `stdvar`): rows
/// go in one at a time and are forgotten; what is kept is a few numbers per group and step.
///
/// The arithmetic and its order are Prometheus'. Groups come out ascending by labels, so the order
/// in which rows arrive shows only in the last bit of sums.
struct AggregationFold {
    typealias Operation = PromQLExpr.Aggregate.Operation

    let operation: Operation
    let grouping: LabelGrouping
    let stepCount: Int
    private let annotations: PromQLAnnotations
    private let range: Range<Int>

    private var groups: [Labels: Int] = [:]
    private(set) var labels: [Labels] = []
    // groups × stepCount of each that the operation needs.
    /// The running result, absent where nothing came yet.
    var values: [Double] = []
    var compensations: [Double] = []
    var counts: [Double] = []
    var means: [Double] = []
    /// Cells whose sum overflowed, and cells with histograms: both rare.
    var overflowed: [Int: RunningMean] = [:]
    private var histograms: [Int: HistogramTotal] = [:]

    /// What a cell's histograms add up to.
    private struct HistogramTotal {
        var sum: CompensatedHistogram
        var count = 1.0
        var isIncompatible = false
        var hasResets = false
        var hasNoResets = false
    }

    init(
        operation: Operation, grouping: LabelGrouping, stepCount: Int,
        annotations: PromQLAnnotations, range: Range<Int>
    ) {
        self.operation = operation
        self.grouping = grouping
        self.stepCount = stepCount
        self.annotations = annotations
        self.range = range
    }

    /// Whether `operation` is one of those that fold.
    static func folds(_ operation: Operation) -> Bool {
        switch operation {
        case .sum, .avg, .min, .max, .count, .group, .stddev, .stdvar: true
        default: false
        }
    }

    /// Adds a row of `stepCount` cells; `boxes` is empty or as long.
    mutating func add(_ rowLabels: Labels, _ row: [Double], _ boxes: [HistogramBox?]) {
        let base = group(of: rowLabels) * stepCount
        switch operation {
        case .sum: Self.addSum(base, row.span, to: &values, &compensations)
        case .avg: addMean(base, row.span)
        case .min: addExtreme(base, row.span, isMaximum: false)
        case .max: addExtreme(base, row.span, isMaximum: true)
        case .count: addCount(base, row.span)
        case .group:
            for step in row.indices where !row[step].isStaleMarker { values[base + step] = 1 }
        case .stddev, .stdvar: addVariance(base, row.span)
        default: preconditionFailure("BUG: \(operation.rawValue) does not fold")
        }
        for (step, box) in boxes.enumerated() {
            if let box { add(box.histogram, to: base + step, of: rowLabels) }
        }
    }

    private mutating func group(of rowLabels: Labels) -> Int {
        group(grouping.key(of: rowLabels))
    }

    /// The number of the group with these labels.
    mutating func group(_ key: Labels) -> Int {
        if let known = groups[key] { return known }
        let new = labels.count
        groups[key] = new
        labels.append(key)
        let size = labels.count * stepCount
        Self.grow(&values, to: size, with: StepMatrix.absent)
        switch operation {
        case .sum: Self.grow(&compensations, to: size, with: 0)
        case .avg:
            Self.grow(&compensations, to: size, with: 0)
            Self.grow(&counts, to: size, with: 0)
        case .stddev, .stdvar:
            Self.grow(&means, to: size, with: 0)
            Self.grow(&counts, to: size, with: 0)
        default: break
        }
        return new
    }

    private static func grow(_ array: inout [Double], to size: Int, with value: Double) {
        array.append(contentsOf: repeatElement(value, count: size - array.count))
    }

    // MARK: Floats

    private static func addSum(
        _ base: Int, _ row: Span<Double>, to values: inout [Double], _ rests: inout [Double]
    ) {
        var sums = values.mutableSpan
        var rests = rests.mutableSpan
        for step in 0..<row.count {
            let value = row[step]
            if value.isStaleMarker { continue }
            let cell = base + step
            let sum = sums[cell]
            if sum.isStaleMarker {
                sums[cell] = value
                continue
            }
            let total = sum + value
            if total.isInfinite {
                rests[cell] = 0
            } else if abs(sum) >= abs(value) {
                rests[cell] += (sum - total) + value
            } else {
                rests[cell] += (value - total) + sum
            }
            sums[cell] = total
        }
    }

    private mutating func addMean(_ base: Int, _ row: Span<Double>) {
        for step in 0..<row.count {
            let value = row[step]
            if value.isStaleMarker { continue }
            let cell = base + step
            counts[cell] += 1
            if !overflowed.isEmpty, overflowed[cell] != nil {
                overflowed[cell]?.add(value)
            } else if values[cell].isStaleMarker {
                values[cell] = value
            } else {
                var state = KahanSum(values[cell], compensation: compensations[cell])
                state.add(value)
                if state.sum.isInfinite {
                    var mean = RunningMean(
                        sum: KahanSum(values[cell], compensation: compensations[cell]),
                        count: counts[cell] - 1)
                    mean.add(value)
                    overflowed[cell] = mean
                } else {
                    values[cell] = state.sum
                    compensations[cell] = state.compensation
                }
            }
        }
    }

    mutating func addExtreme(_ base: Int, _ row: Span<Double>, isMaximum: Bool) {
        var best = values.mutableSpan
        for step in 0..<row.count {
            let value = row[step]
            if value.isStaleMarker { continue }
            let known = best[base + step]
            // An absent cell is a NaN too, and any value beats a NaN.
            if known.isNaN || (isMaximum ? known < value : known > value) {
                best[base + step] = value
            }
        }
    }

    private mutating func addCount(_ base: Int, _ row: Span<Double>) {
        var totals = values.mutableSpan
        for step in 0..<row.count where !row[step].isStaleMarker {
            let known = totals[base + step]
            totals[base + step] = known.isStaleMarker ? 1 : known + 1
        }
    }

    private mutating func addVariance(_ base: Int, _ row: Span<Double>) {
        for step in 0..<row.count {
            let value = row[step]
            if value.isStaleMarker { continue }
            let cell = base + step
            counts[cell] += 1
            if values[cell].isStaleMarker {
                values[cell] = value.isFinite ? 0 : .nan
                means[cell] = value
            } else {
                let delta = value - means[cell]
                means[cell] += delta / counts[cell]
                values[cell] += delta * (value - means[cell])
            }
        }
    }

    // MARK: Histograms

    private mutating func add(_ histogram: Histogram, to cell: Int, of rowLabels: Labels) {
        switch operation {
        case .count: values[cell] = values[cell].isStaleMarker ? 1 : values[cell] + 1
        case .group: values[cell] = 1
        case .sum, .avg:
            guard var total = histograms[cell] else {
                histograms[cell] = HistogramTotal(
                    sum: CompensatedHistogram(histogram), hasResets: histogram.resetHint == .reset,
                    hasNoResets: histogram.resetHint == .notReset)
                return
            }
            if total.isIncompatible { return }
            total.hasResets = total.hasResets || histogram.resetHint == .reset
            total.hasNoResets = total.hasNoResets || histogram.resetHint == .notReset
            do {
                let outcome = try total.sum.add(histogram)
                if outcome.hasReconciledBounds {
                    annotations.reconciledBounds(in: "aggregation", at: range)
                }
                total.count += 1
            } catch {
                annotations.mixedSchemas(rowLabels.metricName, at: range)
                total.isIncompatible = true
            }
            histograms[cell] = total
        default: annotations.histogramIgnored(in: operation.rawValue, at: range)
        }
    }

    // MARK: The end

    /// A row per group, ascending by labels; groups without a cell are left out.
    consuming func finish() throws(QueryError) -> StepMatrix {
        var result = StepMatrix(stepCount: stepCount)
        result.labels = labels
        result.values = values
        for cell in values.indices where !values[cell].isStaleMarker {
            result.values[cell] = finished(cell)
        }
        for (cell, total) in histograms.sorted(by: { $0.key < $1.key }) {
            guard values[cell].isStaleMarker else {
                annotations.mixedInAggregation(at: range)
                result.values[cell] = StepMatrix.absent
                continue
            }
            if total.isIncompatible { continue }
            if total.hasResets, total.hasNoResets {
                annotations.resetCollision(in: "aggregation", at: range)
            }
            let sum = total.sum.total.compacted()
            result.set(
                cell,
                operation == .avg ? HistogramArithmetic.divide(sum, by: total.count) : sum)
        }
        result.dropEmptyRows()
        return result.sortedByLabels()
    }

    private func finished(_ cell: Int) -> Double {
        switch operation {
        case .sum: values[cell] + compensations[cell]
        case .avg:
            overflowed[cell]?.mean
                ?? values[cell] / counts[cell] + compensations[cell] / counts[cell]
        case .stdvar: values[cell] / counts[cell]
        case .stddev: (values[cell] / counts[cell]).squareRoot()
        default: values[cell]
        }
    }
}
