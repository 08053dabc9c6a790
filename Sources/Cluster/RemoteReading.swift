internal import Model

/// Answers what other nodes ask of the shards here.
struct RemoteReading: Sendable {
    /// Calls `onEnd` when the last word is said.
    func answer(_ question: PeerQuestion, onEnd: @escaping @Sendable () -> Void) {
        question.refuse(code: 0, "reading for others")
        onEnd()
    }
}
