import Model
import QuerySupport
import Storage

/// One shard as the query engines see it.
struct ShardQuerier: SilentQuerier {
    let shard: Shard

    func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness { try shard.selectSeries(request, sink) }
}
