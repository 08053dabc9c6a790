internal import Model
internal import Platform

/// Sends another node the lines of some shards here as they are applied, until it wants no more. A
/// replica that is behind is not among them: what is sent was not yet to be read before.
/// Runs on a thread that may wait; what waits for it is bounded.
struct FollowStream {
    private struct Queue {
        var entries: [FollowedEntry] = []
        var byteCount = 0
        var isTooSlow = false
        /// Since when lines came into a replica here another way.
        var gap: Timestamp?
    }

    /// How often it looks whether it is still wanted.
    private static let checkNanos: Int64 = 200_000_000

    private let question: PeerQuestion
    private let asked: ReadQuestion
    private let unread: [UnreadShard]
    private let queue = Monitor(Queue())

    init(_ question: PeerQuestion, _ asked: ReadQuestion, unread: [UnreadShard]) {
        self.question = question
        self.asked = asked
        self.unread = unread
    }

    func run(_ hub: FollowHub) throws {
        let shards = Set(asked.shards).subtracting(unread.map(\.shard))
        let subscription = hub.stream(
            tenant: asked.tenant, shards: shards,
            onGap: { [queue] since in queue.update { $0.gap = min($0.gap ?? since, since) } }
        ) { [queue] entry in
            queue.update { queue in
                queue.byteCount += entry.batch.lines.bytes.count
                queue.entries.append(entry)
                guard queue.byteCount > ReadLimits.followBytesMax else { return }
                queue = Queue(isTooSlow: true)
            }
        }
        defer { subscription.cancel() }
        // Says that what is applied from now on will come.
        var isWanted = question.part([ReadPart.opening(unread)])
        while isWanted, !question.isCancelled {
            let taken = queue.wait(upToNanos: FollowStream.checkNanos) { queue -> Queue? in
                guard !queue.entries.isEmpty || queue.isTooSlow || queue.gap != nil else {
                    return nil
                }
                defer { queue = Queue() }
                return queue
            }
            guard let taken else { continue }
            if taken.isTooSlow {
                throw ReadRefusal.failed("lines come faster than they are taken")
            }
            for entry in taken.entries where isWanted {
                isWanted = question.part([ReadPart.entry(entry)])
            }
            if let gap = taken.gap, isWanted { throw ReadRefusal.gap(sinceNanos: gap.nanos) }
        }
        throw ReadRefusal.cancelled
    }
}
