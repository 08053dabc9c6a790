internal import Platform
internal import Synchronization

/// Tells the node's parts that time goes on. Called by timers; never waits.
final class NodeClock: Sendable {
    /// Between ticks of the groups.
    static let tickNanos: Int64 = 100_000_000

    /// Ticks between a node's words of what it leads: well within the time for which they hold.
    private static let ticksPerClaim = 2

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
    private let scrubber: Scrubber
    private let scrub = JobSignal()
    private let threads = Monitor<[WorkerThread]>([])
    private let tickCount = Atomic<Int>(0)

    init(
        queue: ProposalQueue, barrier: ReadBarrier, links: PeerLinks, calls: PeerCalls,
        proposer: GroupProposer, membership: ClusterMembership?, maintain: JobSignal,
        keep: JobSignal, scrubber: Scrubber
    ) {
        self.queue = queue
        self.barrier = barrier
        self.links = links
        self.calls = calls
        self.proposer = proposer
        self.membership = membership
        self.maintain = maintain
        self.keep = keep
        self.scrubber = scrubber
    }

    /// Starts the threads that wait for seconds: one keeps the node's place in the cluster, one
    /// reads sealed segments.
    func start() {
        var started = [
            WorkerThread(name: "scrub") { [scrub, scrubber] in
                while scrub.wait() != nil { scrubber.round() }
            }
        ]
        if let membership {
            started.append(
                WorkerThread(name: "cluster") { [keep] in
                    while keep.wait() != nil { membership.keeper.round() }
                })
        }
        threads.update { $0 = started }
    }

    func stop() {
        keep.stop()
        scrub.stop()
        for thread in threads.withLock({ $0 }) { thread.join() }
        proposer.stop()
    }

    func tick() {
        let count = tickCount.wrappingAdd(1, ordering: .relaxed).newValue
        if count.isMultiple(of: Self.ticksPerClaim) { links.claim() }
        queue.tick()
        calls.tick()
        barrier.tick()
        proposer.tick()
        membership?.fetcher.tick()
        membership?.imageLeases.tick()
        if count.isMultiple(of: Self.ticksPerStep), membership?.keeper.isMoving == true {
            keep.raise()
        }
        membership?.tails.tick()
    }

    func second() {
        maintain.tick()
        keep.raise()
        scrub.raise()
    }

    /// One round of what the threads do, on the caller's.
    func round() {
        membership?.keeper.round()
        scrubber.round()
    }
}
