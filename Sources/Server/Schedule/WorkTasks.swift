internal import Platform
internal import Synchronization

/// The pieces of work that a service's timer has begun and that are not done: one task each, on the
/// service's threads.
final class WorkTasks: Sendable {
    private struct State {
        var running: [Int: Task<Void, Never>] = [:]
        var next = 0
        var isEnded = false
    }

    private let executor: QueryExecutor
    private let state = Mutex(State())

    init(on executor: QueryExecutor) { self.executor = executor }

    /// Begins a piece of work; not after `end`.
    func begin(_ work: @escaping @Sendable () async -> Void) {
        state.withLock { state in
            guard !state.isEnded else { return }
            let number = state.next
            state.next += 1
            state.running[number] = Task(executorPreference: executor) {
                await work()
                self.forget(number)
            }
        }
    }

    /// Cancels what is at work and waits for it. The threads stay.
    func end() async {
        let running = state.withLock { state in
            state.isEnded = true
            return Array(state.running.values)
        }
        for task in running { task.cancel() }
        for task in running { await task.value }
    }

    private func forget(_ number: Int) {
        state.withLock { _ = $0.running.removeValue(forKey: number) }
    }
}
