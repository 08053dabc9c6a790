import Model
import Server
import Synchronization

/// A store of which series of one name can not be read for a while: their node does not answer.
final class GappyStore: Querier {
    let lacking = Mutex<String?>(nil)
    private let store: RuleTestStore

    init(_ store: RuleTestStore) { self.store = store }

    func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness {
        let name = lacking.withLock { $0 }
        if let name, request.selector.matches(Labels([("__name__", name), ("alertname", "High")])) {
            return Completeness(missing: ["shard 3 has no leader"])
        }
        return try await store.selectSeries(request, sink)
    }

    func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness { try await store.selectLines(request, sink) }

    func labelSets(_ request: LabelRequest) async throws -> LabelAnswer<Labels> {
        try await store.labelSets(request)
    }

    func labelNames(_ request: LabelRequest) async throws -> LabelAnswer<String> {
        try await store.labelNames(request)
    }

    func labelValues(
        _ name: String, _ request: LabelRequest
    ) async throws -> LabelAnswer<String> { try await store.labelValues(name, request) }

    func metadata(tenant: Tenant, metric: String?) async throws -> [MetricMetadata] { [] }

    func follow(
        tenant: Tenant, onGap: @escaping @Sendable (Timestamp) -> Void,
        _ body: @escaping @Sendable (WriteBatch) -> Void
    ) -> any FollowSubscription { store.follow(tenant: tenant, onGap: onGap, body) }
}
