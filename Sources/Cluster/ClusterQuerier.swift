internal import Model
internal import Raft

/// The way out of a cluster's node: shards with a replica here are read here, when that is fresh.
struct ClusterQuerier: Querier {
    let shards: ShardTable
    let hub: FollowHub
    let barrier: ReadBarrier
    let leaders: LeaderTable

    func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness {
        var missing = await freshen()
        missing.merge(try await local.selectSeries(request, sink))
        return missing
    }

    func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness {
        var missing = await freshen()
        missing.merge(try await local.selectLines(request, sink))
        return missing
    }

    func labelNames(_ request: LabelRequest) async throws -> LabelAnswer<String> {
        let missing = await freshen()
        var answer = try await local.labelNames(request)
        answer.completeness.merge(missing)
        return answer
    }

    func labelValues(
        _ name: String, _ request: LabelRequest
    ) async throws -> LabelAnswer<String> {
        let missing = await freshen()
        var answer = try await local.labelValues(name, request)
        answer.completeness.merge(missing)
        return answer
    }

    func labelSets(_ request: LabelRequest) async throws -> LabelAnswer<Labels> {
        let missing = await freshen()
        var answer = try await local.labelSets(request)
        answer.completeness.merge(missing)
        return answer
    }

    func metadata(tenant: Tenant, metric: String?) async throws -> [MetricMetadata] {
        try await local.metadata(tenant: tenant, metric: metric)
    }

    func follow(
        tenant: Tenant, _ body: @escaping @Sendable (WriteBatch) -> Void
    ) -> any FollowSubscription {
        hub.follow(tenant: tenant, body)
    }

    private var local: LocalQuerier { LocalQuerier(shards: shards, hub: hub) }

    /// Waits until every replica here has what was acknowledged before now; what is not so is
    /// named.
    private func freshen() async -> Completeness {
        await withTaskGroup(of: (Int, String?).self) { group in
            for replica in shards.hosted {
                group.addTask {
                    let trouble = await withCheckedContinuation { continuation in
                        barrier.whenFresh(replica.group) { continuation.resume(returning: $0) }
                    }
                    return (replica.number, trouble)
                }
            }
            var troubles: [(Int, String)] = []
            for await (shard, trouble) in group {
                if let trouble { troubles.append((shard, trouble)) }
            }
            return Completeness(
                missing: troubles.sorted { $0.0 < $1.0 }.map { "shard \($0.0): \($0.1)" })
        }
    }
}
