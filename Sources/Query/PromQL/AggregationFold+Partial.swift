internal import Encoding
internal import Model

/// What a fold has gathered as bytes, and how two folds over different series become one. Only of
/// numbers: series with histograms are not folded away from who asked.
///
///     group   bytes labels │ values, per step │ of sum and avg: what rounding lost, of stddev and
///             stdvar: means │ but for sum: counts │ of avg: varint n │ n × overflowed
///     overflowed  varint step │ f64 mean │ f64 count
extension AggregationFold {
    var groupCount: Int { labels.count }

    /// Which columns a group has beside its values.
    private var hasCounts: Bool {
        operation == .avg || operation == .stddev || operation == .stdvar
    }
    private var hasCompensations: Bool { operation == .sum || operation == .avg }
    private var hasMeans: Bool { operation == .stddev || operation == .stdvar }

    func write(group: Int, to writer: inout ByteWriter) {
        let cells = group * stepCount..<(group + 1) * stepCount
        writer.lengthPrefixed(labels[group].bytes)
        writer.column(values[cells])
        if hasCompensations { writer.column(compensations[cells]) }
        if hasMeans { writer.column(means[cells]) }
        if hasCounts { writer.column(counts[cells]) }
        guard operation == .avg else { return }
        let over = overflowed.isEmpty ? [] : cells.filter { overflowed[$0] != nil }
        writer.varint(UInt64(over.count))
        for cell in over {
            writer.varint(UInt64(cell - cells.lowerBound))
            writer.f64(overflowed[cell]?.mean ?? 0)
            writer.f64(counts[cell])
        }
    }

    /// Takes in a group that `write` wrote, of bytes that may be anything.
    mutating func merge(_ reader: inout ByteReader) throws(EncodingError) {
        guard let labels = Labels(checking: Array(try reader.lengthPrefixed())) else {
            throw .corrupt(what: "labels", offset: reader.offset)
        }
        var part = AggregationPart()
        try reader.column(count: stepCount, into: &part.values)
        if hasCompensations { try reader.column(count: stepCount, into: &part.rests) }
        if hasMeans { try reader.column(count: stepCount, into: &part.means) }
        if hasCounts { try reader.column(count: stepCount, into: &part.counts) }
        if operation == .avg {
            for _ in 0..<(try reader.count(limit: stepCount)) {
                let step = try reader.count(limit: stepCount - 1)
                let mean = try reader.f64()
                part.overflowed[step] = (mean, try reader.f64())
            }
        }
        merge(part, into: group(labels) * stepCount)
    }

    private mutating func merge(_ part: AggregationPart, into base: Int) {
        switch operation {
        case .min: return addExtreme(base, part.values.span, isMaximum: false)
        case .max: return addExtreme(base, part.values.span, isMaximum: true)
        default: break
        }
        for step in 0..<stepCount where !part.values[step].isStaleMarker {
            let cell = base + step
            switch operation {
            case .sum: mergeSum(part, step, cell)
            case .avg: mergeMean(part, step, cell)
            case .count:
                values[cell] =
                    (values[cell].isStaleMarker ? 0 : values[cell]) + part.values[step]
            case .stddev, .stdvar: mergeVariance(part, step, cell)
            default: values[cell] = 1
            }
        }
    }

    private mutating func mergeSum(_ part: AggregationPart, _ step: Int, _ cell: Int) {
        guard !values[cell].isStaleMarker else {
            values[cell] = part.values[step]
            compensations[cell] = part.rests[step]
            return
        }
        var state = KahanSum(values[cell], compensation: compensations[cell])
        state.add(part.values[step])
        if !state.sum.isInfinite { state.compensation += part.rests[step] }
        values[cell] = state.sum
        compensations[cell] = state.compensation
    }

    private mutating func mergeMean(_ part: AggregationPart, _ step: Int, _ cell: Int) {
        let isFirst = values[cell].isStaleMarker
        let count = counts[cell]
        counts[cell] += part.counts[step]
        let other = part.overflowed[step]
        if isFirst {
            values[cell] = part.values[step]
            compensations[cell] = part.rests[step]
            overflowed[cell] = other.map { RunningMean(mean: $0.mean, count: $0.count) }
            return
        }
        var state = KahanSum(values[cell], compensation: compensations[cell])
        state.add(part.values[step])
        if overflowed[cell] == nil, other == nil, !state.sum.isInfinite {
            values[cell] = state.sum
            compensations[cell] = state.compensation + part.rests[step]
            return
        }
        var mean =
            overflowed[cell]
            ?? RunningMean(
                sum: KahanSum(values[cell], compensation: compensations[cell]), count: count)
        let theirs =
            other?.mean
            ?? (part.values[step] / part.counts[step] + part.rests[step] / part.counts[step])
        mean.merge(mean: theirs, count: part.counts[step])
        overflowed[cell] = mean
    }

    /// Chan, Golub and LeVeque's way to join two running variances.
    private mutating func mergeVariance(_ part: AggregationPart, _ step: Int, _ cell: Int) {
        let count = counts[cell]
        let other = part.counts[step]
        counts[cell] = count + other
        guard !values[cell].isStaleMarker else {
            values[cell] = part.values[step]
            means[cell] = part.means[step]
            return
        }
        let delta = part.means[step] - means[cell]
        means[cell] += delta * (other / (count + other))
        values[cell] += part.values[step] + delta * delta * (count * other / (count + other))
    }
}

/// What was read of one group, a value per step in each column that its operation has.
private struct AggregationPart {
    var values: [Double] = []
    var rests: [Double] = []
    var means: [Double] = []
    var counts: [Double] = []
    var overflowed: [Int: (mean: Double, count: Double)] = [:]
}
