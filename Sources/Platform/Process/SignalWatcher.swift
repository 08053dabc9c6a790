internal import Glibc

/// Signals of the process as a stream. Made once, early: from then on the signals do not end the
/// process any more. Also ignores SIGPIPE: a peer that goes away is an error of the write.
///
/// A thread waits for the signals, which are blocked everywhere else, so nothing runs in a signal
/// handler.
package final class SignalWatcher: Sendable {
    /// A signal that a server answers to.
    package enum Signal: Int32, Sendable, CaseIterable {
        case hangup = 1
        case interrupt = 2
        case terminate = 15
    }

    /// One element per signal, oldest first.
    package let stream: AsyncStream<Signal>
    private let thread: WorkerThread

    /// Must be made before other threads are, as threads inherit what is blocked.
    package init(_ signals: [Signal]) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for one in signals { unsafe sigaddset(&set, one.rawValue) }
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
        let (stream, continuation) = AsyncStream.makeStream(of: Signal.self)
        self.stream = stream
        let watched = set
        thread = WorkerThread(name: "signals") {
            var set = watched
            var number: Int32 = 0
            while unsafe sigwait(&set, &number) == 0 {
                if let signal = Signal(rawValue: number) { continuation.yield(signal) }
            }
        }
    }
}
