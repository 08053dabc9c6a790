#if canImport(CEtcdRaft)
internal import CEtcdRaft
#endif

/// Threads from which cores are called often.
package enum RaftThread {
    #if canImport(CEtcdRaft)
    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Runs `body` on another thread, from which calls of etcd's raft are cheap, and returns when it
    /// is done. Go's runtime takes in every other thread for each call and lets go of it again: a
    /// third of what the journal's thread did with 1,000 groups.
    package static func run(_ body: @escaping @Sendable () -> Void) {
        let context = unsafe Unmanaged.passRetained(Body(body)).toOpaque()
        unsafe varve_raft_attached(
            { context in
                guard let context = unsafe context else { return }
                unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
            }, context)
    }
    #else
    package static func run(_ body: @escaping @Sendable () -> Void) { body() }
    #endif
}
