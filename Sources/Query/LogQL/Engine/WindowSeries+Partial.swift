internal import Encoding
internal import Model

/// What one series has gathered as bytes, and how two of the same label set, of different lines,
/// become one. Not of kind `all`, whose values are as many as the lines.
///
///     whole   sums │ counts, i64: steps + 1 each, differences from step to step
///     others  counts │ values │ of sum: what rounding lost, of mean: squared distances
///             │ of first and last: times
///     distinct  as `DistinctWindows` writes it
extension WindowSeries {
    func write(to writer: inout ByteWriter) {
        if kind == .distinct { return distinct.write(to: &writer) }
        if kind == .whole { writer.column(sums) }
        writer.column(counts)
        if kind == .whole { return }
        writer.column(values)
        if hasSeconds { writer.column(seconds) }
        if hasTimes { writer.column(times) }
    }

    /// Reads what `write` wrote. `count`: of steps.
    init(kind: Kind, count: Int, _ reader: inout ByteReader) throws(EncodingError) {
        self.init(kind: kind, count: 0)
        counts = []
        sums = []
        if kind == .distinct {
            distinct = try DistinctWindows(&reader, windowCount: count)
            return
        }
        if kind == .whole { try reader.column(count: count + 1, into: &sums) }
        try reader.column(count: count + 1, into: &counts)
        if kind == .whole { return }
        try reader.column(count: count, into: &values)
        if hasSeconds { try reader.column(count: count, into: &seconds) }
        if hasTimes { try reader.column(count: count, into: &times) }
        guard counts.allSatisfy({ $0 >= 0 }) else {
            throw .corrupt(what: "counts", offset: reader.offset)
        }
    }

    /// How many values more are kept then, of kind `distinct`.
    mutating func merge(_ other: WindowSeries) -> Int {
        if kind == .distinct { return distinct.merge(other.distinct) }
        if kind == .whole {
            for place in counts.indices {
                sums[place] &+= other.sums[place]
                counts[place] &+= other.counts[place]
            }
            return 0
        }
        for window in values.indices where other.counts[window] > 0 {
            let count = counts[window]
            counts[window] &+= other.counts[window]
            if count == 0 {
                values[window] = other.values[window]
                if hasSeconds { seconds[window] = other.seconds[window] }
                if hasTimes { times[window] = other.times[window] }
                continue
            }
            merge(other, window, count: Double(count))
        }
        return 0
    }

    private mutating func merge(_ other: WindowSeries, _ window: Int, count: Double) {
        let value = other.values[window]
        switch kind {
        case .sum:
            addSum(value, to: window)
            seconds[window] += other.seconds[window]
        case .mean:
            // Chan, Golub and LeVeque's way to join two running variances.
            let otherCount = Double(other.counts[window])
            let mean = values[window]
            if mean.isInfinite || value.isInfinite {
                seconds[window] = .nan
                values[window] = mean == -value ? .nan : mean.isFinite ? value : mean
                if value.isNaN { values[window] = .nan }
                return
            }
            let delta = value - values[window]
            values[window] += delta * (otherCount / (count + otherCount))
            seconds[window] +=
                other.seconds[window] + delta * delta * (count * otherCount / (count + otherCount))
        case .min where value < values[window] || values[window].isNaN,
            .max where value > values[window] || values[window].isNaN:
            values[window] = value
        case .first where other.times[window] < times[window],
            .last where other.times[window] >= times[window]:
            values[window] = value
            times[window] = other.times[window]
        case .min, .max, .first, .last, .whole, .all, .distinct: break
        }
    }
}
