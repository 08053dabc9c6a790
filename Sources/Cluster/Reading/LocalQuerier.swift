internal import Model
internal import Storage

/// The way out of a node of one, where every shard is.
struct LocalQuerier: Querier {
    let shards: ShardTable
    let hub: FollowHub

    private var reader: LocalReader { LocalReader(shards.hosted.map(\.shard)) }

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
        try reader.selectLines(request, sink)
    }

    func labelNames(_ request: LabelRequest) async throws -> LabelAnswer<String> {
        try reader.labelNames(request)
    }

    func labelValues(
        _ name: String, _ request: LabelRequest
    ) async throws -> LabelAnswer<String> {
        try reader.labelValues(name, request)
    }

    func labelSets(_ request: LabelRequest) async throws -> LabelAnswer<Labels> {
        try reader.labelSets(request)
    }

    func metadata(tenant: Tenant, metric: String?) async throws -> [MetricMetadata] {
        reader.metadata(tenant: tenant, metric: metric)
    }

    func follow(
        tenant: Tenant, onGap: @escaping @Sendable (Timestamp) -> Void,
        _ body: @escaping @Sendable (WriteBatch) -> Void
    ) -> any FollowSubscription {
        hub.follow(tenant: tenant, onGap: onGap, body)
    }
}
