internal import Model

/// `fill`, `fill_left` and `fill_right`: elements of either side that found nobody are matched
/// with a number that has the labels of their match group.
struct MissingMatches {
    private let match: VectorMatch
    private let many: StepMatrix
    private let one: StepMatrix
    /// Rows of the "one" side by signature.
    private let ones: [Labels: [Int]]
    /// Numbers that signatures have already.
    var numbers: [Labels: Int] = [:]

    init(_ match: VectorMatch, many: StepMatrix, one: StepMatrix, ones: [Labels: [Int]]) {
        self.match = match
        self.many = many
        self.one = one
        self.ones = ones
    }

    /// Adds the pairs. Nil: that side is not filled.
    mutating func fill(
        _ result: inout PairedRows, many fillMany: Double?, one fillOne: Double?
    ) throws {
        if let fillOne {
            for row in 0..<many.rowCount {
                let key = match.key(of: many.labels[row])
                let partners = ones[key] ?? []
                var pair = pair(match.resultLabels(many.labels[row], key), key)
                for (step, cell) in many.cells(row).enumerated() where many.isPresent(cell) {
                    guard !isPresent(one, partners, step) else { continue }
                    let outcome = match.apply(
                        many: many.cell(cell), one: .init(value: fillOne, box: nil))
                    if !outcome.isAbsent { try result.add(outcome, step, &pair) }
                }
            }
        }
        guard let fillMany else { return }
        let manys = match.rowsBySignature(many)
        for row in 0..<one.rowCount {
            let key = match.key(of: one.labels[row])
            let partners = manys[key] ?? []
            var pair = pair(match.resultLabels(key, one.labels[row]), key)
            for (step, cell) in one.cells(row).enumerated() where one.isPresent(cell) {
                guard !isPresent(many, partners, step) else { continue }
                let outcome = match.apply(
                    many: .init(value: fillMany, box: nil), one: one.cell(cell))
                if !outcome.isAbsent { try result.add(outcome, step, &pair) }
            }
        }
    }

    private mutating func pair(_ labels: Labels, _ key: Labels) -> PairedRows.Pair {
        let number = numbers[key] ?? numbers.count
        numbers[key] = number
        return PairedRows.Pair(labels: labels, signature: number)
    }

    private func isPresent(_ matrix: StepMatrix, _ rows: [Int], _ step: Int) -> Bool {
        rows.contains { matrix.isPresent($0 * matrix.stepCount + step) }
    }
}
