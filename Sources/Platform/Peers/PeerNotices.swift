internal import Synchronization

/// Tells a person what goes wrong between peers, each thing once in a while: the other side tries
/// again several times a second.
final class PeerNotices: Sendable {
    private struct Key: Hashable {
        var peer: String
        var text: String
    }

    /// The same text for the same peer comes again after so long.
    private static let quietNanos: Int64 = 30_000_000_000
    /// Strangers can make any number of texts; beyond this the oldest are forgotten.
    private static let keptCountMax = 1_024

    private let time: any TimeSource
    private let telemetry: Telemetry
    private let onNotice: @Sendable (String) -> Void
    private let lastNanos = Mutex<[Key: Int64]>([:])

    init(
        time: any TimeSource, telemetry: Telemetry, onNotice: @escaping @Sendable (String) -> Void
    ) {
        self.time = time
        self.telemetry = telemetry
        self.onNotice = onNotice
    }

    /// Tells `text`, unless it was told of `peer` (a node or an address without port) a short
    /// while ago.
    func tell(_ text: String, of peer: String) {
        let now = time.monotonicNanos()
        let isNew = lastNanos.withLock { last in
            let key = Key(peer: peer, text: text)
            if let before = last[key], now - before < PeerNotices.quietNanos { return false }
            if last.count >= PeerNotices.keptCountMax {
                last = last.filter { now - $0.value < PeerNotices.quietNanos }
            }
            if last.count >= PeerNotices.keptCountMax, let oldest = last.values.min() {
                last = last.filter { $0.value > oldest }
            }
            last[key] = now
            return true
        }
        if isNew { onNotice(text) }
    }

    /// Counts a refusal, and tells it. `text` holds the refusal and says which side it is.
    func refused(_ reason: PeerRefusal.Reason, _ text: String, of peer: String) {
        telemetry.counter(
            "varve_peer_refusals_total",
            help: "Connections between nodes that one side refused, by reason.",
            labels: [("reason", reason.word)]
        ).add()
        tell(text, of: peer)
    }
}
