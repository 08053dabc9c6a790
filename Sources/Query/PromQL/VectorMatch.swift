internal import Model

/// Matches the elements of two vectors by labels, all steps at once. Rows are paired by signature
/// once; what Prometheus forbids is still found per step: two rows of one signature may take turns
/// in time.
struct VectorMatch {
    private let cells: CellOperator
    private let matching: PromQLExpr.VectorMatching
    private let signature: LabelGrouping
    private let keepsMetricNames: Bool

    init(node: PromQLExpr.Binary, cells: CellOperator) {
        self.cells = cells
        matching = node.matching
        keepsMetricNames = node.keepsMetricNames
        signature = LabelGrouping(
            names: node.matching.labels, isWithout: !node.matching.isOn)
    }

    func rowsBySignature(_ matrix: StepMatrix) -> [Labels: [Int]] {
        var result: [Labels: [Int]] = [:]
        for row in 0..<matrix.rowCount {
            result[signature.key(of: matrix.labels[row]), default: []].append(row)
        }
        return result
    }

    // MARK: Sets

    /// `and` and `unless`.
    func intersection(
        _ left: StepMatrix, _ right: StepMatrix, keepsMatched: Bool
    ) -> StepMatrix {
        let masks = presence(right)
        var result = left
        for row in 0..<left.rowCount {
            let mask = masks[signature.key(of: left.labels[row])]
            for (step, cell) in left.cells(row).enumerated()
            where (mask?[step] ?? false) != keepsMatched {
                result.set(cell, .absent)
            }
        }
        result.dropEmptyRows()
        return result
    }

    func union(_ left: StepMatrix, _ right: StepMatrix) throws -> StepMatrix {
        let masks = presence(left)
        var result = left
        if right.hasHistograms { result.needHistograms() }
        for row in 0..<right.rowCount {
            let mask = masks[signature.key(of: right.labels[row])]
            let base = result.values.count
            result.appendBlank(right.labels[row])
            for (step, cell) in right.cells(row).enumerated()
            where !(mask?[step] ?? false) && right.isPresent(cell) {
                result.set(base + step, right.cell(cell))
            }
        }
        result.dropEmptyRows()
        return try result.merged()
    }

    /// Per signature, the steps at which any row is present.
    private func presence(_ matrix: StepMatrix) -> [Labels: [Bool]] {
        rowsBySignature(matrix).mapValues { rows in
            (0..<matrix.stepCount).map { step in
                rows.contains { matrix.isPresent($0 * matrix.stepCount + step) }
            }
        }
    }

    // MARK: Arithmetic and comparison

    func combine(_ left: StepMatrix, _ right: StepMatrix) throws -> StepMatrix {
        let manyIsLeft = matching.cardinality != .oneToMany
        let many = manyIsLeft ? left : right
        let one = manyIsLeft ? right : left
        let ones = rowsBySignature(one)
        try refuseDuplicates(ones, one, many)
        var result = PairedRows(stepCount: left.stepCount, matching: matching)
        var signatureNumbers: [Labels: Int] = [:]
        for row in 0..<many.rowCount {
            let key = signature.key(of: many.labels[row])
            guard let partners = ones[key] else { continue }
            let number = signatureNumbers[key] ?? signatureNumbers.count
            signatureNumbers[key] = number
            for partner in partners {
                let labels = resultLabels(many.labels[row], one.labels[partner])
                var pair = PairedRows.Pair(labels: labels, signature: number)
                for step in 0..<many.stepCount {
                    let a = many.cell(row * many.stepCount + step)
                    if a.isAbsent { continue }
                    let b = one.cell(partner * one.stepCount + step)
                    if b.isAbsent { continue }
                    let outcome = manyIsLeft ? cells.apply(a, b) : cells.apply(b, a)
                    if !outcome.isAbsent { try result.add(outcome, step, &pair) }
                }
            }
        }
        let fillMany = manyIsLeft ? matching.fillLeft : matching.fillRight
        let fillOne = manyIsLeft ? matching.fillRight : matching.fillLeft
        guard fillMany != nil || fillOne != nil else { return result.matrix }
        var missing = MissingMatches(self, many: many, one: one, ones: ones)
        missing.numbers = signatureNumbers
        try missing.fill(&result, many: fillMany, one: fillOne)
        result.dropEmptyRows()
        return result.matrix
    }

    func key(of labels: Labels) -> Labels { signature.key(of: labels) }

    /// The operator on a cell of the "many" side and one of the other.
    func apply(
        many: CellOperator.Cell, one: CellOperator.Cell
    ) -> CellOperator.Cell {
        matching.cardinality == .oneToMany ? cells.apply(one, many) : cells.apply(many, one)
    }

    /// On the "one" side a signature may stand once per step.
    private func refuseDuplicates(
        _ ones: [Labels: [Int]], _ one: StepMatrix, _ many: StepMatrix
    ) throws(QueryError) {
        let doubtful = ones.filter { $0.value.count > 1 }
            .sorted { $0.value[0] < $1.value[0] }
        guard !doubtful.isEmpty else { return }
        let isNeeded = (0..<many.stepCount).map { step in
            (0..<many.rowCount).contains { many.isPresent($0 * many.stepCount + step) }
        }
        for (key, rows) in doubtful {
            for step in 0..<one.stepCount where isNeeded[step] {
                let present = rows.filter { one.isPresent($0 * one.stepCount + step) }
                guard present.count > 1 else { continue }
                let side = matching.cardinality == .oneToMany ? "left" : "right"
                throw .execution(
                    message: "found duplicate series for the match group \(key) on the \(side) "
                        + "hand-side of the operation: [\(one.labels[present[1]]), "
                        + "\(one.labels[present[0]])];many-to-many matching not allowed: "
                        + "matching labels must be unique on one side")
            }
        }
    }

    func resultLabels(_ many: Labels, _ one: Labels) -> Labels {
        var labels = many
        if !keepsMetricNames, !cells.operation.keepsMetricName || cells.returnsBool {
            labels = labels.withoutMetricName
        }
        if matching.cardinality == .oneToOne {
            if matching.isOn {
                labels = labels.keeping(Set(matching.labels))
            } else {
                labels = labels.dropping(Set(matching.labels))
            }
        }
        guard !matching.include.isEmpty else { return labels }
        var builder = LabelsBuilder(labels)
        for name in matching.include { builder.set(name, one[name] ?? "") }
        return builder.build()
    }
}

/// Collects results of pairs of rows and finds collisions.
struct PairedRows {
    struct Pair {
        let labels: Labels
        let signature: Int
        /// Its row in the result, once it has one.
        var row: Int?
    }

    private(set) var matrix: StepMatrix
    private let matching: PromQLExpr.VectorMatching
    private var places: [Labels: Int] = [:]
    private var signatures: [Int] = []
    /// For one-to-one matching: steps that a signature has used, by signature.
    private var used: [Int: [Bool]] = [:]

    init(stepCount: Int, matching: PromQLExpr.VectorMatching) {
        matrix = StepMatrix(stepCount: stepCount)
        self.matching = matching
    }

    mutating func add(
        _ cell: CellOperator.Cell, _ step: Int, _ pair: inout Pair
    ) throws(QueryError) {
        let row = pair.row ?? place(of: pair)
        pair.row = row
        if matching.cardinality == .oneToOne {
            if used[pair.signature] == nil {
                used[pair.signature] = Array(repeating: false, count: matrix.stepCount)
            }
            if used[pair.signature]?[step] == true {
                throw .execution(
                    message: "multiple matches for labels: many-to-one matching must be explicit "
                        + "(group_left/group_right)")
            }
            used[pair.signature]?[step] = true
        }
        let index = row * matrix.stepCount + step
        if matrix.isPresent(index) {
            guard signatures[row] == pair.signature else { throw StepMatrix.sameLabels }
            throw .execution(
                message: "multiple matches for labels: grouping labels must ensure unique matches"
            )
        }
        matrix.set(index, cell)
        signatures[row] = pair.signature
    }

    mutating func dropEmptyRows() { matrix.dropEmptyRows() }

    private mutating func place(of pair: Pair) -> Int {
        if let known = places[pair.labels] { return known }
        let row = matrix.rowCount
        places[pair.labels] = row
        signatures.append(pair.signature)
        matrix.appendBlank(pair.labels)
        return row
    }
}
