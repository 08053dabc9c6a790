package import Model

/// The `by (…)` or `without (…)` of an aggregation or a vector match: maps a label set to the
/// label set of its group.
package struct LabelGrouping: Hashable, Sendable {
    /// As written, for printing.
    package let names: [String]
    package let isWithout: Bool
    private let nameBytes: [[UInt8]]

    /// `without` drops the metric name too, as Prometheus does.
    package init(names: [String], isWithout: Bool) {
        self.names = names
        self.isWithout = isWithout
        nameBytes = Array(Set(names)).map { Array($0.utf8) }
            .sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// `by ()`: everything is one group.
    package static let all = LabelGrouping(names: [], isWithout: false)

    /// The labels of the group that `labels` fall in.
    package func key(of labels: Labels) -> Labels {
        if !isWithout, nameBytes.isEmpty { return .empty }
        return labels.filtered { name in
            if isWithout, name.elementsEqual("__name__".utf8) { return false }
            return nameBytes.contains { $0.elementsEqual(name) } != isWithout
        }
    }
}
