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
        // Plain text first: it is cheapest and leaves fewer lines to the expressions.
        clauses = clauses.filter(\.isPlain) + clauses.filter { !$0.isPlain }
    }

    /// Removes from `rows` (ascending rows of `lines`) those that a filter refuses.
    func filter(_ rows: inout [UInt32], of lines: LineColumns) {
        for clause in clauses where !rows.isEmpty {
            if clause.tests.count == 1, !clause.isNegated {
                switch clause.tests[0] {
                case .needle(let needle): keep(&rows, of: lines, holding: needle)
                case .expression(let expression, let prefilter):
                    if let prefilter { keep(&rows, of: lines, holding: prefilter) }
                    rows.removeAll { row in
                        !expression.matches(in: lines.bytes[lines.lineRange(Int(row))])
                    }
                }
                continue
            }
            rows.removeAll { row in
                let range = lines.lineRange(Int(row))
                let isMatch = clause.tests.contains { $0.matches(lines.bytes, range) }
                return isMatch == clause.isNegated
            }
        }
    }

    /// Looks for the needle in the block as a whole: lines without it cost nothing each.
    private func keep(_ rows: inout [UInt32], of lines: LineColumns, holding needle: Needle) {
        guard !needle.bytes.isEmpty, let last = rows.last else { return }
        let end = Int(lines.lineEnds[Int(last)])
        var kept = 0
        var next = 0
        var at = 0
        while next < rows.count {
            at = max(at, lines.lineRange(Int(rows[next])).lowerBound)
            guard let hit = needle.find(in: lines.bytes, from: at, to: end) else { break }
            // The first row that ends behind the hit; rows in between have none.
            while next < rows.count, Int(lines.lineEnds[Int(rows[next])]) <= hit { next += 1 }
            guard next < rows.count else { break }
            let range = lines.lineRange(Int(rows[next]))
            if hit >= range.lowerBound, hit + needle.bytes.count <= range.upperBound {
                rows[kept] = rows[next]
                kept += 1
                next += 1
                at = range.upperBound
            } else {
                // In a line that is not asked for, or across two lines.
                at = hit + 1
            }
        }
        rows.removeLast(rows.count - kept)
    }
}

extension LineMatcher.Clause {
    fileprivate var isPlain: Bool {
        tests.allSatisfy { if case .needle = $0 { true } else { false } }
    }
}

extension LineMatcher.Test {
    fileprivate func matches(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        switch self {
        case .needle(let needle):
            needle.isFound(in: bytes, from: range.lowerBound, to: range.upperBound)
        case .expression(let expression, let prefilter):
            (prefilter?.isFound(in: bytes, from: range.lowerBound, to: range.upperBound) ?? true)
                && expression.matches(in: bytes[range])
        }
    }
}

extension RequiredLiterals {
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
