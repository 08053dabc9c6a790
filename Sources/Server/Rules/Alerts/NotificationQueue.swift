/// Alerts that wait for one Alertmanager: the oldest give way when there is no room.
struct NotificationQueue: Sendable {
    /// `alerts.queue_max`: about ten minutes of a thousand alerts a minute.
    static let countMax = 10_000
    /// Of one request.
    static let batchCountMax = 256

    private var waiting: [OutgoingAlert] = []

    var count: Int { waiting.count }

    /// How many had to go.
    mutating func add(_ alerts: [OutgoingAlert]) -> Int {
        waiting += alerts
        let excess = max(0, waiting.count - NotificationQueue.countMax)
        waiting.removeFirst(excess)
        return excess
    }

    /// The next request's.
    mutating func take() -> [OutgoingAlert] {
        let batch = Array(waiting.prefix(NotificationQueue.batchCountMax))
        waiting.removeFirst(batch.count)
        return batch
    }
}
