internal import Model
internal import Storage

/// The way out of a node of one: every shard is here. Answers name what could not be read.
struct LocalQuerier: Querier {
    let replicas: [ShardReplica]
    let hub: FollowHub

    func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness {
        var completeness = Completeness()
        for replica in replicas {
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
        for replica in replicas {
            let (found, missing) = replica.shard.logSources(request)
            sources += found
            completeness.merge(missing)
        }
        completeness.merge(try LogSearch(request, sources: sources).run(sink))
        return completeness
    }

    func labelNames(_ request: LabelRequest) async throws -> [String] {
        try union(request) { try $0.shard.labelNames($1) }
    }

    func labelValues(_ name: String, _ request: LabelRequest) async throws -> [String] {
        try union(request) { try $0.shard.labelValues(name, $1) }
    }

    func labelSets(_ request: LabelRequest) async throws -> [Labels] {
        var sets: [Labels] = []
        for replica in replicas { sets += try replica.shard.labelSets(request).0 }
        sets.sort()
        return request.limit.map { Array(sets.prefix($0)) } ?? sets
    }

    func metadata(tenant: Tenant, metric: String?) async throws -> [MetricMetadata] {
        var entries: [MetricMetadata] = []
        for replica in replicas {
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
        _ request: LabelRequest,
        _ read: (ShardReplica, LabelRequest) throws -> ([String], Completeness)
    ) throws -> [String] {
        var strings = Set<String>()
        for replica in replicas { strings.formUnion(try read(replica, request).0) }
        let sorted = strings.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return request.limit.map { Array(sorted.prefix($0)) } ?? sorted
    }
}
