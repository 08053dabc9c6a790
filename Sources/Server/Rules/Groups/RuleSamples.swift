internal import Model
internal import Query

/// What one evaluation of a rule gives: series with one value each, all of one moment.
struct RuleSamples: Sendable {
    private(set) var series: [(labels: Labels, value: SampleValue)] = []

    var labels: Set<Labels> { Set(series.map(\.labels)) }

    mutating func append(_ labels: Labels, _ value: SampleValue) { series.append((labels, value)) }

    /// The samples of a recording rule: under its name, with its labels. Throws when two series
    /// become one, and when there are more than `limit` (0: any number).
    init(
        recording samples: [VectorSample], as rule: RuleDefinition, limit: Int
    ) throws(RuleProblem) {
        var known: Set<Labels> = []
        for sample in samples {
            var builder = LabelsBuilder(sample.labels)
            builder.set("__name__", rule.name)
            for label in rule.labels { builder.set(label.name, label.value) }
            let labels = builder.build()
            guard known.insert(labels).inserted else {
                throw .failed(
                    "vector contains metrics with the same labelset after applying rule labels: "
                        + "\(labels)")
            }
            append(labels, sample.value)
        }
        guard limit == 0 || series.count <= limit else {
            throw .failed("exceeded limit of \(limit) with \(series.count) series")
        }
    }

    init() {}

    /// With stale markers for `ended`, as one batch at `time`.
    func batch(ended: [Labels], at time: Timestamp, tenant: Tenant) -> WriteBatch {
        var batch = WriteBatch(tenant: tenant)
        // The API speaks milliseconds: so does what is written.
        let nanos = Timestamp(millis: time.millis).nanos
        for (labels, value) in series {
            let index = UInt32(batch.series.count)
            batch.series.append(SeriesReference(tenant: tenant, labels: labels))
            switch value {
            case .float(let number):
                batch.samples.append(seriesIndex: index, timestamp: nanos, value: number)
            case .histogram(let histogram):
                batch.histograms.append(
                    HistogramSample(seriesIndex: index, timestamp: nanos, histogram: histogram))
            }
        }
        for labels in ended {
            let index = UInt32(batch.series.count)
            batch.series.append(SeriesReference(tenant: tenant, labels: labels))
            batch.samples.append(seriesIndex: index, timestamp: nanos, value: .staleMarker)
        }
        return batch
    }
}
