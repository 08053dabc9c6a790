internal import Model
internal import Synchronization

/// Who follows what is being written: `varve logs -f`, the tail API. A batch is offered after it
/// was applied, so whoever sees it here also finds it in a query.
final class FollowHub: Sendable {
    typealias Body = @Sendable (WriteBatch) -> Void

    private struct Followers {
        var nextNumber = 0
        var bodies: [(number: Int, tenant: Tenant, body: Body)] = []
    }

    private let followers = Mutex(Followers())
    /// Read before every offer: nobody follows most of the time.
    private let count = Atomic<Int>(0)

    var isFollowed: Bool { count.load(ordering: .relaxed) > 0 }

    func follow(tenant: Tenant, _ body: @escaping Body) -> any FollowSubscription {
        let number = followers.withLock { followers in
            followers.nextNumber += 1
            followers.bodies.append((followers.nextNumber, tenant, body))
            return followers.nextNumber
        }
        count.add(1, ordering: .relaxed)
        return Subscription(hub: self, number: number)
    }

    /// Calls every follower of the batch's tenant; lines only.
    func offer(_ batch: WriteBatch) {
        guard isFollowed, !batch.lines.isEmpty else { return }
        let bodies = followers.withLock { $0.bodies }
        for follower in bodies where follower.tenant == batch.tenant { follower.body(batch) }
    }

    fileprivate func remove(_ number: Int) {
        let removed = followers.withLock { followers in
            let before = followers.bodies.count
            followers.bodies.removeAll { $0.number == number }
            return before - followers.bodies.count
        }
        count.subtract(removed, ordering: .relaxed)
    }

    private final class Subscription: FollowSubscription {
        let hub: FollowHub
        let number: Int

        init(hub: FollowHub, number: Int) {
            self.hub = hub
            self.number = number
        }

        deinit { cancel() }

        func cancel() { hub.remove(number) }
    }
}
