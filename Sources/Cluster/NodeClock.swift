internal import Platform
internal import Synchronization

/// Tells the node's parts that time goes on. Called by timers; never waits.
final class NodeClock: Sendable {
    /// Between ticks of the groups.
    static let tickNanos: Int64 = 100_000_000

    /// Ticks between rounds while groups move: each step of a move takes a round.
    private static let ticksPerStep = 3

    private let queue: ProposalQueue
    private let barrier: ReadBarrier
    private let links: PeerLinks
    private let calls: PeerCalls
    private let proposer: GroupProposer
    private let membership: ClusterMembership?
    private let maintain: JobSignal
    private let keep: JobSignal
    private let keeping = Monitor<WorkerThread?>(nil)
    private let tickCount = Atomic<Int>(0)

    init(
        queue: ProposalQueue, barrier: ReadBarrier, links: PeerLinks, calls: PeerCalls,
        proposer: GroupProposer, membership: ClusterMembership?, maintain: JobSignal,
        keep: JobSignal
    ) {
        self.queue = queue
        self.barrier = barrier
        self.links = links
        self.calls = calls
        self.proposer = proposer
        self.membership = membership
        self.maintain = maintain
        self.keep = keep
    }

    /// Starts the thread that keeps the node's place in the cluster.
    func start() {
        let started = WorkerThread(name: "cluster") { [keep, membership] in
            while keep.wait() { membership?.keeper.round() }
        }
        keeping.update { $0 = started }
    }

    func stop() {
        keep.stop()
        keeping.withLock { $0 }?.join()
        proposer.stop()
    }

    func tick() {
        links.claim()
        queue.tick()
        calls.tick()
        barrier.tick()
        proposer.tick()
        membership?.fetcher.tick()
        let count = tickCount.wrappingAdd(1, ordering: .relaxed).newValue
        if count.isMultiple(of: Self.ticksPerStep), membership?.keeper.isMoving == true {
            keep.raise()
        }
        membership?.tails.tick()
    }

    func second() {
        maintain.raise()
        keep.raise()
    }

    /// One round of keeping the node's place, on the caller's thread.
    func round() { membership?.keeper.round() }
}
