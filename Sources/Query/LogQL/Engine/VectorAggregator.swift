internal import Model

/// `sum`, `topk` and their kin over series: per group and step.
struct VectorAggregator {
    private let aggregation: VectorAggregation
    private let stepCount: Int

    init(_ aggregation: VectorAggregation, stepCount: Int) {
        self.aggregation = aggregation
        self.stepCount = stepCount
    }

    func apply(to operand: LogVector) -> [LogSeries] {
        // As in Loki, a number is a vector of one.
        let series = operand.series(count: stepCount)
        switch aggregation.function {
        case .sort, .sortDescending: return sorted(series)
        default: break
        }
        let grouping = aggregation.grouping ?? .all
        var order: [Labels] = []
        var members: [Labels: [Int]] = [:]
        for (index, one) in series.enumerated() {
            let key = grouping.key(of: one.labels)
            if members[key] == nil { order.append(key) }
            members[key, default: []].append(index)
        }
        order.sort()
        switch aggregation.function {
        case .topk, .bottomk, .approximateTopk:
            return order.flatMap { chosen(members[$0] ?? [], of: series) }
        default:
            return order.map { key in
                LogSeries(labels: key, values: combined(members[key] ?? [], of: series))
            }
        }
    }

    private func combined(_ members: [Int], of series: [LogSeries]) -> [Double] {
        (0..<stepCount).map { step in
            var count = 0.0
            var sum = 0.0
            var mean = 0.0
            var square = 0.0
            var low = Double.nan
            var high = Double.nan
            for member in members {
                let value = series[member].values[step]
                if LogVector.isAbsent(value) { continue }
                count += 1
                sum += value
                let delta = value - mean
                mean += delta / count
                square += delta * (value - mean)
                if low.isNaN || value < low { low = value }
                if high.isNaN || value > high { high = value }
            }
            if count == 0 { return LogVector.absent }
            switch aggregation.function {
            case .sum: return sum
            case .avg: return sum / count
            case .min: return low
            case .max: return high
            case .count: return count
            case .stdvar: return square / count
            case .stddev: return (square / count).squareRoot()
            case .topk, .bottomk, .approximateTopk, .sort, .sortDescending:
                preconditionFailure("BUG: not a combining aggregation")
            }
        }
    }

    /// The k highest or lowest of each step; equal ones in order of labels. In order of the value
    /// at the last step.
    private func chosen(_ members: [Int], of series: [LogSeries]) -> [LogSeries] {
        let isLowest = aggregation.function == .bottomk
        let count = aggregation.parameter ?? 0
        var kept: [Int: LogSeries] = [:]
        var order: [Int] = []
        for step in 0..<stepCount {
            let present = members.filter { !LogVector.isAbsent(series[$0].values[step]) }
            let ranked = present.sorted { a, b in
                isBefore(series[a].values[step], series[b].values[step], isLowest) ?? (a < b)
            }
            for member in ranked.prefix(count) {
                if kept[member] == nil {
                    let blank = [Double](repeating: LogVector.absent, count: stepCount)
                    kept[member] = LogSeries(labels: series[member].labels, values: blank)
                    order.append(member)
                }
                kept[member]?.values[step] = series[member].values[step]
            }
        }
        return order.compactMap { kept[$0] }
    }

    private func sorted(_ series: [LogSeries]) -> [LogSeries] {
        let isAscending = aggregation.function == .sort
        guard stepCount == 1 else { return series }
        return series.enumerated()
            .filter { !LogVector.isAbsent($0.element.values[0]) }
            .sorted { a, b in
                isBefore(a.element.values[0], b.element.values[0], isAscending)
                    ?? (a.offset < b.offset)
            }
            .map(\.element)
    }

    /// Nil for equal values; NaN comes last.
    private func isBefore(_ a: Double, _ b: Double, _ isAscending: Bool) -> Bool? {
        if a.isNaN || b.isNaN { return a.isNaN == b.isNaN ? nil : b.isNaN }
        if a == b { return nil }
        return isAscending ? a < b : a > b
    }
}
