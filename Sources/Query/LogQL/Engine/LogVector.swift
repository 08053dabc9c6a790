internal import Model

/// One series of a metric query's value: a number per step of the grid; `LogVector.absent` where
/// there is none.
struct LogSeries: Sendable {
    var labels: Labels
    var values: [Double]
}

/// The value of a metric expression over the whole grid.
enum LogVector: Sendable {
    case scalar(Double)
    case series([LogSeries])

    /// A number as a series without labels, `count` times itself.
    func series(count: Int) -> [LogSeries] {
        switch self {
        case .series(let series): series
        case .scalar(let value):
            [LogSeries(labels: .empty, values: [Double](repeating: value, count: count))]
        }
    }

    /// Stands for "no value here": the stale marker, which no calculation yields.
    static let absent = Double.staleMarker

    @inline(__always)
    static func isAbsent(_ value: Double) -> Bool { value.isStaleMarker }
}
