internal import Model
internal import Storage

/// Reads shards that are here, as they are now, on the caller's thread. Answers name what could not
/// be read.
struct LocalReader {
    /// By number.
    private let shards: [Shard]

    init(_ shards: [Shard]) { self.shards = shards }

    func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) throws -> Completeness {
        var completeness = Completeness()
        for shard in shards {
            completeness.merge(try shard.selectSeries(request, sink))
        }
        return completeness
    }

    /// One search over the sources of all shards: order and limit hold for all together.
    func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) throws -> Completeness {
        var completeness = Completeness()
        var sources: [LogSource] = []
        for shard in shards {
            let (found, missing) = shard.logSources(request)
            sources += found
            completeness.merge(missing)
        }
        completeness.merge(try LogSearch(request, sources: sources).run(sink))
        return completeness
    }

    func labelNames(_ request: LabelRequest) throws -> LabelAnswer<String> {
        try union { try $0.labelNames(request) }.arranged(request.limit)
    }

    func labelValues(
        _ name: String, _ request: LabelRequest
    ) throws -> LabelAnswer<String> {
        try union { try $0.labelValues(name, request) }.arranged(request.limit)
    }

    func labelSets(_ request: LabelRequest) throws -> LabelAnswer<Labels> {
        // A series is in one shard.
        try union { try $0.labelSets(request) }.arranged(request.limit)
    }

    func metadata(tenant: Tenant, metric: String?) -> [MetricMetadata] {
        shards.flatMap { $0.metadata(tenant: tenant, metric: metric) }.inOrder
    }

    private func union<Value>(
        _ read: (Shard) throws -> LabelAnswer<Value>
    ) throws -> LabelAnswer<Value> {
        var answer = LabelAnswer<Value>([])
        for shard in shards {
            let part = try read(shard)
            answer.values += part.values
            answer.completeness.merge(part.completeness)
        }
        return answer
    }
}

extension LabelAnswer<String> {
    /// Each once, ascending by bytes, within the limit.
    func arranged(_ limit: Int?) -> LabelAnswer<String> {
        let sorted = Set(values).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return LabelAnswer(limit.map { Array(sorted.prefix($0)) } ?? sorted, completeness)
    }
}

extension LabelAnswer<Labels> {
    /// Ascending, within the limit.
    func arranged(_ limit: Int?) -> LabelAnswer<Labels> {
        let sorted = values.sorted()
        return LabelAnswer(limit.map { Array(sorted.prefix($0)) } ?? sorted, completeness)
    }
}

extension [MetricMetadata] {
    /// By name.
    var inOrder: [MetricMetadata] {
        sorted { $0.metric.utf8.lexicographicallyPrecedes($1.metric.utf8) }
    }
}
