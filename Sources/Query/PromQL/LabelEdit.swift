internal import Model

/// Functions of MetricsQL that change labels or select by them. The strings behind the vector are
/// names, or pairs.
enum LabelEdit: String, Sendable, Hashable, CaseIterable {
    case set = "label_set"
    case delete = "label_del"
    case keep = "label_keep"
    case copy = "label_copy"
    case move = "label_move"
    case map = "label_map"
    case match = "label_match"
    case mismatch = "label_mismatch"
    case lowercase = "label_lowercase"
    case uppercase = "label_uppercase"
    case transform = "label_transform"
    case equal = "labels_equal"
    case alias

    /// How many strings it takes at least, and whether more may follow.
    var stringCount: (minimum: Int, isVariadic: Bool) {
        switch self {
        case .set, .copy, .move: (2, true)
        case .delete, .keep, .lowercase, .uppercase: (1, true)
        case .map: (3, true)
        case .equal: (2, true)
        case .match, .mismatch: (2, false)
        case .transform: (3, false)
        case .alias: (1, false)
        }
    }

    /// Whether `count` strings can be read in its way.
    func allows(_ count: Int) -> Bool {
        switch self {
        case .set, .copy, .move: count % 2 == 0
        case .map: count % 2 == 1
        default: true
        }
    }

    /// Errors: `execution` for a regular expression that is none, or series that become equal.
    func apply(to matrix: StepMatrix, _ strings: [String]) throws -> StepMatrix {
        switch self {
        case .match, .mismatch:
            let matcher: Matcher
            do { matcher = try Matcher(strings[0], .matches, strings[1]) } catch {
                throw QueryError.execution(
                    message: "invalid regular expression in \(rawValue)(): \(strings[1])")
            }
            return matrix.selecting(
                matrix.labels.indices.filter {
                    matcher.matches(matrix.labels[$0]) == (self == .match)
                })
        case .equal:
            return matrix.selecting(
                matrix.labels.indices.filter { row in
                    let first = matrix.labels[row][strings[0]] ?? ""
                    return strings.allSatisfy { (matrix.labels[row][$0] ?? "") == first }
                })
        case .keep: return try matrix.relabelled { $0.keeping(Set(strings)) }
        case .delete: return try matrix.relabelled { $0.dropping(Set(strings)) }
        case .transform: return try transformed(matrix, strings)
        default:
            return try matrix.relabelled { labels in
                var builder = LabelsBuilder(labels)
                edit(&builder, labels, strings)
                return builder.build()
            }
        }
    }

    private func edit(_ builder: inout LabelsBuilder, _ labels: Labels, _ strings: [String]) {
        switch self {
        case .alias: builder.set("__name__", strings[0])
        case .set:
            for place in stride(from: 0, to: strings.count - 1, by: 2) {
                builder.set(strings[place], strings[place + 1])
            }
        case .copy, .move:
            for place in stride(from: 0, to: strings.count - 1, by: 2) {
                guard let value = labels[strings[place]] else { continue }
                if self == .move { builder.set(strings[place], "") }
                builder.set(strings[place + 1], value)
            }
        case .map:
            let value = labels[strings[0]] ?? ""
            for place in stride(from: 1, to: strings.count - 1, by: 2)
            where strings[place] == value {
                builder.set(strings[0], strings[place + 1])
            }
        default:
            for name in strings {
                guard let value = labels[name] else { continue }
                builder.set(name, self == .lowercase ? value.lowercased() : value.uppercased())
            }
        }
    }

    /// Every match within the value is replaced.
    private func transformed(_ matrix: StepMatrix, _ strings: [String]) throws -> StepMatrix {
        let compiled: RegularExpression
        do { compiled = try RegularExpression(strings[1], dotMatchesNewline: true) } catch {
            throw QueryError.execution(
                message: "invalid regular expression in \(rawValue)(): \(strings[1])")
        }
        let template = ReplacementTemplate(strings[2], groupNames: compiled.groupNames)
        return try matrix.relabelled { labels in
            let value = Array((labels[strings[0]] ?? "").utf8)
            var rest = value[...]
            var result = ""
            while let groups = compiled.firstMatch(in: rest), let whole = groups[0],
                !whole.isEmpty
            {
                result += String(decoding: rest[..<whole.lowerBound], as: UTF8.self)
                result += template.expanded(value, groups)
                rest = rest[whole.upperBound...]
            }
            var builder = LabelsBuilder(labels)
            builder.set(strings[0], result + String(decoding: rest, as: UTF8.self))
            return builder.build()
        }
    }
}

/// What other functions of MetricsQL do with whole vectors.
enum VectorEdit {
    /// All rows of all vectors; of rows with the same labels the first counts.
    static func union(_ parts: [StepMatrix]) -> StepMatrix {
        var result = StepMatrix(stepCount: parts[0].stepCount)
        var seen: Set<Labels> = []
        for part in parts {
            for row in 0..<part.rowCount where seen.insert(part.labels[row]).inserted {
                let cells = part.cells(row)
                result.append(
                    part.labels[row], Array(part.values[cells]),
                    part.hasHistograms ? Array(part.histograms[cells]) : [])
            }
        }
        return result
    }

    /// Up to `count` rows behind the first `offset`, by labels.
    static func limit(_ matrix: StepMatrix, count: Double, offset: Double) -> StepMatrix {
        let rows = matrix.sortedByLabels()
        let low = FloatMath.count(offset, atMost: rows.rowCount)
        let size = FloatMath.count(count, atMost: rows.rowCount - low)
        return rows.selecting(Array(low..<low + size))
    }

    /// Without labels that all rows share.
    static func droppingCommonLabels(_ matrix: StepMatrix) throws -> StepMatrix {
        guard let first = matrix.labels.first else { return matrix }
        let common = first.pairs.filter { pair in
            matrix.labels.allSatisfy { $0[pair.name] == pair.value }
        }
        return try matrix.relabelled { $0.dropping(Set(common.map(\.name))) }
    }

    /// The name's words between dots at these places, counted from 0.
    static func graphiteGroup(_ matrix: StepMatrix, _ places: [Int]) throws -> StepMatrix {
        try matrix.relabelled { labels in
            let words = labels.metricName.split(
                separator: ".", omittingEmptySubsequences: false)
            let kept = places.map { words.indices.contains($0) ? String(words[$0]) : "" }
            var builder = LabelsBuilder(labels)
            builder.set("__name__", kept.joined(separator: "."))
            return builder.build()
        }
    }

    /// Rows whose label is a number get it as their value.
    static func labelValue(_ matrix: StepMatrix, _ name: String) throws -> StepMatrix {
        var result = matrix
        result.histograms = []
        for row in 0..<matrix.rowCount {
            let value = Double(matrix.labels[row][name] ?? "") ?? StepMatrix.absent
            for cell in matrix.cells(row) {
                result.values[cell] = matrix.isPresent(cell) ? value : StepMatrix.absent
            }
        }
        result.dropEmptyRows()
        return result
    }
}
