internal import Raft

/// Groups that lack replicas, have some that will not stay, or stand too close together.
extension Placement {
    /// The group's next step towards as many good replicas as it needs.
    mutating func repair(_ group: GroupID, _ pool: Pool) {
        guard let replicas = plan[group] else { return }
        let bad = replicas.filter { !pool.isGood($0) }
        if view.moving.contains(group) {
            // It would never converge with a replica that does not come back.
            guard bad.contains(where: isLost) else { return }
        }
        if replicas.count < pool.wanted {
            var grown = replicas
            while grown.count < pool.wanted, let next = candidate(for: grown, pool) {
                grown.append(next)
            }
            change(group, to: grown, pool)
        } else if replicas.count > pool.wanted {
            shrink(group, replicas, pool)
        } else if let worst = worst(of: bad) {
            let rest = replicas.filter { $0 != worst }
            guard let next = candidate(for: rest, pool) else { return }
            change(group, to: replicas.map { $0 == worst ? next : $0 }, pool)
        }
    }

    /// Swaps one replica for one elsewhere when a zone has too many of the group.
    mutating func separate(_ group: GroupID, _ pool: Pool) {
        guard isAtRest(group, pool), let replicas = plan[group] else { return }
        let crowded = replicas.filter {
            pool.neighbours(of: $0, in: replicas) > pool.perDomainMax
        }
        let leaving = crowded.max {
            (replicaCounts[$0] ?? 0, $0.number) < (replicaCounts[$1] ?? 0, $1.number)
        }
        guard let leaving,
            let next = candidate(for: replicas.filter { $0 != leaving }, pool)
        else { return }
        change(group, to: replicas.map { $0 == leaving ? next : $0 }, pool)
    }

    /// Whether nothing about the group is under way and its replicas are all good.
    func isAtRest(_ group: GroupID, _ pool: Pool) -> Bool {
        guard !view.moving.contains(group), !changed.contains(group), let replicas = plan[group]
        else { return false }
        return replicas.count == pool.wanted && replicas.allSatisfy(pool.isGood)
    }

    /// Takes the change into the plan if the nodes that it keeps busy have room for it. One
    /// replica of the meta group is small: it counts for nobody.
    @discardableResult
    mutating func change(_ group: GroupID, to replicas: [NodeID], _ pool: Pool) -> Bool {
        guard let before = plan[group], before != replicas else { return false }
        let isMeta = group == ClusterState.metaGroup
        if !isMeta {
            let isCounted = view.moving.contains(group) || changed.contains(group)
            let counted: Set<NodeID> = isCounted ? Set(before) : []
            let involved = Set(before + replicas).subtracting(counted)
            guard
                involved.allSatisfy({ !view.live.contains($0) || hasRoom($0, for: size(group)) })
            else { return false }
            for replica in involved { busy[replica, default: MoveLoad()].add(size(group)) }
            for replica in before { replicaCounts[replica, default: 0] -= 1 }
            for replica in replicas { replicaCounts[replica, default: 0] += 1 }
        }
        plan[group] = replicas
        changed.insert(group)
        return true
    }

    /// Drops the replicas that are too many, while those left can still decide.
    private mutating func shrink(_ group: GroupID, _ replicas: [NodeID], _ pool: Pool) {
        var left = replicas
        while left.count > pool.wanted {
            let leaving =
                worst(of: left.filter { !pool.isGood($0) })
                ?? left.max {
                    (pool.neighbours(of: $0, in: left), replicaCounts[$0] ?? 0, $0.number)
                        < (pool.neighbours(of: $1, in: left), replicaCounts[$1] ?? 0, $1.number)
                }
            left.removeAll { $0 == leaving }
        }
        guard left.count(where: view.live.contains) > left.count / 2 else { return }
        change(group, to: left, pool)
    }

    /// The best live member to add to `replicas`, or nil when the zones allow none.
    private func candidate(for replicas: [NodeID], _ pool: Pool) -> NodeID? {
        let possible = pool.candidates.filter {
            !replicas.contains($0)
                && pool.neighbours(of: $0, in: replicas) < pool.perDomainMax
        }
        return possible.min { a, b in
            let first = rank(a, replicas, pool)
            let second = rank(b, replicas, pool)
            return first.lexicographicallyPrecedes(second)
        }
    }

    private func rank(_ node: NodeID, _ replicas: [NodeID], _ pool: Pool) -> [UInt64] {
        [
            UInt64(pool.neighbours(of: node, in: replicas)),
            pool.eligible[node]?.isWitness == true ? 1 : 0,
            UInt64(max(0, replicaCounts[node] ?? 0)),
            view.loads[node] ?? 0, node.number,
        ]
    }

    /// Those that are lost before those that still serve while they drain.
    private func worst(of bad: [NodeID]) -> NodeID? {
        bad.min { (isLost($0) ? 0 : 1, $0.number) < (isLost($1) ? 0 : 1, $1.number) }
    }

    private func isLost(_ node: NodeID) -> Bool {
        view.writtenOff.contains(node) || (state.members[node]?.state ?? .gone) == .gone
    }
}
