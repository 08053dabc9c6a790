internal import Model

/// Functions that look at labels and not at values.
enum LabelFunctions {
    /// `label_replace`.
    static func replace(
        in matrix: StepMatrix, target: String, template: String, source: String,
        expression: String
    ) throws -> StepMatrix {
        guard !target.isEmpty else {
            throw QueryError.execution(
                message: "invalid destination label name in label_replace(): \(target)")
        }
        let compiled: RegularExpression
        do {
            compiled = try RegularExpression("^(?s:\(expression))$", dotMatchesNewline: true)
        } catch {
            throw QueryError.execution(
                message: "invalid regular expression in label_replace(): \(expression)")
        }
        let pieces = ReplacementTemplate(template, groupNames: compiled.groupNames)
        return try matrix.relabelled { labels in
            let value = Array((labels[source] ?? "").utf8)
            guard let groups = compiled.firstMatch(in: value[...]) else { return labels }
            var builder = LabelsBuilder(labels)
            builder.set(target, pieces.expanded(value, groups))
            return builder.build()
        }
    }

    /// `label_join`.
    static func join(
        in matrix: StepMatrix, target: String, separator: String, sources: [String]
    ) throws -> StepMatrix {
        guard !target.isEmpty else {
            throw QueryError.execution(
                message: "invalid destination label name in label_join(): \(target)")
        }
        return try matrix.relabelled { labels in
            var builder = LabelsBuilder(labels)
            let value = sources.map { labels[$0] ?? "" }.joined(separator: separator)
            builder.set(target, value)
            return builder.build()
        }
    }

    /// `sort_by_label`: natural order of the values, then by all labels.
    static func sort(
        _ matrix: StepMatrix, by names: [String], isDescending: Bool
    ) -> StepMatrix {
        let keys = matrix.labels.map { labels in names.map { Array((labels[$0] ?? "").utf8) } }
        let order = matrix.labels.indices.sorted { a, b in
            for place in names.indices where keys[a][place] != keys[b][place] {
                return NaturalOrder.isBefore(keys[a][place], keys[b][place]) != isDescending
            }
            return isDescending
                ? matrix.labels[b] < matrix.labels[a] : matrix.labels[a] < matrix.labels[b]
        }
        return matrix.selecting(order)
    }

    /// What `absent` says is missing: the equality matchers of the selector, unless a label is
    /// named twice.
    static func labelsOfAbsent(_ expr: PromQLExpr) -> Labels {
        let selector: PromQLExpr.VectorSelector
        switch expr.withoutParens {
        case .vector(let node): selector = node
        case .matrix(let node): selector = node.selector
        default: return .empty
        }
        guard selector.others.isEmpty else { return .empty }
        var builder = LabelsBuilder()
        var names: Set<String> = []
        for matcher in selector.matchers where matcher.name != "__name__" {
            // The first that says what a label is holds, unless another matcher comes behind it.
            if matcher.operation == .equal, names.insert(matcher.name).inserted {
                builder.set(matcher.name, matcher.value)
            } else {
                builder.set(matcher.name, "")
            }
        }
        return builder.build()
    }
}

/// Digits within texts compare as numbers: `web-2` before `web-10`.
enum NaturalOrder {
    static func isBefore(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        var i = 0
        var j = 0
        while i < a.count, j < b.count {
            if isDigit(a[i]), isDigit(b[j]) {
                let x = run(a, &i)
                let y = run(b, &j)
                if x.count != y.count { return x.count < y.count }
                if x != y { return x.lexicographicallyPrecedes(y) }
            } else {
                if a[i] != b[j] { return a[i] < b[j] }
                i += 1
                j += 1
            }
        }
        return a.count - i < b.count - j
    }

    /// The digits from `place` on without leading zeros.
    private static func run(_ text: [UInt8], _ place: inout Int) -> ArraySlice<UInt8> {
        let start = place
        while place < text.count, isDigit(text[place]) { place += 1 }
        return text[start..<place].drop { $0 == 0x30 }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}
