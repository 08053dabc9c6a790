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
        /// Durable when it returns.
        let writeFirstPeers: @Sendable (FirstPeers) throws(NodeError) -> Void
        /// Removes all there is of a shard. Errors: the disk's.
        let wipe: @Sendable (Int) throws -> Void
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
        var waits: [GroupID: String] = [:]
        /// Groups led here that are as they should be and quiet, by how often they had woken when
        /// that was found, and on what the finding rests besides.
        var resting: [GroupID: UInt64] = [:]
        var restBasis: Basis?
        /// Rounds in a row that found all of them so.
        var restRounds = 0
        /// On what it was found that nothing is to be decided, and that replicas are as they should
        /// be: not looked at again before that changes.
        var decided: Decided?
        var replicasBasis: UInt64?
        var peers: [PeerID: Endpoint] = [:]
        /// Whom the node was told of before the cluster's state came.
        var firstPeers: FirstPeers
        /// They are not on disk yet.
        var areFirstPeersNew = false
        /// Since when a member is not heard of; monotonic, ns.
        var silentSince: [NodeID: Int64] = [:]
        var releasedMeta: UInt64 = 0
        var opening: Set<Int> = []
        /// Shards whose replicas are to be given up, and since when they are silent; monotonic, ns.
        var silent: [Int: Int64] = [:]
        /// Shards that were given up and whose files could not be removed yet. In `opening` too.
        var unwiped: Set<Int> = []
        /// A group led here is on its way to where it should be.
        var isMoving = false
        var faults: [GroupID: String] = [:]
    }

    /// What the next steps of the groups follow from, besides their own state.
    struct Basis: Equatable {
        var clusterIndex: UInt64
        var live: Set<NodeID>
        /// Nodes that are to lead nothing.
        var slow: Set<NodeID>
        /// Whose replicas take no further part.
        var faulty: [GroupID: Set<NodeID>] = [:]
    }

    /// What placement follows from.
    struct Decided: Equatable {
        var basis: Basis
        var writtenOff: Set<NodeID>
        var reportChanges: UInt64
    }

    let world: Surroundings
    let state: Mutex<State>
    private let signal: JobSignal
    let reports: ReportBoard

    init(_ world: Surroundings, signal: JobSignal, reports: ReportBoard) {
        self.world = world
        state = Mutex(State(firstPeers: world.firstPeers))
        self.signal = signal
        self.reports = reports
    }

    /// Something changed: a round is due.
    func wake() { signal.raise() }

    /// Whether the next step of a group, or of a replica that is to be had anew, may be due before the
    /// next second.
    var isMoving: Bool { state.withLock { $0.isMoving || !$0.faults.isEmpty } }

    /// Replicas here that take no further part, and why.
    var faults: [GroupID: String] { state.withLock { $0.faults } }

    /// Groups whose replicas here may be given up any time.
    var leaving: [GroupID] { state.withLock { $0.silent.keys.map(ShardGroup.group(of:)) } }

    func note(fault reason: String, of group: GroupID) {
        setFault(reason, of: group)
        world.note("\(group) takes no further part here: \(reason)")
    }

    /// Nil: it has a new replica here, which is not silent, or none.
    func setFault(_ reason: String?, of group: GroupID) {
        let faults = state.withLock { state in
            state.faults[group] = reason
            if reason == nil, group != ClusterState.metaGroup {
                state.silent[ShardGroup.shard(of: group)] = nil
            }
            return Set(state.faults.keys)
        }
        reports.setFaults(faults)
    }

    /// Members that are there, this one included.
    var live: Set<NodeID> { world.links.reachable.union([world.identity.node]) }

    /// Members whose disks are slow beside those of others.
    var slow: Set<NodeID> { world.links.paces.slow(with: world.identity.node) }

    func round() {
        let cluster = world.meta.cluster
        if let reason = world.profile.misfit(cluster) { return world.fatal(reason) }
        if cluster.isFounded { world.settings.settle(cluster.settings) }
        keepMeta()
        keepPeers(cluster)
        keepReplicas(cluster)
        askReports()
        judgeDisk(cluster)
        guideGroups(cluster)
        compareReplicas()
        if world.leaders.isOwn(ClusterState.metaGroup) { decide(cluster) }
        keepProfile(cluster)
    }

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

    /// Makes a newcomer a member: `body` is a join command. Decided where the meta group is led,
    /// since only there it is known who of the members is dead. Answers as `JoinAnswer` is read.
}
