package import Model
internal import Synchronization

/// Reading metrics. All calls may come from any thread; what can not be read is named in the
/// `Completeness`, and everything else is answered.
extension Shard {
    /// The samples of every selected series in [start, end), each series once, in batches of up
    /// to 64 in the order of labels. Throws `QueryLimitError` and what `sink` throws.
    package func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) throws -> Completeness {
        let view = view(
            tenant: request.tenant, selector: request.selector, start: request.start,
            end: request.end)
        var reader = SeriesReader(view, request)
        try reader.run(sink)
        return reader.completeness
    }

    /// Label sets of series with samples in segments and memtables that touch the range,
    /// ascending, within the request's limit.
    package func labelSets(_ request: LabelRequest) throws -> LabelAnswer<Labels> {
        let (series, completeness) = try series(request)
        let sets = series.map(\.labels)
        return LabelAnswer(request.limit.map { Array(sets.prefix($0)) } ?? sets, completeness)
    }

    /// Names of the labels of the selected series, ascending by bytes.
    package func labelNames(_ request: LabelRequest) throws -> LabelAnswer<String> {
        try gather(
            request,
            fromLabels: { labels, names in
                labels.forEachSlice { name, _ in
                    names.insert(String(decoding: name, as: UTF8.self))
                    return true
                }
            },
            fromIndex: { index throws(StorageError) in
                try index.labelNames(tenant: request.tenant, selector: request.selector)
            })
    }

    /// Values of label `name` of the selected series, ascending by bytes.
    package func labelValues(
        _ name: String, _ request: LabelRequest
    ) throws -> LabelAnswer<String> {
        try gather(
            request,
            fromLabels: { labels, values in
                if let value = labels[name] { values.insert(value) }
            },
            fromIndex: { index throws(StorageError) in
                try index.labelValues(name, tenant: request.tenant, selector: request.selector)
            })
    }

    /// What is known of the tenant's metrics, by name; of one metric when it is named.
    package func metadata(tenant: Tenant, metric: String?) -> [MetricMetadata] {
        let known = state.withLock { $0.metrics.metadata[tenant] ?? [:] }
        if let metric { return known[metric].map { [$0] } ?? [] }
        return known.keys.sorted().compactMap { known[$0] }
    }

    /// The labels of series or streams that the shard knows now; nil for those it does not, or
    /// that are another tenant's.
    package func labels(of ids: [SeriesID], tenant: Tenant, signal: SignalKind) -> [Labels?] {
        state.withLock { state in
            let catalog = signal == .metrics ? state.metrics.catalog : state.logs.catalog
            return ids.map { id in
                guard let slot = catalog.slot(of: id), catalog.tenant(of: slot) == tenant else {
                    return nil
                }
                return catalog.labels(of: slot)
            }
        }
    }

    private func series(
        _ request: LabelRequest
    ) throws -> ([IndexedSeries], Completeness) {
        guard request.signal == .metrics else { return try streams(request) }
        let view = view(
            tenant: request.tenant, selector: request.selector, start: request.start,
            end: request.end)
        var reader = SeriesReader(
            view,
            SeriesRequest(
                tenant: request.tenant, selector: request.selector, start: request.start,
                end: request.end, budget: request.budget))
        let series = try reader.series()
        try request.budget.charge(series: series.count)
        return (series, reader.completeness)
    }

    /// Strings from the memtables' labels and from the segments' indexes.
    private func gather(
        _ request: LabelRequest, fromLabels: (Labels, inout Set<String>) -> Void,
        fromIndex: (SegmentIndex) throws(StorageError) -> [String]
    ) throws -> LabelAnswer<String> {
        let view =
            request.signal == .metrics
            ? view(
                tenant: request.tenant, selector: request.selector, start: request.start,
                end: request.end)
            : logView(request)
        var strings = Set<String>()
        var completeness = Completeness()
        for part in view.memory.joined() { fromLabels(part.series.labels, &strings) }
        for stream in view.streams { fromLabels(stream.labels, &strings) }
        for segment in view.segments {
            try request.budget.check()
            do throws(StorageError) {
                strings.formUnion(try fromIndex(try segment.index()))
            } catch {
                segment.suspect()
                completeness.note(error)
            }
        }
        let sorted = strings.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return LabelAnswer(
            request.limit.map { Array(sorted.prefix($0)) } ?? sorted, completeness)
    }
}
