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
        let configuration: @Sendable () -> ShardConfiguration
        /// Who else has files of the group, nearest first.
        let sources: @Sendable (GroupID) -> [NodeID]
        /// Runs what reads and writes files, in order per fetcher.
        let work: @Sendable (@escaping @Sendable () -> Void) -> Void
        let note: @Sendable (String) -> Void
    }

    /// Transfers at a time.
    private static let transfersMax = 2

    private struct State {
        /// Who said that an image is needed.
        var wanted: [GroupID: NodeID] = [:]
        var transfers: [GroupID: ImageTransfer] = [:]
    }

    private let world: Surroundings
    private let state = Mutex(State())
    private let bytes: Counter
    private let installed: Counter

    init(_ world: Surroundings, telemetry: Telemetry) {
        self.world = world
        bytes = telemetry.counter(
            "varve_image_received_bytes_total", help: "Bytes of images received from peers.")
        installed = telemetry.counter(
            "varve_images_installed_total", help: "Images of groups installed.")
    }

    func want(_ wanted: ReplicationOutput.ImageWanted) {
        state.withLock { $0.wanted[wanted.group] = wanted.leader }
        startWaiting()
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
                guard let leader = state.wanted[group] else { continue }
                let transfer = ImageTransfer(group, leader: leader, world, received: bytes) {
                    [self] isInstalled in end(group, leader, isInstalled)
                }
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
            if isInstalled || state.wanted[group] == leader { state.wanted[group] = nil }
        }
        if isInstalled { installed.add() }
    }
}
