internal import Encoding
internal import Model

/// Where the series of one leaf job go: each becomes a row and is either kept or folded.
final class LeafSink {
    let job: LeafJob
    private let stepCount: Int
    /// Where windows end.
    private let reference: StepGrid
    private let annotations: PromQLAnnotations
    private let budget: QueryBudget
    /// Nil when nobody asks for statistics of this job.
    private let counter: SampleCounter?
    private var rows: StepMatrix
    private var fold: AggregationFold?
    private var windows: WindowEvaluator?
    private var floatIndexes: WindowIndexCache
    private var histogramIndexes: WindowIndexCache
    private var row: [Double]
    private var boxes: [HistogramBox?] = []
    private var counterNames: CounterNames?
    private var hasMerged = false

    /// `parameters`: of the window function, one value per step or one for all steps.
    init(
        _ job: LeafJob, parameters: [[Double]], annotations: PromQLAnnotations,
        budget: QueryBudget, counter: SampleCounter? = nil
    ) {
        self.job = job
        self.counter = job.isCounted ? counter : nil
        self.budget = budget
        self.annotations = annotations
        let isBroadcastable = job.isBroadcastable(parameters)
        let reference =
            job.isAnchored && !isBroadcastable
            // What changes by step makes each step a cell of its own.
            ? StepGrid(
                startNanos: job.reference.startNanos, stepNanos: 0, count: job.key.grid.count)
            : job.reference
        self.reference = reference
        stepCount = reference.count
        rows = StepMatrix(stepCount: stepCount)
        row = Array(repeating: StepMatrix.absent, count: stepCount)
        var windowNanos = job.lookbackNanos
        if case .valueCounts(_, let nanos) = job.source { windowNanos = nanos }
        floatIndexes = WindowIndexCache(grid: reference, windowNanos: windowNanos)
        histogramIndexes = floatIndexes
        if let fold = job.fold {
            self.fold = AggregationFold(
                operation: fold.operation, grouping: fold.grouping, stepCount: stepCount,
                annotations: annotations, range: fold.range)
        }
        if case .window(let function, let nanos, _) = job.source {
            if function == .rate || function == .increase {
                counterNames = CounterNames(
                    onlyName: job.selector.onlyName, annotations: annotations, range: job.range)
            }
            let grid = job.key.grid
            windows = WindowEvaluator(
                function: function, grid: reference, windowNanos: nanos, parameters: parameters,
                annotations: annotations, range: job.range, budget: budget,
                nowNanos: { grid.time($0) })
        }
    }

    func consume(_ series: SeriesData) throws {
        boxes.removeAll(keepingCapacity: true)
        if let nanos = job.countedWindowNanos {
            counter?.addWindows(of: series, reference, windowNanos: nanos)
        }
        if case .valueCounts(let label, _) = job.source {
            let floats = WindowEvaluator.withoutStaleMarkers(series)
            let counts = ValueCounts(
                floatIndexes.index(for: floats.column), floats.values, label: label)
            for (labels, row) in try counts.rows(of: series.labels, budget: budget) {
                try take(job.keepsMetricNames ? labels : labels.withoutMetricName, row)
            }
            return
        }
        if job.selector.boundary != .plain {
            try fillExtended(series)
        } else if windows != nil {
            try windows?.evaluate(series, into: &row, &boxes)
        } else if case .instant(let givesTimestamps) = job.source {
            fillInstant(series)
            if givesTimestamps { replaceByTimestamps(series) }
        } else {
            guard series.histograms.isEmpty else {
                throw QueryError.execution(message: "info sample should be float")
            }
            fillInstant(series)
            replaceByTimestamps(series)
        }
        if job.countedWindowNanos == nil { counter?.addCells(row, boxes) }
        counterNames?.check(series.labels, row)
        try take(job.dropsMetricName ? series.labels.withoutMetricName : series.labels, row)
    }

    /// Folds or keeps a row and what is in `boxes`.
    private func take(_ labels: Labels, _ row: [Double]) throws {
        if fold != nil {
            fold?.add(labels, row, boxes)
            return
        }
        let isEmpty = row.allSatisfy(\.isStaleMarker) && boxes.allSatisfy { $0 == nil }
        guard !isEmpty else { return }
        try budget.charge(samples: stepCount)
        rows.append(labels, row, boxes)
    }

    // MARK: Partial results of a job that folds

    var groupCount: Int { fold?.groupCount ?? 0 }

    func write(group: Int, to writer: inout ByteWriter) {
        fold?.write(group: group, to: &writer)
    }

    /// Takes in a group that another sink of the same job wrote.
    func merge(_ reader: inout ByteReader) throws(EncodingError) {
        hasMerged = true
        try fold?.merge(&reader)
    }

    // MARK: The end

    /// A row for each series, or each group, ascending by labels, at the steps of the key's grid.
    func finish() throws(QueryError) -> StepMatrix {
        let result: StepMatrix
        if let fold {
            result = try fold.finish()
            if hasMerged { counterNames?.check(.empty, result.values) }
        } else {
            result = try rows.sortedByLabels().merged()
        }
        return result.broadcast(to: job.key.grid.count)
    }

    private func fillExtended(_ series: SeriesData) throws {
        let floats = WindowEvaluator.withoutStaleMarkers(series)
        let windows = ExtendedWindows(
            boundary: job.selector.boundary, grid: reference, lookbackNanos: job.lookbackNanos,
            times: floats.column.nanos, values: floats.values, series: series,
            annotations: annotations, range: job.range)
        switch job.source {
        case .window(let function, let nanos, _):
            windows.fill(function, windowNanos: nanos, &row, &boxes)
        default: windows.fillInstant(&row, &boxes)
        }
        try budget.check()
    }

    private func fillInstant(_ series: SeriesData) {
        let index = floatIndexes.index(for: series.timestamps)
        let (_, lowArray, highArray) = index.arrays
        let values = series.values.span
        let lows = lowArray.span
        let highs = highArray.span
        var out = row.mutableSpan
        for step in 0..<out.count {
            let high = Int(highs[step])
            // A stale marker is what an absent cell is.
            out[step] = Int(lows[step]) < high ? values[high - 1] : StepMatrix.absent
        }
        if series.histograms.isEmpty { return }
        let histogramIndex = histogramIndexes.index(for: series.histogramTimestamps)
        boxes = Array(repeating: nil, count: stepCount)
        for step in row.indices {
            let high = Int(histogramIndex.highs[step])
            guard Int(histogramIndex.lows[step]) < high else { continue }
            let floatHigh = Int(index.highs[step])
            if Int(index.lows[step]) < floatHigh,
                series.timestamps.nanos[floatHigh - 1]
                    > series.histogramTimestamps.nanos[high - 1]
            {
                continue
            }
            row[step] = StepMatrix.absent
            let histogram = series.histograms[high - 1]
            boxes[step] = histogram.isStaleMarker ? nil : HistogramBox(histogram)
        }
    }

    private func replaceByTimestamps(_ series: SeriesData) {
        let floats = floatIndexes.index(for: series.timestamps)
        let histograms = histogramIndexes.index(for: series.histogramTimestamps)
        for step in row.indices {
            if !row[step].isStaleMarker {
                let place = Int(floats.highs[step]) - 1
                row[step] = StepGrid.seconds(nanos: series.timestamps.nanos[place])
            } else if !boxes.isEmpty, boxes[step] != nil {
                let place = Int(histograms.highs[step]) - 1
                row[step] = StepGrid.seconds(nanos: series.histogramTimestamps.nanos[place])
            }
        }
        boxes.removeAll(keepingCapacity: true)
    }
}
