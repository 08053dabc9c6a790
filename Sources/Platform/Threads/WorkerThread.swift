internal import Glibc
internal import Synchronization

/// A thread of our own with a name, for loops that block or compute: those must not sit on
/// Swift's cooperative pool.
package final class WorkerThread: Sendable {
    /// Deep enough for every bounded recursion of the house, in debug builds too.
    package static let stackBytes = 8 << 20

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    private let handle: pthread_t
    private let isJoined = Mutex(false)

    /// Starts at once. `name`: the system shows the first 15 bytes.
    package init(name: String, _ body: @escaping @Sendable () -> Void) {
        let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
        var attributes = pthread_attr_t()
        var made = pthread_t()
        let results = unsafe [
            pthread_attr_init(&attributes),
            pthread_attr_setstacksize(&attributes, WorkerThread.stackBytes),
            pthread_create(
                &made, &attributes,
                { argument in
                    guard let argument = unsafe argument else { return nil }
                    let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                    WorkerThread.nameCurrent(start.name)
                    start.body()
                    return nil
                }, start.toOpaque()),
        ]
        unsafe pthread_attr_destroy(&attributes)
        precondition(results == [0, 0, 0], "the system gives no thread for \(name): \(results)")
        handle = made
    }

    /// Gives the calling thread a name, whoever made it.
    package static func nameCurrent(_ name: String) {
        let shown = Array(name.utf8.prefix(15)) + [0]
        unsafe shown.withUnsafeBytes { bytes in
            if let name = unsafe bytes.assumingMemoryBound(to: CChar.self).baseAddress {
                unsafe pthread_setname_np(pthread_self(), name)
            }
        }
    }

    deinit {
        isJoined.withLock { isJoined in
            if !isJoined { pthread_detach(handle) }
        }
    }

    /// Whether the caller runs on this thread.
    package var isCurrent: Bool { pthread_equal(handle, pthread_self()) != 0 }

    /// Waits until the thread's body has returned. At once when called on the thread itself, or
    /// again.
    package func join() {
        guard !isCurrent else { return }
        isJoined.withLock { isJoined in
            guard !isJoined else { return }
            isJoined = true
            pthread_join(handle, nil)
        }
    }
}
