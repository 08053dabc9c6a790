internal import Model

/// What a scrape makes of the labels that a target sends: adds those of the target, relabels, and
/// checks. Done once for each series, as `SeriesCache` remembers the outcome.
struct SeriesShaper: Sendable {
    private let target: [(name: String, value: String)]
    private let honorsLabels: Bool
    private let rules: [RelabelRule]
    private let limits: ScrapeJob.Limits

    init(_ target: ScrapeTarget, of job: ScrapeJob) {
        self.target = target.labels.pairs
        honorsLabels = job.honorsLabels
        rules = job.metricRules
        limits = job.limits
    }

    /// The labels of the store's series; empty when a rule drops it. `isSent`: whether the target
    /// names that label, be it with an empty value.
    func shaped(
        _ sent: Labels, isSent: (String) -> Bool
    ) throws(ScrapeFailure) -> Labels {
        var labels = MutableLabels(sent)
        var conflicts: [(name: String, value: String)] = []
        for (name, value) in target {
            if honorsLabels {
                if !isSent(name) { labels[name] = value }
                continue
            }
            if !labels[name].isEmpty { conflicts.append((name, labels[name])) }
            labels[name] = value
        }
        // The shortest first: a longer one may be what a shorter one becomes.
        for (name, value) in conflicts.sorted(by: { $0.name.utf8.count < $1.name.utf8.count }) {
            var free = "exported_" + name
            while !labels[free].isEmpty { free = "exported_" + free }
            labels[free] = value
        }
        guard rules.apply(to: &labels) else { return .empty }
        guard !labels["__name__"].isEmpty else {
            throw ScrapeFailure(.malformed, "relabelling leaves \(sent) without a metric's name")
        }
        let shaped = labels.labels
        try check(shaped)
        return shaped
    }

    private func check(_ labels: Labels) throws(ScrapeFailure) {
        var count = 0
        var failure: ScrapeFailure?
        labels.forEachSlice { name, value in
            count += 1
            if limits.labelNameBytesMax > 0, name.count > limits.labelNameBytesMax {
                failure = ScrapeFailure(
                    .labelNameBytes,
                    "a name of \(name.count) bytes in \(labels), label_name_length_limit is "
                        + "\(limits.labelNameBytesMax)")
            } else if limits.labelValueBytesMax > 0, value.count > limits.labelValueBytesMax {
                failure = ScrapeFailure(
                    .labelValueBytes,
                    "a value of \(value.count) bytes in \(labels), label_value_length_limit is "
                        + "\(limits.labelValueBytesMax)")
            }
            return failure == nil
        }
        if let failure { throw failure }
        if limits.labelCountMax > 0, count > limits.labelCountMax {
            throw ScrapeFailure(
                .labelCount, "\(count) labels in \(labels), label_limit is \(limits.labelCountMax)")
        }
    }
}
