internal import Raft
internal import Replication
internal import Synchronization

/// What the keeper does for the groups: it hears of those of others, leads its own to where they
/// should be, and compares what replicas have sealed.
extension ClusterKeeper {
    private static let reportNanosMax: Int64 = 3_000_000_000

    func askReports(_ cluster: ClusterState) {
        let reachable = world.links.reachable
        state.withLock { state in
            for node in state.told.keys where !reachable.contains(node) { state.told[node] = nil }
        }
        for node in reachable.sorted() {
            world.calls.ask(node, .report, [], timeoutNanos: Self.reportNanosMax) {
                [self] result in
                guard case .success(let parts) = result,
                    let reports = GroupReport.decode(parts.first ?? [])
                else { return }
                state.withLock { $0.told[node] = reports }
            }
        }
    }

    func guideGroups(_ cluster: ClusterState) {
        let live = live
        world.queue.perform { [self] replicator in
            var reports: [GroupID: GroupReport] = [:]
            for group in world.leaders.own {
                guard let status = replicator.status(of: group), status.isLeader else { continue }
                let action = state.withLock { state in
                    state.stewards[
                        group, default: Steward(group: group, node: world.identity.node)
                    ].next(status, wanted: cluster.wanted(group), live: live)
                }
                let reason = perform(action, group, replicator)
                var report = GroupReport(
                    status, appliedIndex: applied(group), waitsFor: reason)
                if group != ClusterState.metaGroup {
                    report.seal = world.shards[ShardGroup.shard(of: group)]?.sealDigest
                }
                reports[group] = report
            }
            state.withLock { state in
                state.own = reports
                state.isMoving = reports.values.contains { $0.waitsFor != nil }
            }
        }
    }

    /// A replica that has done the same as its leader's and holds other files is not mended or
    /// averaged but rebuilt.
    func compareReplicas() {
        let reports = allReports
        for replica in world.shards.hosted where !world.leaders.isOwn(replica.group) {
            guard let report = reports[replica.group], let leader = report.leader,
                let theirs = report.seal, let own = replica.sealDigest,
                own.durableIndex == theirs.durableIndex,
                own.completedIndex == theirs.completedIndex, own.hash != theirs.hash
            else { continue }
            world.note(
                "shard \(replica.number) differs from \(leader)'s at entry \(own.durableIndex): "
                    + "it is rebuilt")
            world.rebuild(replica.group, leader)
        }
    }

    private func applied(_ group: GroupID) -> UInt64 {
        group == ClusterState.metaGroup
            ? world.meta.appliedIndex
            : world.shards[ShardGroup.shard(of: group)]?.appliedIndex ?? 0
    }

    /// Does the next step; the reason when there is one to wait for.
    private func perform(
        _ action: Steward.Action?, _ group: GroupID, _ replicator: Replicator
    ) -> String? {
        switch action {
        case nil: return nil
        case .wait(let reason): return reason
        case .transfer(let node):
            replicator.transfer(group, to: node)
            return "leadership goes to \(node)"
        case .change(let changes):
            _ = replicator.changeMembership(group, changes)
            return "a change of members is proposed"
        }
    }
}
