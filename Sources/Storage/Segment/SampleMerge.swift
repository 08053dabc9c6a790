internal import Model

/// One source's samples of a series, in the order of `SampleMerge`: oldest write first.
struct SamplePart {
    var timestamps: TimestampColumn
    var values: [Double]
    /// Known: no value is lower than the one before, and none is NaN.
    var isRising = false

    /// The samples at these places, ascending.
    func picking(_ places: [Int]) -> SamplePart {
        SamplePart(
            timestamps: TimestampColumn(places.map { timestamps.nanos[$0] }),
            values: places.map { values[$0] }, isRising: isRising)
    }
}

/// Merges the samples that several segments and memtables hold of one series. Parts come in the
/// order in which they were written; of equal timestamps the later part's sample counts.
///
/// How columns merge is worked out once per combination of columns and used again for all series
/// that have it, and these then share the merged column.
struct SampleMerge {
    private enum Plan {
        /// Part after part, in this order.
        case append([Int])
        /// Sample by sample: part and position in it.
        case pick([(part: Int32, position: Int32)])
    }

    private struct Merged {
        var column: TimestampColumn
        var plan: Plan
        /// Held, so that the identities in the key stay theirs.
        var parts: [TimestampColumn]
    }

    private static let plansMax = 4_096
    private var plans: [[ObjectIdentifier]: Merged] = [:]

    /// Of at least one part.
    mutating func merge(_ parts: [SamplePart]) -> SamplePart {
        if parts.count == 1 { return parts[0] }
        let merged = plan(parts.map(\.timestamps))
        var values: [Double] = []
        values.reserveCapacity(merged.column.nanos.count)
        var isRising = false
        switch merged.plan {
        case .append(let order):
            isRising = true
            for part in order {
                let joins = values.last.map { $0 <= parts[part].values[0] } ?? true
                isRising = isRising && joins && parts[part].isRising
                values += parts[part].values
            }
        case .pick(let picks):
            for pick in picks { values.append(parts[Int(pick.part)].values[Int(pick.position)]) }
        }
        return SamplePart(
            timestamps: merged.column, values: values, isRising: isRising)
    }

    /// The same for histograms; parts as (column, histograms).
    mutating func merge(
        _ parts: [(timestamps: TimestampColumn, histograms: [Histogram])]
    ) -> (timestamps: TimestampColumn, histograms: [Histogram]) {
        if parts.count == 1 { return parts[0] }
        let merged = plan(parts.map(\.timestamps))
        switch merged.plan {
        case .append(let order): return (merged.column, order.flatMap { parts[$0].histograms })
        case .pick(let picks):
            return (
                merged.column,
                picks.map { parts[Int($0.part)].histograms[Int($0.position)] }
            )
        }
    }

    private mutating func plan(_ columns: [TimestampColumn]) -> Merged {
        let key = columns.map { ObjectIdentifier($0) }
        if let known = plans[key] { return known }
        let made = SampleMerge.make(columns)
        if plans.count == SampleMerge.plansMax { plans.removeAll() }
        plans[key] = made
        return made
    }

    private static func make(_ columns: [TimestampColumn]) -> Merged {
        let order = columns.indices
            .filter { !columns[$0].nanos.isEmpty }
            .sorted { columns[$0].nanos[0] < columns[$1].nanos[0] }
        let isDisjoint = zip(order, order.dropFirst()).allSatisfy { before, after in
            (columns[before].nanos.last ?? .max) < columns[after].nanos[0]
        }
        if isDisjoint {
            if order.count == 1 {
                return Merged(column: columns[order[0]], plan: .append(order), parts: columns)
            }
            let nanos = order.flatMap { columns[$0].nanos }
            return Merged(
                column: TimestampColumn(nanos), plan: .append(order), parts: columns)
        }
        var all: [(nano: Int64, part: Int32, position: Int32)] = []
        for (part, column) in columns.enumerated() {
            for (position, nano) in column.nanos.enumerated() {
                all.append((nano, Int32(part), Int32(position)))
            }
        }
        all.sort { $0.nano != $1.nano ? $0.nano < $1.nano : $0.part < $1.part }
        var nanos: [Int64] = []
        var picks: [(part: Int32, position: Int32)] = []
        for sample in all {
            if nanos.last == sample.nano {
                picks[picks.count - 1] = (sample.part, sample.position)
            } else {
                nanos.append(sample.nano)
                picks.append((sample.part, sample.position))
            }
        }
        return Merged(column: TimestampColumn(nanos), plan: .pick(picks), parts: columns)
    }
}

/// Gives equal timestamp columns one identity.
struct TimestampInterner {
    private static let columnsMax = 16_384
    private var columns: [Int: [TimestampColumn]] = [:]
    private var count = 0

    mutating func intern(_ nanos: [Int64]) -> TimestampColumn {
        guard let first = nanos.first, let last = nanos.last else { return .empty }
        // A cheap key: columns that agree in it are compared whole.
        let key = nanos.count ^ Int(truncatingIfNeeded: first &* 31 &+ last)
        if let known = columns[key]?.first(where: { $0.nanos == nanos }) { return known }
        if count == TimestampInterner.columnsMax {
            columns.removeAll()
            count = 0
        }
        let column = TimestampColumn(nanos)
        columns[key, default: []].append(column)
        count += 1
        return column
    }
}
