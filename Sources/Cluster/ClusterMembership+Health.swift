internal import Platform
internal import Raft

/// How the cluster is: as this node last heard, or as everybody says when they are asked.
extension ClusterMembership {
    private static let answerNanosMax: Int64 = 2_000_000_000

    /// As this node last heard, which may be seconds ago.
    package var health: ClusterHealth { health(since: .min) }

    /// As this node last heard; who has not answered a question of that moment or a later one counts
    /// as silent.
    func health(since nanos: Int64, isStateCurrent: Bool = true) -> ClusterHealth {
        let live = keeper.live
        let others = live.subtracting([place.identity.node])
        return ClusterHealth(
            state, live: live, reports: keeper.reports.all, slow: keeper.slow,
            faulty: keeper.reports.faults(with: place.identity.node),
            unheard: Mutant.isOn(.healthOfBefore)
                ? [] : keeper.reports.unheard(of: others, since: nanos),
            isStateCurrent: isStateCurrent)
    }

    /// As it is now: everybody is asked, and the meta group whether this node knows its latest
    /// decisions. Who does not answer within two seconds is named.
    package func currentHealth() async -> ClusterHealth {
        let asked = world.node.time.monotonicNanos()
        let isStateCurrent = await withTaskGroup(of: Bool.self) { [self] group in
            group.addTask {
                await withCheckedContinuation { [self] continuation in
                    world.barrier.whenFresh(ClusterState.metaGroup) {
                        continuation.resume(returning: $0 == nil)
                    }
                }
            }
            for node in world.links.reachable {
                group.addTask {
                    await withCheckedContinuation { [self] continuation in
                        keeper.askReport(of: node, timeoutNanos: Self.answerNanosMax) {
                            continuation.resume(returning: true)
                        }
                    }
                }
            }
            return await group.allSatisfy { $0 }
        }
        return health(since: asked, isStateCurrent: isStateCurrent)
    }

    /// For people, with what is under way here.
    func status(of health: ClusterHealth) -> ClusterStatus {
        ClusterStatus(health, state, place, activity: activity, waitsFor: waitsFor)
    }

    /// What the node waits for before it can serve; nil when it can.
    package var waitsFor: String? {
        let state = state
        if !state.isFounded {
            return place.isFounder
                ? "the founding of the cluster is not written yet"
                : "the state of the cluster has not come from its members yet"
        }
        guard let own = state.members[place.identity.node] else {
            return "the cluster's state here does not name this node yet"
        }
        return own.state == .gone ? "this node has been removed from the cluster" : nil
    }
}
