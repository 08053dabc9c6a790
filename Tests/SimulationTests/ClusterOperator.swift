#if canImport(CEtcdRaft)
import Platform
import Raft
import Simulator

@testable import Cluster

/// A person who works on a cluster of more nodes than a shard has replicas while things break: drains
/// nodes and takes that back, moves replicas, removes nodes for good, whose machines come back empty.
struct ClusterOperator {
    private static let second: Int64 = 1_000_000_000

    private let world: ClusterWorld
    private var nextNanos: Int64
    /// Machines whose members have been removed, as soon as that is decided.
    private var leaving: [NodeID] = []

    /// Whether a disk goes soon, or went a moment ago.
    var isRemoving: Bool { !leaving.isEmpty }

    init(_ world: ClusterWorld) {
        self.world = world
        nextNanos = world.nanos + Self.second
    }

    /// To be called after each step. `mayLoseDisks`: whether everything is where it is wanted.
    mutating func act(mayLoseDisks: () -> Bool) {
        takeAway()
        guard world.nanos >= nextNanos else { return }
        nextNanos = world.nanos + Int64.random(in: 5...60, using: &world.random) * Self.second / 10
        guard let cluster = anyone else { return }
        switch Int.random(in: 0..<8, using: &world.random) {
        case 0...2: drain(cluster)
        case 3...6: move(cluster)
        default: if mayLoseDisks(), world.rotten.isEmpty { remove(cluster) }
        }
    }

    /// Nothing is to be drained any more.
    mutating func finish() {
        nextNanos = .max
        takeAway()
        guard let cluster = anyone else { return }
        for member in cluster.state.presentMembers where member.state == .draining {
            cluster.keeper.propose(.setMemberState(member.id, .active))
        }
    }

    private var anyone: ClusterMembership? {
        world.machines.compactMap(\.node?.cluster).randomElement(using: &world.random)
    }

    private func drain(_ cluster: ClusterMembership) {
        let members = cluster.state.presentMembers
        if let draining = members.first(where: { $0.state == .draining }) {
            world.note("\(draining.id) is not drained any more")
            return cluster.keeper.propose(.setMemberState(draining.id, .active))
        }
        guard let member = members.randomElement(using: &world.random) else { return }
        world.note("\(member.id) is drained")
        cluster.keeper.propose(.setMemberState(member.id, .draining))
    }

    private func move(_ cluster: ClusterMembership) {
        let state = cluster.state
        let groups = [ClusterState.metaGroup] + state.shardGroups
        guard let group = groups.randomElement(using: &world.random),
            let assigned = state.assignments[group],
            let from = assigned.randomElement(using: &world.random),
            let to = state.presentMembers.filter({
                $0.state == .active && !assigned.contains($0.id)
            }).randomElement(using: &world.random)?.id
        else { return }
        world.note("\(group) moves from \(from) to \(to)")
        cluster.keeper.propose(.assign(group, assigned.map { $0 == from ? to : $0 }))
    }

    private mutating func remove(_ cluster: ClusterMembership) {
        guard leaving.isEmpty, cluster.state.presentMembers.count == world.machines.count,
            let member = cluster.state.presentMembers.randomElement(using: &world.random)
        else { return }
        world.note("\(member.id) is removed")
        leaving.append(member.id)
        cluster.keeper.propose(.setMemberState(member.id, .gone))
    }

    /// A machine whose member is gone is emptied. It may have been decided and nobody up knows yet.
    private mutating func takeAway() {
        for id in leaving {
            let isGone = world.machines.contains {
                $0.node?.cluster?.state.members[id]?.state == .gone
            }
            guard isGone else { continue }
            leaving.removeAll { $0 == id }
            guard let machine = world.machines.first(where: { $0.identity == id }) else { continue }
            world.note("\(machine.name) is emptied")
            world.reimage(machine)
            machine.disk.faults = DiskFaults()
        }
    }
}
#endif
