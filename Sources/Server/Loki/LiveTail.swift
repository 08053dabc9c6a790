internal import Model
internal import Platform
internal import Query
internal import Synchronization

/// Lines that a query keeps as they come in, queued for one reader, which is cut off when it is too slow
/// or when lines came in that it can not be given.
struct LiveTail: Sendable {
    enum Item: Sendable {
        case lines(LogEntryBatch)
        /// Nothing has come for a while.
        case heartbeat
    }

    /// A sign of life this often tells a quiet connection from a dead one.
    private static let heartbeatNanos: Int64 = 10_000_000_000
    /// Batches that a reader may be behind.
    private static let backlogMax = 4_096

    let items: AsyncStream<Item>
    private let subscription: any FollowSubscription
    private let heartbeat: any Cancellable
    private let gap: Gap

    /// From `ready` on nothing is missed that `gapNanos` does not tell. `close` it. Throws for a query that is
    /// not about lines.
    init(
        _ query: LogQLQuery, tenant: Tenant, of querier: any Querier, timers: any Timers
    ) throws(QueryError) {
        let follower = SharedFollower(try LogFollower(query))
        let gap = Gap()
        let (items, outbox) = AsyncStream.makeStream(
            of: Item.self, bufferingPolicy: .bufferingOldest(Self.backlogMax))
        let offer: @Sendable (Item) -> Void = { item in
            if case .dropped = outbox.yield(item) { outbox.finish() }
        }
        self.items = items
        self.gap = gap
        subscription = querier.follow(
            tenant: tenant,
            onGap: { since in
                // What waits is still sent; whoever comes again reads what lacks.
                gap.set(since)
                outbox.finish()
            }
        ) { batch in
            let entries = follower.process(batch)
            if entries.lines.count > 0 { offer(.lines(entries)) }
        }
        heartbeat = timers.every(
            Self.heartbeatNanos, aligned: false, name: "tail-heartbeat"
        ) { _ in offer(.heartbeat) }
    }

    func ready() async { await subscription.ready() }

    func close() {
        subscription.cancel()
        heartbeat.cancel()
    }

    /// When the items have ended: since when lines came in that are not among them, ns; nil when the
    /// reader was too slow.
    var gapNanos: Int64? { gap.since?.nanos }
}

/// Since when lines came in that a follower is not given; the earliest that was said.
private final class Gap: Sendable {
    private let earliest = Mutex<Timestamp?>(nil)

    var since: Timestamp? { earliest.withLock { $0 } }

    func set(_ since: Timestamp) {
        earliest.withLock { $0 = min($0 ?? since, since) }
    }
}

/// A follower that the tasks which apply batches share.
private final class SharedFollower: Sendable {
    private let follower: Mutex<LogFollower>

    init(_ follower: LogFollower) { self.follower = Mutex(follower) }

    func process(_ batch: WriteBatch) -> LogEntryBatch {
        follower.withLock { $0.process(batch) }
    }
}
