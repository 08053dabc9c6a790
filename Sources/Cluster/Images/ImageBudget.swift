internal import Synchronization

/// How many bytes of images and repairs a node asks for per second, all transfers together, so that
/// being filled leaves network and disks to writes and queries. A bucket that fills with time: what
/// does not fit waits for a tick, in order.
final class ImageBudget: Sendable {
    private struct State {
        /// Below zero: spent ahead by the last question, which is whole.
        var left: Int64
        var filledNanos: Int64
        var waiting: [(count: Int64, body: @Sendable () -> Void)] = []
    }

    /// Nil: no bound.
    private let bytesPerSecond: Int64?
    private let state: Mutex<State>

    /// What may be asked for at once after a pause, of a second's bytes: two ticks' worth.
    private static let burstShare: Int64 = 5

    init(bytesPerSecond: Int?, nowNanos: Int64) {
        self.bytesPerSecond = bytesPerSecond.map { Int64($0) }
        state = Mutex(
            State(
                left: (self.bytesPerSecond ?? 0) / ImageBudget.burstShare, filledNanos: nowNanos))
    }

    /// Calls `body` when `count` bytes may be asked for: now, or in a later tick.
    func spend(_ count: Int, nowNanos: Int64, _ body: @escaping @Sendable () -> Void) {
        guard let bytesPerSecond else { return body() }
        let mayGo = state.withLock { state in
            ImageBudget.fill(&state, bytesPerSecond, nowNanos)
            guard state.waiting.isEmpty, state.left > 0 else {
                state.waiting.append((Int64(count), body))
                return false
            }
            state.left -= Int64(count)
            return true
        }
        if mayGo { body() }
    }

    /// Lets those go that have waited long enough.
    func tick(nowNanos: Int64) {
        guard let bytesPerSecond else { return }
        let ready = state.withLock { state -> [@Sendable () -> Void] in
            ImageBudget.fill(&state, bytesPerSecond, nowNanos)
            var count = 0
            while count < state.waiting.count, state.left > 0 {
                state.left -= state.waiting[count].count
                count += 1
            }
            defer { state.waiting.removeFirst(count) }
            return state.waiting.prefix(count).map(\.body)
        }
        for body in ready { body() }
    }

    private static func fill(_ state: inout State, _ bytesPerSecond: Int64, _ now: Int64) {
        let passed = min(max(0, now - state.filledNanos), 1_000_000_000)
        state.filledNanos = max(now, state.filledNanos)
        let filled = Int64(Double(bytesPerSecond) * Double(passed) / 1e9)
        state.left = min(state.left + filled, bytesPerSecond / burstShare)
    }
}
