internal import Model
internal import Storage

/// The way out over the replicas that are here; of a node of one that is all. Answers name what
/// could not be read.
struct LocalQuerier: Querier {
    let shards: ShardTable
    let hub: FollowHub

    func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness {
        var completeness = Completeness()
        for replica in shards.hosted {
            completeness.merge(try replica.shard.selectSeries(request, sink))
            await Task.yield()
        }
        return completeness
    }

    func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness {
        // One search over the sources of all shards: order and limit hold for all together.
        var completeness = Completeness()
        var sources: [LogSource] = []
        for replica in shards.hosted {
            let (found, missing) = replica.shard.logSources(request)
            sources += found
            completeness.merge(missing)
        }
        completeness.merge(try LogSearch(request, sources: sources).run(sink))
        return completeness
    }

    func labelNames(_ request: LabelRequest) async throws -> LabelAnswer<String> {
        try union(request) { try $0.labelNames(request) }
    }

    func labelValues(
        _ name: String, _ request: LabelRequest
    ) async throws -> LabelAnswer<String> {
        try union(request) { try $0.labelValues(name, request) }
    }

    func labelSets(_ request: LabelRequest) async throws -> LabelAnswer<Labels> {
        // A series is in one shard.
        var answer = LabelAnswer<Labels>([])
        for replica in shards.hosted {
            let part = try replica.shard.labelSets(request)
            answer.values += part.values
            answer.completeness.merge(part.completeness)
        }
        answer.values.sort()
        if let limit = request.limit { answer.values = Array(answer.values.prefix(limit)) }
        return answer
    }

    func metadata(tenant: Tenant, metric: String?) async throws -> [MetricMetadata] {
        var entries: [MetricMetadata] = []
        for replica in shards.hosted {
            entries += replica.shard.metadata(tenant: tenant, metric: metric)
        }
        return entries.sorted { $0.metric.utf8.lexicographicallyPrecedes($1.metric.utf8) }
    }

    func follow(
        tenant: Tenant, _ body: @escaping @Sendable (WriteBatch) -> Void
    ) -> any FollowSubscription {
        hub.follow(tenant: tenant, body)
    }

    private func union(
        _ request: LabelRequest, _ read: (Shard) throws -> LabelAnswer<String>
    ) throws -> LabelAnswer<String> {
        var strings = Set<String>()
        var completeness = Completeness()
        for replica in shards.hosted {
            let part = try read(replica.shard)
            strings.formUnion(part.values)
            completeness.merge(part.completeness)
        }
        let sorted = strings.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return LabelAnswer(
            request.limit.map { Array(sorted.prefix($0)) } ?? sorted, completeness)
    }
}
