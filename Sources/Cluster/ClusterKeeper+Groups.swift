internal import Platform
internal import Raft
internal import Replication
internal import Storage
internal import Synchronization

/// What the keeper does for the groups: it hears of those of others, leads its own to where they
/// should be, and compares what replicas have sealed.
extension ClusterKeeper {
    private static let reportNanosMax: Int64 = 3_000_000_000
    private static let restRoundsPerLook = 5

    func askReports() {
        let reachable = world.links.reachable
        reports.keep(reachable)
        for node in reachable.sorted() { askReport(of: node, timeoutNanos: Self.reportNanosMax) }
    }

    /// Asks a node how the groups are that it leads. `done`: it has answered or will not.
    func askReport(
        of node: NodeID, timeoutNanos: Int64, done: @escaping @Sendable () -> Void = {}
    ) {
        let now = world.time.monotonicNanos()
        world.calls.ask(
            node, .report, reports.question(to: node), timeoutNanos: timeoutNanos
        ) { [reports] result in
            if case .success(let parts) = result {
                reports.take(parts, from: node, askedNanos: now)
            }
            done()
        }
    }

    func guideGroups(_ cluster: ClusterState) {
        let basis = Basis(
            clusterIndex: cluster.appliedIndex, live: live, slow: slow,
            faulty: reports.faults(with: world.identity.node))
        world.queue.perform { [self] replicator in
            let before = reports.own
            let rested = state.withLock { state in
                if state.restBasis != basis {
                    state.restBasis = basis
                    state.resting = [:]
                }
                return state.resting
            }
            if mayRest(rested, replicator) { return }
            var resting: [GroupID: UInt64] = [:]
            var told: [GroupID: GroupReport] = [:]
            for group in world.leaders.own {
                let wakeCount = replicator.wakeCountWhenQuiet(group)
                if let wakeCount, rested[group] == wakeCount, var report = before[group] {
                    resting[group] = wakeCount
                    fill(&report, group)
                    told[group] = report
                    continue
                }
                guard let (report, isAtRest) = guide(group, cluster, basis, replicator)
                else { continue }
                told[group] = report
                if isAtRest { resting[group] = wakeCount }
            }
            reports.setOwn(told)
            state.withLock { state in
                state.resting = resting
                state.isMoving = told.values.contains { $0.waitsFor != nil }
            }
        }
    }

    /// Whether all groups led here are at rest as they were the last time, so that a report could
    /// only tell of jobs done meanwhile: that is looked for now and then.
    private func mayRest(_ rested: [GroupID: UInt64], _ replicator: Replicator) -> Bool {
        let own = world.leaders.own
        let isAtRest =
            own.count == rested.count
            && own.allSatisfy { group in
                rested[group].map { $0 == replicator.wakeCountWhenQuiet(group) } ?? false
            }
        return state.withLock { state in
            state.restRounds = isAtRest ? state.restRounds + 1 : 0
            return !state.restRounds.isMultiple(of: Self.restRoundsPerLook)
        }
    }

    /// The group's next step, done; its report, and whether nothing is to be done. Nil when it is
    /// not led here after all.
    private func guide(
        _ group: GroupID, _ cluster: ClusterState, _ basis: Basis, _ replicator: Replicator
    ) -> (report: GroupReport, isAtRest: Bool)? {
        guard let status = replicator.status(of: group), status.isLeader else { return nil }
        let (action, isPausing) = state.withLock { state -> (Steward.Action?, Bool) in
            var steward =
                state.stewards[group] ?? Steward(group: group, node: world.identity.node)
            defer { state.stewards[group] = steward }
            return (
                steward.next(
                    status, wanted: cluster.wanted(group), live: basis.live, slow: basis.slow,
                    faulty: basis.faulty[group] ?? []),
                steward.isPausing
            )
        }
        let reason = perform(action, group, replicator)
        var report = GroupReport(status, appliedIndex: 0, waitsFor: reason)
        fill(&report, group)
        return (report, action == nil && !isPausing)
    }

    /// What a report says of the state machine here.
    private func fill(_ report: inout GroupReport, _ group: GroupID) {
        report.appliedIndex = applied(group)
        guard group != ClusterState.metaGroup,
            let replica = world.shards[ShardGroup.shard(of: group)]
        else { return }
        report.seal = replica.sealDigest
        report.byteCount = UInt64(replica.shard.storedBytes)
    }

    /// A replica that has done the same as its leader's and holds other files is not mended or
    /// averaged but rebuilt.
    func compareReplicas() {
        let reports = reports.all
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
