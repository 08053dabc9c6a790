internal import Model

/// A binary operator over numbers and series, with Prometheus' rules of matching.
struct VectorBinary {
    private let binary: BinaryExpression
    private let stepCount: Int

    init(_ binary: BinaryExpression, stepCount: Int) {
        self.binary = binary
        self.stepCount = stepCount
    }

    func apply(_ left: LogVector, _ right: LogVector) throws(QueryError) -> LogVector {
        switch (left, right) {
        case (.scalar(let a), .scalar(let b)):
            if let comparison = binary.operation.comparison {
                return .scalar(comparison.holds(a, b) ? 1 : 0)
            }
            return .scalar(calculated(a, b))
        case (.series(let series), .scalar(let number)):
            return .series(series.map { map($0) { ($0, number, $0) } })
        case (.scalar(let number), .series(let series)):
            return .series(series.map { map($0) { (number, $0, $0) } })
        case (.series(let a), .series(let b)):
            return .series(binary.operation.isSet ? combined(a, b) : try matched(a, b))
        }
    }

    /// `sides`: the operands made of a value, and what a comparison keeps.
    private func map(
        _ series: LogSeries, _ sides: (Double) -> (Double, Double, Double)
    ) -> LogSeries {
        let values = series.values.map { value -> Double in
            if LogVector.isAbsent(value) { return value }
            let (left, right, kept) = sides(value)
            return result(left, right, kept)
        }
        return LogSeries(labels: series.labels, values: values)
    }

    private func result(_ left: Double, _ right: Double, _ kept: Double) -> Double {
        guard let comparison = binary.operation.comparison else { return calculated(left, right) }
        let holds = comparison.holds(left, right)
        if binary.returnsBool { return holds ? 1 : 0 }
        return holds ? kept : LogVector.absent
    }

    private func calculated(_ a: Double, _ b: Double) -> Double {
        switch binary.operation {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: b == 0 ? .nan : a / b
        case .modulo: b == 0 ? .nan : a.truncatingRemainder(dividingBy: b)
        case .power: power(a, b)
        default: preconditionFailure("BUG: not an arithmetic operator")
        }
    }

    private func signature(_ labels: Labels) -> Labels {
        guard let matching = binary.matching else { return labels }
        return matching.key(of: labels)
    }

    private func bySignature(_ series: [LogSeries]) -> [Labels: [Int]] {
        var result: [Labels: [Int]] = [:]
        for (index, one) in series.enumerated() {
            result[signature(one.labels), default: []].append(index)
        }
        return result
    }

    private func isPresent(_ members: [Int], _ series: [LogSeries], _ step: Int) -> Bool {
        members.contains { !LogVector.isAbsent(series[$0].values[step]) }
    }

    private func combined(_ left: [LogSeries], _ right: [LogSeries]) -> [LogSeries] {
        let isUnion = binary.operation == .or
        let others = bySignature(isUnion ? left : right)
        let otherSeries = isUnion ? left : right
        let wantsOther = binary.operation == .and
        let kept = (isUnion ? right : left).map { one -> LogSeries in
            let members = others[signature(one.labels)] ?? []
            let values = one.values.indices.map { step in
                isPresent(members, otherSeries, step) == wantsOther
                    ? one.values[step] : LogVector.absent
            }
            return LogSeries(labels: one.labels, values: values)
        }
        guard isUnion else { return kept }
        return merged(left + kept)
    }

    /// Series with equal labels as one; the first that has a value wins.
    private func merged(_ series: [LogSeries]) -> [LogSeries] {
        var result: [LogSeries] = []
        var places: [Labels: Int] = [:]
        for one in series {
            guard let place = places[one.labels] else {
                places[one.labels] = result.count
                result.append(one)
                continue
            }
            for step in 0..<stepCount where LogVector.isAbsent(result[place].values[step]) {
                result[place].values[step] = one.values[step]
            }
        }
        return result
    }

    private func matched(
        _ left: [LogSeries], _ right: [LogSeries]
    ) throws(QueryError) -> [LogSeries] {
        var isSwapped = false
        if case .oneToMany = binary.cardinality { isSwapped = true }
        let many = isSwapped ? right : left
        let one = isSwapped ? left : right
        let ones = bySignature(one)
        var result: [LogSeries] = []
        var places: [Labels: Int] = [:]
        var used: [Labels: [Bool]] = [:]
        for member in many {
            let key = signature(member.labels)
            guard let candidates = ones[key] else { continue }
            for step in 0..<stepCount where !LogVector.isAbsent(member.values[step]) {
                let present = candidates.filter { !LogVector.isAbsent(one[$0].values[step]) }
                guard let partner = present.first else { continue }
                guard present.count == 1 else {
                    throw .execution(
                        message: "found duplicate series for the match group \(key) on the "
                            + "\(isSwapped ? "left" : "right") side of "
                            + "\(binary.operation.rawValue): it must be unique there")
                }
                if binary.cardinality == .oneToOne {
                    var seen = used[key] ?? [Bool](repeating: false, count: stepCount)
                    if seen[step] { throw manyToOne(key) }
                    seen[step] = true
                    used[key] = seen
                }
                let ours = member.values[step]
                let theirs = one[partner].values[step]
                let value =
                    isSwapped ? self.result(theirs, ours, theirs) : self.result(ours, theirs, ours)
                if LogVector.isAbsent(value) { continue }
                let labels = resultLabels(member.labels, one[partner].labels)
                let place = places[labels] ?? result.count
                if place == result.count {
                    places[labels] = place
                    let blank = [Double](repeating: LogVector.absent, count: stepCount)
                    result.append(LogSeries(labels: labels, values: blank))
                }
                guard LogVector.isAbsent(result[place].values[step]) else { throw manyToOne(key) }
                result[place].values[step] = value
            }
        }
        return result
    }

    private func manyToOne(_ key: Labels) -> QueryError {
        .execution(
            message: "multiple matches for labels \(key): many-to-one matching must be explicit "
                + "(group_left/group_right)")
    }

    private func resultLabels(_ many: Labels, _ one: Labels) -> Labels {
        switch binary.cardinality {
        case .oneToOne: return signature(many)
        case .manyToOne(let included), .oneToMany(let included):
            if included.isEmpty { return many }
            var builder = LabelsBuilder(many)
            for name in included { builder.set(name, one[name] ?? "") }
            return builder.build()
        }
    }

    /// x to the y, as IEEE 754 has it.
    private func power(_ x: Double, _ y: Double) -> Double { FloatMath.power(x, y) }
}
