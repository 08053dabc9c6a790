internal import Raft

/// Even counts of replicas and of preferred leaders.
extension Placement {
    /// Moves replicas from nodes with many to nodes with at least two fewer, as far as the nodes
    /// have room for it now.
    mutating func balance(_ pool: Pool) {
        while let move = bestMove(pool) {
            guard let replicas = plan[move.group] else { return }
            guard
                change(
                    move.group, to: replicas.map { $0 == move.from ? move.to : $0 }, pool)
            else { return }
        }
    }

    private struct Move {
        var group: GroupID
        var from: NodeID
        var to: NodeID
    }

    /// The move between the nodes that differ most.
    private func bestMove(_ pool: Pool) -> Move? {
        func count(_ node: NodeID) -> Int { replicaCounts[node] ?? 0 }
        let ordered = pool.candidates.sorted {
            (count($0), view.loads[$0] ?? 0, $0.number)
                < (count($1), view.loads[$1] ?? 0, $1.number)
        }
        var best: Move?
        var difference = 1
        for from in ordered.reversed() where hasRoom(from, for: 0) {
            for to in ordered {
                guard count(from) - count(to) > difference else { break }
                guard hasRoom(to, for: 0), let group = movable(from, to, pool) else { continue }
                best = Move(group: group, from: from, to: to)
                difference = count(from) - count(to)
                break
            }
        }
        return best
    }

    /// A group that may change from one to the other; rather one that `from` does not lead.
    private func movable(_ from: NodeID, _ to: NodeID, _ pool: Pool) -> GroupID? {
        var led: GroupID?
        for group in state.shardGroups {
            guard let replicas = plan[group], replicas.contains(from), !replicas.contains(to),
                isAtRest(group, pool)
            else { continue }
            let rest = replicas.filter { $0 != from }
            let bytes = size(group)
            guard pool.neighbours(of: to, in: rest) < pool.perDomainMax,
                (replicas + [to]).allSatisfy({
                    !view.live.contains($0) || hasRoom($0, for: bytes)
                })
            else { continue }
            if replicas.first != from { return group }
            if led == nil { led = group }
        }
        return led
    }

    /// No group is to prefer a leader that will not stay, nor a witness or one with a slow disk
    /// while another can lead.
    mutating func relieveLeaders(_ meta: Pool, _ shards: Pool) {
        var counts = leaderCounts()
        for group in [ClusterState.metaGroup] + state.shardGroups {
            let pool = group == ClusterState.metaGroup ? meta : shards
            guard !view.moving.contains(group), let replicas = plan[group],
                let first = replicas.first
            else { continue }
            let mayLead: (NodeID) -> Bool = {
                pool.eligible[$0].map { !$0.isWitness } ?? false
            }
            let isFit: (NodeID) -> Bool = { [slow = view.slow] in
                mayLead($0) && !slow.contains($0)
            }
            guard !isFit(first) else { continue }
            let able = replicas.filter { mayLead($0) && view.live.contains($0) }
            let fit = able.filter(isFit)
            let next = (fit.isEmpty ? able : fit).min {
                (counts[$0] ?? 0, $0.number) < (counts[$1] ?? 0, $1.number)
            }
            guard let next, !mayLead(first) || isFit(next) else { continue }
            counts[first, default: 0] -= 1
            counts[next, default: 0] += 1
            prefer(next, in: group)
        }
    }

    /// Evens preferred leaders along chains: a hands one group to b, b another to c, where c leads
    /// at least two fewer than a. When there is no such chain, no choice is more even.
    mutating func balanceLeaders(_ pool: Pool) {
        var counts = leaderCounts()
        while let chain = leaderChain(counts, pool) {
            for step in chain {
                guard let before = plan[step.group]?.first else { continue }
                counts[before, default: 0] -= 1
                counts[step.to, default: 0] += 1
                prefer(step.to, in: step.group)
            }
        }
    }

    private struct LeaderStep {
        var group: GroupID
        var to: NodeID
    }

    private func leaderChain(_ counts: [NodeID: Int], _ pool: Pool) -> [LeaderStep]? {
        func count(_ node: NodeID) -> Int { counts[node] ?? 0 }
        var ledBy: [NodeID: [GroupID]] = [:]
        for group in state.shardGroups {
            if let first = plan[group]?.first { ledBy[first, default: []].append(group) }
        }
        let starts = pool.eligible.keys.sorted {
            (-count($0), $0.number) < (-count($1), $1.number)
        }
        for start in starts where count(start) > 1 {
            var reached: [NodeID: (from: NodeID, step: LeaderStep)] = [:]
            var queue = [start]
            var place = 0
            while place < queue.count {
                let node = queue[place]
                place += 1
                if count(start) - count(node) > 1 {
                    return path(to: node, from: start, reached)
                }
                for group in ledBy[node] ?? [] {
                    for next in (plan[group] ?? []).dropFirst().sorted()
                    where next != start && reached[next] == nil
                        && pool.isGood(next) && view.live.contains(next)
                        && !view.slow.contains(next)
                    {
                        reached[next] = (node, LeaderStep(group: group, to: next))
                        queue.append(next)
                    }
                }
            }
        }
        return nil
    }

    private func path(
        to end: NodeID, from start: NodeID,
        _ reached: [NodeID: (from: NodeID, step: LeaderStep)]
    ) -> [LeaderStep] {
        var steps: [LeaderStep] = []
        var node = end
        while node != start, let arrival = reached[node] {
            steps.append(arrival.step)
            node = arrival.from
        }
        return steps
    }

    private func leaderCounts() -> [NodeID: Int] {
        var counts: [NodeID: Int] = [:]
        for group in state.shardGroups {
            if let first = plan[group]?.first { counts[first, default: 0] += 1 }
        }
        return counts
    }

    /// Moves no data: it costs no node anything.
    private mutating func prefer(_ node: NodeID, in group: GroupID) {
        guard let replicas = plan[group] else { return }
        plan[group] = [node] + replicas.filter { $0 != node }
        changed.insert(group)
    }
}
