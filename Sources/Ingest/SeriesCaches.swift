internal import Synchronization

/// A few `SeriesCache`s for requests that run at once. A request takes the first that is free, so
/// one sender after the other always meets the same, warm one; memory is bounded by all together.
package final class SeriesCaches: Sendable {
    private final class Slot: Sendable {
        let cache: Mutex<SeriesCache>

        init(_ cache: SeriesCache) { self.cache = Mutex(cache) }
    }

    private let slots: [Slot]

    /// `seed`: random per process. `seriesCountMax`: of each cache.
    package init(seed: UInt64, count: Int = 4, seriesCountMax: Int = 262_144) {
        precondition(count > 0)
        slots = (0..<count).map { _ in
            Slot(SeriesCache(seed: seed, seriesCountMax: seriesCountMax))
        }
    }

    /// Runs `body` with a cache of its own; waits when all are in use.
    package func withCache<Result: Sendable>(
        _ body: (inout SeriesCache) throws(IngestError) -> Result
    ) throws(IngestError) -> Result {
        for slot in slots {
            let result = try slot.cache.withLockIfAvailable {
                (cache: inout SeriesCache) throws(IngestError) -> Result in
                try body(&cache)
            }
            if let result { return result }
        }
        return try slots[0].cache.withLock {
            (cache: inout SeriesCache) throws(IngestError) -> Result in
            try body(&cache)
        }
    }
}
