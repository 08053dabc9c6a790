/// One metric with all its label sets at one moment, as the text exposition format wants it.
package struct MetricFamilySample: Sendable {
    /// The word after `# TYPE`.
    package enum Kind: String, Hashable, Sendable { case counter, gauge, histogram }

    /// One line of the exposition.
    package struct Sample: Hashable, Sendable {
        /// What follows the family's name: empty, `_bucket`, `_sum` or `_count`.
        package let suffix: String
        package let labels: [MetricLabel]
        package let value: Double

        package init(suffix: String, labels: [MetricLabel], value: Double) {
            self.suffix = suffix
            self.labels = labels
            self.value = value
        }
    }

    package let name: String
    package let help: String
    package let kind: Kind
    package let samples: [Sample]

    package init(name: String, help: String, kind: Kind, samples: [Sample]) {
        self.name = name
        self.help = help
        self.kind = kind
        self.samples = samples
    }
}

/// A label of a figure of this process.
package struct MetricLabel: Hashable, Comparable, Sendable {
    package let name: String
    package let value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    init(_ pair: (String, String)) { self.init(name: pair.0, value: pair.1) }

    package static func < (a: MetricLabel, b: MetricLabel) -> Bool {
        a.name != b.name
            ? a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
            : a.value.utf8.lexicographicallyPrecedes(b.value.utf8)
    }
}
