internal import Hummingbird
internal import Logging
internal import NIOCore
internal import Synchronization

/// The context of a request with the connection it came on.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

/// Cancels the query of a connection whose client went away. A client that sends no more is taken
/// for gone, as Go's servers do. A connection has one request at a time.
final class ConnectionWatch: Sendable {
    private struct Entry {
        var isGone = false
        /// The answer under way has no end of its own.
        var isEndless = false
        var cancel: (@Sendable () -> Void)?
    }

    /// Open connections that had a query or sent their last, by the identity of their channel.
    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    private let isStopping = Atomic<Bool>(false)

    /// Runs `body`; its task is cancelled when the client goes away meanwhile, and when it is
    /// endless also by `endEndless`.
    func run<Value: Sendable>(
        on channel: any Channel, isEndless: Bool = false,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let task = Task { try await body() }
        let key = ObjectIdentifier(channel)
        watch(channel, key)
        let isGone = entries.withLock { entries in
            entries[key]?.cancel = { task.cancel() }
            entries[key]?.isEndless = isEndless
            return entries[key]?.isGone ?? true
        }
        if isGone || isEndless && isStopping.load(ordering: .sequentiallyConsistent) {
            task.cancel()
        }
        defer { entries.withLock { $0[key]?.cancel = nil } }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    /// Ends the answers that would go on for ever, now and from now on.
    func endEndless() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        let cancels = entries.withLock { entries in
            entries.values.filter(\.isEndless).compactMap(\.cancel)
        }
        for cancel in cancels { cancel() }
    }

    /// The client sends nothing any more.
    func inputClosed(of channel: any Channel) {
        let key = ObjectIdentifier(channel)
        watch(channel, key)
        let cancel = entries.withLock { entries in
            entries[key]?.isGone = true
            return entries[key]?.cancel
        }
        cancel?()
    }

    /// One callback per connection, not per request.
    private func watch(_ channel: any Channel, _ key: ObjectIdentifier) {
        let isNew = entries.withLock { entries in
            guard entries[key] == nil else { return false }
            entries[key] = Entry()
            return true
        }
        guard isNew else { return }
        channel.closeFuture.whenComplete { [self] _ in
            let entry = entries.withLock { $0.removeValue(forKey: key) }
            entry?.cancel?()
        }
    }
}
