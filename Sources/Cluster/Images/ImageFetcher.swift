internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Storage
internal import Synchronization

/// Brings replicas that are too far behind up to date: gets their leader's newest image, its files
/// from whoever is nearest, checks them and installs them. One transfer per group; a transfer that
/// fails begins again at the next tick and keeps what it has.
final class ImageFetcher: Sendable {
    /// What a transfer needs of the node.
    struct Surroundings: Sendable {
        let shards: ShardTable
        let meta: MetaReplica
        let leaders: LeaderTable
        let queue: ProposalQueue
        let applier: ApplyLoop
        let calls: PeerCalls
        let disk: any Disk
        let time: any TimeSource
        let budget: ImageBudget
        /// For how long segments of an image are to come whole before it is installed without.
        let damagePatienceNanos: Int64
        /// Who else has files of the group, nearest first.
        let sources: @Sendable (GroupID) -> [NodeID]
        /// Has the group sealed where this node leads it: so that others get a younger image.
        let sealSoon: @Sendable (GroupID) -> Void
        /// Runs what reads and writes files, in order per fetcher.
        let work: @Sendable (@escaping @Sendable () -> Void) -> Void
        /// An image took the place of a shard's replica, with entries that were not applied there.
        let replaced: @Sendable (Int) -> Void
        let note: @Sendable (String) -> Void
    }

    /// Transfers at a time.
    private static let transfersMax = 2

    private struct State {
        /// Who said that an image is needed, or has another one, and why it is wanted.
        var wanted: [GroupID: (leader: NodeID, purpose: ImageTransfer.Purpose)] = [:]
        var transfers: [GroupID: ImageTransfer] = [:]
    }

    private let world: Surroundings
    private let state = Mutex(State())
    private let bytes: Counter
    private let installed: Counter
    /// Of single segments.
    let repair: SegmentRepair

    init(_ world: Surroundings, telemetry: Telemetry) {
        self.world = world
        bytes = telemetry.counter(
            "varve_image_received_bytes_total", help: "Bytes of images received from peers.")
        installed = telemetry.counter(
            "varve_images_installed_total", help: "Images of groups installed.")
        repair = SegmentRepair(
            world: world, received: bytes,
            repaired: telemetry.counter(
                "varve_segments_repaired_total",
                help: "Damaged segments replaced by those of other replicas."))
    }

    func want(_ wanted: ReplicationOutput.ImageWanted) {
        state.withLock { $0.wanted[wanted.group] = (wanted.leader, .behind) }
        startWaiting()
    }

    /// The replica here is damaged: whoever has another, the leader before others, gives an image.
    /// `attempt`: from 0; each asks another one, since some may be behind this replica.
    func rebuild(_ group: GroupID, attempt: Int) {
        let leader = world.leaders.leader(of: group)
        let others = world.sources(group)
        let order = others.filter { $0 == leader } + others.filter { $0 != leader }
        if !order.isEmpty { rebuild(group, from: order[attempt % order.count]) }
    }

    /// The replica here is not what the group's leader has: its place is taken by an image. What it
    /// lacks behind that, its log has.
    func rebuild(_ group: GroupID, from leader: NodeID) {
        let isNew = state.withLock { state in
            guard state.wanted[group] == nil else { return false }
            state.wanted[group] = (leader, .differs)
            return true
        }
        if isNew { startWaiting() }
    }

    /// Groups that wait for an image or get one, ascending, with what is known of each.
    var progress: [(group: GroupID, text: String)] {
        state.withLock { state in
            state.wanted.keys.sorted().map { group in
                (group, state.transfers[group]?.progressText ?? "waits for its turn")
            }
        }
    }

    /// Time has gone on.
    func tick() {
        world.budget.tick(nowNanos: world.time.monotonicNanos())
        startWaiting()
        for transfer in state.withLock({ Array($0.transfers.values) }) { transfer.tick() }
    }

    private func startWaiting() {
        let started = state.withLock { state -> [ImageTransfer] in
            var started: [ImageTransfer] = []
            for group in state.wanted.keys.sorted()
            where state.transfers[group] == nil
                && state.transfers.count < ImageFetcher.transfersMax
            {
                guard let wanted = state.wanted[group] else { continue }
                let transfer = ImageTransfer(
                    group, leader: wanted.leader, for: wanted.purpose, world, received: bytes
                ) { [self] isInstalled in end(group, wanted.leader, isInstalled) }
                state.transfers[group] = transfer
                started.append(transfer)
            }
            return started
        }
        for transfer in started { transfer.start() }
    }

    private func end(_ group: GroupID, _ leader: NodeID, _ isInstalled: Bool) {
        state.withLock { state in
            state.transfers[group] = nil
            // Another leader has asked meanwhile: that is still to be done.
            if isInstalled || state.wanted[group]?.leader == leader {
                state.wanted[group] = nil
            }
        }
        if isInstalled { installed.add() }
    }
}

extension ImageFetcher.Surroundings {
    /// Who is asked for files of the group, in order; `last` behind the others. Each attempt begins
    /// with another one: what came at the last may have been damaged there.
    func sources(_ group: GroupID, attempt: Int, last: NodeID? = nil) -> [NodeID] {
        let others = sources(group)
        let order = last.map { last in others.filter { $0 != last } + [last] } ?? others
        guard !order.isEmpty else { return [] }
        let first = attempt % order.count
        return Array(order[first...] + order[..<first])
    }
}
