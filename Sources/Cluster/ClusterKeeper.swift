internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Storage
internal import Synchronization

/// Keeps the node's place in the cluster: who its peers are, which groups it has replicas of, what
/// the groups that it leads do next to be as assigned; and where it leads the meta group, who is
/// assigned to what. One round a second, and when something changed. Its parts are in the extensions
/// beside this file.
final class ClusterKeeper: Sendable {
    /// What it needs of the node.
    struct Surroundings: Sendable {
        let identity: ClusterDirectory
        let profile: ClusterProfile
        let firstPeers: FirstPeers
        /// Nil: who is missing is not looked for.
        let whereabouts: Whereabouts?
        let shards: ShardTable
        let meta: MetaReplica
        let leaders: LeaderTable
        let queue: ProposalQueue
        let proposer: GroupProposer
        let links: PeerLinks
        let calls: PeerCalls
        let time: any TimeSource
        let random: any RandomSource
        let settings: SettingsDesk
        /// Opens an empty replica of a shard here.
        let open: @Sendable (Int) throws -> ShardReplica
        /// Removes all there is of a shard.
        let wipe: @Sendable (Int) -> Void
        /// Does it when all that is committed by now is applied.
        let afterApplied: @Sendable (@escaping @Sendable () -> Void) -> Void
        /// Puts the leader's image in place of the replica here.
        let rebuild: @Sendable (GroupID, NodeID) -> Void
        let note: @Sendable (String) -> Void
        /// The process must not go on, with one line for a person.
        let fatal: @Sendable (String) -> Void
    }

    struct State {
        var stewards: [GroupID: Steward] = [:]
        /// Of the groups that this node leads, and of those that others told, with when.
        var own: [GroupID: GroupReport] = [:]
        var told: [NodeID: [GroupID: GroupReport]] = [:]
        var peers: [PeerID: Endpoint] = [:]
        /// Since when a member is not heard of; monotonic, ns.
        var silentSince: [NodeID: Int64] = [:]
        var releasedMeta: UInt64 = 0
        var opening: Set<Int> = []
        /// A group led here is on its way to where it should be.
        var isMoving = false
        var faults: [GroupID: String] = [:]
    }

    let world: Surroundings
    let state = Mutex(State())
    private let signal: JobSignal

    init(_ world: Surroundings, signal: JobSignal) {
        self.world = world
        self.signal = signal
    }

    /// Something changed: a round is due.
    func wake() { signal.raise() }

    /// What this node tells of the groups that it leads.
    var ownReports: [GroupID: GroupReport] { state.withLock { $0.own } }

    /// What is known of all groups: what their leaders said last.
    var allReports: [GroupID: GroupReport] {
        state.withLock { state in
            var all = state.own
            for (_, reports) in state.told.sorted(by: { $0.key < $1.key }) {
                for (group, report) in reports where report.term >= all[group]?.term ?? 0 {
                    all[group] = report
                }
            }
            return all
        }
    }

    /// Whether the next step of a group may be due before the next second.
    var isMoving: Bool { state.withLock { $0.isMoving } }

    /// Replicas here that take no further part, and why.
    var faults: [GroupID: String] { state.withLock { $0.faults } }

    func note(fault reason: String, of group: GroupID) {
        state.withLock { $0.faults[group] = reason }
        world.note("\(group) takes no further part here: \(reason)")
    }

    /// Members that are there, this one included.
    var live: Set<NodeID> { world.links.reachable.union([world.identity.node]) }

    func round() {
        let cluster = world.meta.cluster
        if let reason = world.profile.misfit(cluster) { return world.fatal(reason) }
        if cluster.isFounded { world.settings.settle(cluster.settings) }
        keepMeta()
        keepPeers(cluster)
        keepReplicas(cluster)
        askReports(cluster)
        guideGroups(cluster)
        compareReplicas()
        if world.leaders.isOwn(ClusterState.metaGroup) { decide(cluster) }
        keepProfile(cluster)
    }

    /// Takes a command to the meta group's leader.
    func propose(
        _ command: ClusterCommand,
        _ completion: @escaping @Sendable (Result<AppliedEntry, AppendError>) -> Void = { _ in }
    ) {
        let request = GroupProposer.Request(
            group: ClusterState.metaGroup, payload: command.encoded(), completion: completion)
        do throws(AppendError) {
            try world.proposer.submit([request])
        } catch {
            completion(.failure(error))
        }
    }
}
