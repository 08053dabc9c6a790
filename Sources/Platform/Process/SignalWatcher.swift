internal import Glibc
internal import Synchronization

/// Signals of the process as a stream: from then on these signals do not end the process any more.
/// Also ignores SIGPIPE: a peer that goes away is an error of the write.
///
/// The handler does the one thing that is allowed in one: it writes the signal's number into a
/// pipe, from which a thread reads.
package final class SignalWatcher: Sendable {
    /// A signal that a server answers to.
    package enum Signal: Int32, Sendable, CaseIterable {
        case hangup = 1
        case interrupt = 2
        case terminate = 15
    }

    /// The write end of the pipe; −1 before there is a watcher. Only ever set once.
    private static let pipeEnd = Atomic<Int32>(-1)

    /// One element per signal, oldest first.
    package let stream: AsyncStream<Signal>
    private let thread: WorkerThread

    /// At most one watcher in a process.
    package init(_ signals: [Signal]) {
        var ends: [Int32] = [-1, -1]
        let made = unsafe pipe2(&ends, O_CLOEXEC)
        precondition(made == 0, "no pipe for signals")
        let (_, before) = SignalWatcher.pipeEnd.compareExchange(
            expected: -1, desired: ends[1], ordering: .sequentiallyConsistent)
        precondition(before == -1, "a second watcher of signals")
        let (stream, continuation) = AsyncStream.makeStream(of: Signal.self)
        self.stream = stream
        let readEnd = ends[0]
        thread = WorkerThread(name: "signals") {
            var number: UInt8 = 0
            while true {
                let count = unsafe read(readEnd, &number, 1)
                if count == 1 {
                    if let signal = Signal(rawValue: Int32(number)) { continuation.yield(signal) }
                } else if count == 0 || errno != EINTR {
                    return
                }
            }
        }
        signal(SIGPIPE, SIG_IGN)
        for one in signals {
            SignalWatcher.handle(one)
        }
    }

    /// A signal may come to any thread. Those of Go's runtime stand on stacks of a few kilobytes, of
    /// which one lies behind the other: a handler that does not leave them for the thread's signal
    /// stack overwrites the next.
    /// Source: Go's package os/signal, "Go programs that use cgo or SWIG".
    private static func handle(_ one: Signal) {
        var action = sigaction()
        action.sa_flags = SA_ONSTACK | SA_RESTART
        unsafe action.__sigaction_handler.sa_handler = { number in
            var byte = UInt8(truncatingIfNeeded: number)
            let saved = errno
            _ = unsafe write(SignalWatcher.pipeEnd.load(ordering: .relaxed), &byte, 1)
            errno = saved
        }
        let done = unsafe sigaction(one.rawValue, &action, nil)
        precondition(done == 0, "no handler for a signal")
    }
}
