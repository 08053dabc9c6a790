/// A fixed number of named threads over one bounded queue, first in first out.
package final class ThreadPool: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        /// Jobs before this index have been taken.
        var taken = 0
        var isStopping = false

        var waiting: Int { jobs.count - taken }

        mutating func next() -> (@Sendable () -> Void)? {
            guard waiting > 0 else { return nil }
            let job = jobs[taken]
            taken += 1
            if taken >= 1024 || taken == jobs.count {
                jobs.removeFirst(taken)
                taken = 0
            }
            return job
        }
    }

    private enum Step {
        case run(@Sendable () -> Void)
        case stop
    }

    private let state = Monitor(State())
    private let threads: [WorkerThread]
    private let queueCountMax: Int

    /// `threadCount` ≥ 1; at most `queueCountMax` jobs wait.
    package init(name: String, threadCount: Int, queueCountMax: Int) {
        precondition(threadCount >= 1 && queueCountMax >= 1, "a pool without threads or queue")
        self.queueCountMax = queueCountMax
        let state = state
        threads = (0..<threadCount).map { index in
            WorkerThread(name: "\(name)-\(index)") { ThreadPool.run(state) }
        }
    }

    deinit { state.update { $0.isStopping = true } }

    private static func run(_ state: Monitor<State>) {
        while true {
            let step: Step = state.wait { state in
                if let job = state.next() { return .run(job) }
                return state.isStopping ? .stop : nil
            }
            switch step {
            case .run(let job): job()
            case .stop: return
            }
        }
    }

    /// Queues `job`. False when the queue is full or the pool stops: the caller counts it.
    package func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        state.update { state in
            guard !state.isStopping, state.waiting < queueCountMax else { return false }
            state.jobs.append(job)
            return true
        }
    }

    /// Jobs that wait for a thread.
    package var waitingCount: Int { state.withLock { $0.waiting } }

    /// Takes no more jobs, runs those that wait, and returns when all have ended.
    package func stop() {
        state.update { $0.isStopping = true }
        for thread in threads { thread.join() }
    }
}
