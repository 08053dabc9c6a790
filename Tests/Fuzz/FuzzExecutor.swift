internal import Synchronization

/// Runs an asynchronous body on the calling thread: libFuzzer calls from one that must not wait.
final class FuzzExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isDone = false
    }

    private let state = Mutex(State())

    /// The body may wait for nothing but itself.
    static func run(_ body: @escaping @Sendable () async -> Void) {
        let executor = FuzzExecutor()
        Task(executorPreference: executor) {
            await body()
            executor.state.withLock { $0.isDone = true }
        }
        while let job = executor.state.withLock({ $0.jobs.popLast() }) {
            unsafe job.runSynchronously(on: executor.asUnownedTaskExecutor())
        }
        precondition(executor.state.withLock { $0.isDone }, "BUG: waits for another thread")
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
    }
}
