/// The door in: takes batches from listeners and HTTP handlers. Cluster implements it.
package protocol Appender: Sendable {
    /// Returns when the batch is durable and visible to queries. Splits it by shard itself; a
    /// batch may be applied in part when a limit refuses some of its series: the receipt says so.
    /// May be called from any task; bounded memory: throws `overloaded` instead of queueing on.
    func append(_ batch: WriteBatch) async throws(AppendError) -> AppendReceipt
}

/// What became of a batch that was accepted.
package struct AppendReceipt: Sendable, Equatable {
    /// Items that a limit refused; everything else is durable.
    package var rejections: [Rejection] = []

    package struct Rejection: Sendable, Equatable {
        /// The limit's name as in the configuration, or `fingerprint_collision`.
        package var reason: String
        /// Samples or lines refused.
        package var itemCount: Int
        /// One of them, for a person.
        package var example: String

        package init(reason: String, itemCount: Int, example: String) {
            self.reason = reason
            self.itemCount = itemCount
            self.example = example
        }
    }

    package init(rejections: [Rejection] = []) { self.rejections = rejections }
}

/// Why nothing of a batch was accepted.
package enum AppendError: Error, Sendable, Hashable {
    /// Too much is in flight. HTTP answers 429 with Retry-After.
    case overloaded(retryAfterSeconds: Int)
    /// The disk has no room for writes; reads go on. HTTP answers 503.
    case diskFull(detail: String)
    /// The node is stopping or has been stopped by a disk error. HTTP answers 503.
    case unavailable(detail: String)
    /// The batch passes a size limit. HTTP answers 413.
    case tooLarge(limit: String, bytes: Int, bytesMax: Int)
}
