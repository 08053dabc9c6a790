package import Model

/// A querier that has nothing; what a test or bench asks for, it implements itself.
package protocol SilentQuerier: Querier {}

extension SilentQuerier {
    package func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness { Completeness() }

    package func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness { Completeness() }

    package func labelNames(_ request: LabelRequest) async throws -> LabelAnswer<String> {
        LabelAnswer([])
    }

    package func labelValues(
        _ name: String, _ request: LabelRequest
    ) async throws -> LabelAnswer<String> { LabelAnswer([]) }

    package func labelSets(_ request: LabelRequest) async throws -> LabelAnswer<Labels> {
        LabelAnswer([])
    }

    package func metadata(tenant: Tenant, metric: String?) async throws -> [MetricMetadata] { [] }

    package func follow(
        tenant: Tenant, onGap: @escaping @Sendable (Timestamp) -> Void,
        _ body: @escaping @Sendable (WriteBatch) -> Void
    ) -> any FollowSubscription { NothingFollowed() }
}

/// Nothing is ever written.
package final class NothingFollowed: FollowSubscription {
    package func ready() async {}
    package init() {}

    package func cancel() {}
}

extension SeriesRequest {
    /// Where in `nanos`, ascending, the samples of the request are.
    package func places(in nanos: [Int64]) -> Range<Int> {
        let low = nanos.firstIndex { $0 >= start.nanos } ?? nanos.count
        let high = nanos.firstIndex { $0 >= end.nanos } ?? nanos.count
        return low..<max(low, high)
    }
}
