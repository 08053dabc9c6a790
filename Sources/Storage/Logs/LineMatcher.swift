internal import Encoding
internal import Model

/// The line filters of a request, prepared: applies them exactly to blocks of lines.
struct LineMatcher {
    fileprivate enum Test {
        case needle(Needle)
        /// `prefilter`: bytes that every match holds.
        case expression(RegularExpression, prefilter: Needle?)
    }

    fileprivate struct Clause {
        var tests: [Test]
        var isNegated: Bool
    }

    private var clauses: [Clause]
    /// Every line that passes holds at least one text of each list; texts are not empty.
    let required: [[Needle]]

    init(_ filters: [LineFilter]) {
        clauses = filters.map { filter in
            Clause(
                tests: filter.alternatives.map { pattern in
                    switch pattern {
                    case .contains(let bytes): .needle(Needle(bytes))
                    case .containsFolded(let bytes): .needle(Needle(bytes, ignoresCase: true))
                    case .matches(let expression):
                        .expression(expression, prefilter: expression.requiredLiterals.needle)
                    }
                }, isNegated: filter.negated)
        }
        required = clauses.flatMap(\.required)
        // A text that a line must hold comes first, and of these the longest: then those that are
        // cheap, the expressions last.
        clauses = clauses.enumerated().sorted { a, b in
            let left = a.element.rank
            let right = b.element.rank
            return left != right ? left < right : a.offset < b.offset
        }.map(\.element)
    }

    /// Whether every line passes.
    var isEmpty: Bool { clauses.isEmpty }

    /// The rows of `lines`, ascending, that pass; of those for which `isWanted`, if there is one.
    func rows(of lines: LineColumns, isWanted: ((Int) -> Bool)?) -> [UInt32] {
        var rows: [UInt32]
        var left = clauses[...]
        // Whether the prefilter of the first clause has been applied.
        var isPrefiltered = false
        if let needle = left.first?.needle {
            // Looked for in the block as a whole: lines without it cost nothing each.
            rows = LineMatcher.rows(of: lines, holding: needle)
            if let isWanted { rows.removeAll { !isWanted(Int($0)) } }
            isPrefiltered = true
            if clauses[0].isDecidedByNeedle { left = left.dropFirst() }
        } else if let isWanted {
            rows = (0..<UInt32(lines.count)).filter { isWanted(Int($0)) }
        } else {
            rows = Array(0..<UInt32(lines.count))
        }
        for (index, clause) in zip(left.indices, left) where !rows.isEmpty {
            let isPrefiltered = isPrefiltered && index == 0
            rows.removeAll { row in
                let range = lines.lineRange(Int(row))
                let isMatch = clause.tests.contains {
                    $0.matches(lines.bytes, range, isPrefiltered)
                }
                return isMatch == clause.isNegated
            }
        }
        return rows
    }

    /// The rows, ascending, that hold the needle, which is not empty.
    private static func rows(of lines: LineColumns, holding needle: Needle) -> [UInt32] {
        var rows: [UInt32] = []
        var row = 0
        var at = 0
        while let hit = needle.find(in: lines.bytes, from: at, to: lines.bytes.count) {
            row = lines.row(of: hit, from: row)
            let end = Int(lines.lineEnds[row])
            if hit + needle.bytes.count <= end {
                rows.append(UInt32(row))
                at = end
            } else {
                // Across two lines.
                at = hit + 1
            }
        }
        return rows
    }
}

extension LineColumns {
    /// The row that byte `offset` belongs to; it is not before `from`. O(log distance).
    fileprivate func row(of offset: Int, from: Int) -> Int {
        if Int(lineEnds[from]) > offset { return from }
        var step = 1
        var low = from
        while low + step < lineEnds.count, Int(lineEnds[low + step]) <= offset {
            low += step
            step *= 2
        }
        // Ends behind `low` and up to `high` may be the first that is greater.
        var high = min(low + step, lineEnds.count - 1)
        low += 1
        while low < high {
            let middle = (low + high) / 2
            if Int(lineEnds[middle]) > offset { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension LineMatcher.Clause {
    /// What every line that passes holds; never empty.
    fileprivate var needle: Needle? {
        guard tests.count == 1, !isNegated else { return nil }
        switch tests[0] {
        case .needle(let needle): return needle.bytes.isEmpty ? nil : needle
        case .expression(_, let prefilter): return prefilter
        }
    }

    /// What every line that passes holds: of each list a text at least.
    fileprivate var required: [[Needle]] {
        guard !isNegated else { return [] }
        if tests.count == 1, case .expression(let expression, _) = tests[0] {
            return expression.requiredLiterals.needles
        }
        var either: [Needle] = []
        for test in tests {
            switch test {
            case .needle(let needle): either.append(needle)
            case .expression(_, let prefilter):
                guard let prefilter else { return [] }
                either.append(prefilter)
            }
        }
        return either.contains { $0.bytes.isEmpty } ? [] : [either]
    }

    /// Whether a line that holds `needle` passes.
    fileprivate var isDecidedByNeedle: Bool { isPlain }

    /// By which clauses are tried.
    fileprivate var rank: Int {
        guard let needle else { return isPlain ? 1 << 20 : 1 << 22 }
        return (isPlain ? 0 : 1 << 21) - min(needle.bytes.count, 1 << 16)
    }

    fileprivate var isPlain: Bool {
        tests.allSatisfy { if case .needle = $0 { true } else { false } }
    }
}

extension LineMatcher.Test {
    /// `isPrefiltered`: the line is known to hold the prefilter's text.
    fileprivate func matches(
        _ bytes: [UInt8], _ range: Range<Int>, _ isPrefiltered: Bool
    ) -> Bool {
        switch self {
        case .needle(let needle):
            needle.isFound(in: bytes, from: range.lowerBound, to: range.upperBound)
        case .expression(let expression, let prefilter):
            (isPrefiltered
                || prefilter?.isFound(in: bytes, from: range.lowerBound, to: range.upperBound)
                    ?? true)
                && expression.matches(in: bytes[range])
        }
    }
}

extension RequiredLiterals {
    /// What every match holds: of each list a text at least.
    fileprivate var needles: [[Needle]] {
        switch self {
        case .anything: []
        case .literal(let bytes, let ignoresCase): [[Needle(bytes, ignoresCase: ignoresCase)]]
        case .all(let parts): parts.flatMap(\.needles)
        case .either(let parts):
            // Of each what is longest.
            parts.allSatisfy { $0.needle != nil } ? [parts.compactMap(\.needle)] : []
        }
    }

    /// The longest literal that every match holds, for a scan.
    fileprivate var needle: Needle? {
        var best: Needle?
        func visit(_ node: RequiredLiterals) {
            switch node {
            case .anything, .either: return
            case .literal(let bytes, let ignoresCase):
                if bytes.count > best?.bytes.count ?? 0 {
                    best = Needle(bytes, ignoresCase: ignoresCase)
                }
            case .all(let parts): parts.forEach(visit)
            }
        }
        visit(self)
        return best
    }
}
