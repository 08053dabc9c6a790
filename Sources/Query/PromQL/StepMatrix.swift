internal import Model

/// A histogram on the heap, so that a cell without one costs a word.
final class HistogramBox: Sendable {
    let histogram: Histogram
    init(_ histogram: Histogram) { self.histogram = histogram }
}

/// Vectors of all steps at once: a row per series, a column per step, row-major in one array.
///
/// A cell is a float, a histogram or nothing. The stale marker's bits stand for "no float": no
/// operation on values yields them, since arithmetic quiets NaNs. A cell with a histogram holds no
/// float. Rows may be empty of cells; labels may repeat until `merged`.
struct StepMatrix: Sendable {
    static let absent = Double.staleMarker

    let stepCount: Int
    var labels: [Labels] = []
    /// labels.count × stepCount
    var values: [Double] = []
    /// Empty when no row has any, else as `values`.
    var histograms: [HistogramBox?] = []

    init(stepCount: Int) { self.stepCount = stepCount }

    var rowCount: Int { labels.count }
    var hasHistograms: Bool { !histograms.isEmpty }

    /// The cells of a row, as indexes of `values`.
    @inline(__always)
    func cells(_ row: Int) -> Range<Int> { row * stepCount..<(row + 1) * stepCount }

    @inline(__always)
    func isPresent(_ cell: Int) -> Bool {
        !values[cell].isStaleMarker || (!histograms.isEmpty && histograms[cell] != nil)
    }

    func histogram(_ cell: Int) -> HistogramBox? { histograms.isEmpty ? nil : histograms[cell] }

    /// Adds a row of `stepCount` cells. `rowHistograms` is empty or as long as `row`.
    mutating func append(
        _ rowLabels: Labels, _ row: [Double], _ rowHistograms: [HistogramBox?] = []
    ) {
        if !rowHistograms.isEmpty { needHistograms() }
        labels.append(rowLabels)
        values.append(contentsOf: row)
        if !rowHistograms.isEmpty {
            histograms.append(contentsOf: rowHistograms)
        } else if !histograms.isEmpty {
            histograms.append(contentsOf: repeatElement(nil, count: stepCount))
        }
    }

    /// Adds a row without any cell.
    mutating func appendBlank(_ rowLabels: Labels) {
        labels.append(rowLabels)
        values.append(contentsOf: repeatElement(StepMatrix.absent, count: stepCount))
        if !histograms.isEmpty {
            histograms.append(contentsOf: repeatElement(nil, count: stepCount))
        }
    }

    /// Makes room for histograms beside the floats.
    mutating func needHistograms() {
        if histograms.isEmpty { histograms = Array(repeating: nil, count: values.count) }
    }

    mutating func set(_ cell: Int, _ histogram: Histogram) {
        needHistograms()
        values[cell] = StepMatrix.absent
        histograms[cell] = HistogramBox(histogram)
    }

    mutating func setBox(_ cell: Int, _ box: HistogramBox) {
        needHistograms()
        values[cell] = StepMatrix.absent
        histograms[cell] = box
    }

    /// Only the rows that have a cell.
    mutating func dropEmptyRows() {
        let kept = (0..<rowCount).filter { row in cells(row).contains(where: isPresent) }
        if kept.count != rowCount { self = selecting(kept) }
    }

    /// The rows `order`, in that order.
    func selecting(_ order: [Int]) -> StepMatrix {
        var result = StepMatrix(stepCount: stepCount)
        result.labels.reserveCapacity(order.count)
        result.values.reserveCapacity(order.count * stepCount)
        for row in order {
            result.labels.append(labels[row])
            result.values.append(contentsOf: values[cells(row)])
        }
        if hasHistograms {
            for row in order { result.histograms.append(contentsOf: histograms[cells(row)]) }
        }
        return result
    }

    /// Rows ascending by labels.
    func sortedByLabels() -> StepMatrix {
        var isSorted = true
        for row in labels.indices.dropFirst() where labels[row] < labels[row - 1] {
            isSorted = false
            break
        }
        if isSorted { return self }
        return selecting(labels.indices.sorted { labels[$0] < labels[$1] })
    }

    /// Changes the labels of each row and merges rows that became equal; two cells of one step in
    /// such rows are the error that Prometheus reports.
    func relabelled(_ change: (Labels) throws -> Labels) throws -> StepMatrix {
        var result = self
        for row in labels.indices { result.labels[row] = try change(labels[row]) }
        return try result.merged()
    }

    /// Without metric names.
    func withoutMetricNames() throws -> StepMatrix { try relabelled(\.withoutMetricName) }

    /// Rows of equal labels become one.
    func merged() throws(QueryError) -> StepMatrix {
        var places: [Labels: Int] = [:]
        places.reserveCapacity(rowCount)
        for row in labels.indices { places[labels[row]] = row }
        if places.count == rowCount { return self }
        places.removeAll(keepingCapacity: true)
        var result = StepMatrix(stepCount: stepCount)
        for row in labels.indices {
            let target = places[labels[row]] ?? result.rowCount
            if target == result.rowCount {
                places[labels[row]] = target
                result.appendBlank(labels[row])
            }
            try result.merge(rowOf: self, row, into: target)
        }
        return result
    }

    private mutating func merge(
        rowOf other: StepMatrix, _ row: Int, into target: Int
    ) throws(QueryError) {
        for step in 0..<stepCount {
            let from = row * stepCount + step
            guard other.isPresent(from) else { continue }
            let to = target * stepCount + step
            guard !isPresent(to) else { throw StepMatrix.sameLabels }
            if let box = other.histogram(from) {
                setBox(to, box)
            } else {
                values[to] = other.values[from]
            }
        }
    }

    static let sameLabels = QueryError.execution(
        message: "vector cannot contain metrics with the same labelset")

    /// The single column of `self` at each of `count` steps.
    func broadcast(to count: Int) -> StepMatrix {
        guard stepCount == 1, count != 1 else { return self }
        var result = StepMatrix(stepCount: count)
        for row in labels.indices {
            let box = histogram(row)
            result.append(
                labels[row], Array(repeating: values[row], count: count),
                box == nil ? [] : Array(repeating: box, count: count))
        }
        return result
    }
}
