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
        // A thread of Go's runtime has no room for a handler but on its signal stack.
        for number in 1..<Int32(64) {
            var action = sigaction()
            guard unsafe sigaction(number, nil, &action) == 0 else { continue }
            let handler = unsafe action.__sigaction_handler.sa_handler
            guard unsafe unsafeBitCast(handler, to: UInt.self) > 1 else { continue }
            #expect(action.sa_flags & SA_ONSTACK != 0, "the handler of signal \(number)")
        }
    }
}
