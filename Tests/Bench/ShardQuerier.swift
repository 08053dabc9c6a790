import Model
import Storage

/// One shard as the query engines see it.
struct ShardQuerier: Querier {
    let shard: Shard

    func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness { try shard.selectSeries(request, sink) }

    func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness { Completeness() }

    func labelNames(_ request: LabelRequest) async throws -> [String] { [] }
    func labelValues(_ name: String, _ request: LabelRequest) async throws -> [String] { [] }
    func labelSets(_ request: LabelRequest) async throws -> [Labels] { [] }
    func metadata(tenant: Tenant, metric: String?) async throws -> [MetricMetadata] { [] }

    func follow(
        tenant: Tenant, _ body: @escaping @Sendable (WriteBatch) -> Void
    ) -> any FollowSubscription { NoSubscription() }
}
