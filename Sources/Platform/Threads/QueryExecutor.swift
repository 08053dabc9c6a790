/// Runs Swift tasks on threads of their own, so that a query that computes for seconds does not
/// keep Swift's cooperative pool from the tasks that move bytes:
///
///     await withTaskExecutorPreference(executor) { … }
///
/// The queue has no limit of its own, as a task that was started can not be refused: who starts
/// tasks limits how many (the query gate).
package final class QueryExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var taken = 0
        var isStopping = false
    }

    private let state = Monitor(State())
    private let threads: Monitor<[WorkerThread]>

    /// `threadCount` ≥ 1.
    package init(name: String, threadCount: Int) {
        precondition(threadCount >= 1, "an executor without threads")
        threads = Monitor([])
        let started = (0..<threadCount).map { index in
            WorkerThread(name: "\(name)-\(index)") { [self] in run() }
        }
        threads.update { $0 = started }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.update { $0.jobs.append(job) }
    }

    private func run() {
        while true {
            let job: UnownedJob?? = state.wait { state in
                guard state.taken < state.jobs.count else {
                    return state.isStopping ? .some(nil) : nil
                }
                let job = state.jobs[state.taken]
                state.taken += 1
                if state.taken >= 1024 || state.taken == state.jobs.count {
                    state.jobs.removeFirst(state.taken)
                    state.taken = 0
                }
                return job
            }
            guard case .some(.some(let job)) = job else { return }
            unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }

    /// Ends the threads after the jobs that wait. Tasks that prefer this executor must be over:
    /// later jobs are never run. Without it the threads live as long as the process.
    package func stop() {
        state.update { $0.isStopping = true }
        for thread in threads.withLock({ $0 }) { thread.join() }
    }
}
