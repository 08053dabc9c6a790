import Glibc
import Platform
import Testing

/// One watcher in a process, so one test for all of it.
struct SignalWatcherTests {
    @Test func signalsOfTheProcessComeOneByOne() async throws {
        let watcher = SignalWatcher([.hangup, .terminate])
        var signals = watcher.stream.makeAsyncIterator()
        for (number, signal) in [
            (SIGHUP, SignalWatcher.Signal.hangup), (SIGTERM, .terminate), (SIGHUP, .hangup),
        ] {
            // A peer that went away ends nothing.
            kill(getpid(), SIGPIPE)
            // To the process: a thread of the pool has all signals blocked.
            kill(getpid(), number)
            let next = await signals.next()
            #expect(next == signal)
        }
    }
}
