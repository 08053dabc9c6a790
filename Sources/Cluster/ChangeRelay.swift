internal import Synchronization

/// Somebody to be told of a change, who comes later than the one who tells.
final class ChangeRelay: Sendable {
    /// A function of its own behind a lock would be wrapped once more at each look (`CodeTests`).
    private struct Listener {
        let tell: @Sendable () -> Void
    }

    private let listener = Mutex<Listener?>(nil)

    func listen(_ tell: @escaping @Sendable () -> Void) {
        listener.withLock { $0 = Listener(tell: tell) }
    }

    func raise() { listener.withLock { $0 }?.tell() }
}
