package import Model
internal import Raft

/// What a recovery would do and what could be lost by it, for a person who has to decide.
extension RecoveryPlan {
    /// Lines. `time`: how a point in time is shown.
    package func report(
        _ survivors: [Survivor], time: (Timestamp) -> String
    ) -> [String] {
        let names = survivors.reduce(into: [NodeID: String]()) { names, survivor in
            names.merge(survivor.members) { first, _ in first }
        }
        func name(_ node: NodeID) -> String { "\(names[node] ?? "?") (\(node))" }
        let lost = names.keys.filter { addresses[$0] == nil }.sorted()
        let who = self.survivors.map(name).joined(separator: ", ")
        let without = lost.isEmpty ? "nobody" : lost.map(name).joined(separator: ", ")
        var lines = [
            "cluster \(hexadecimal(formerID)) goes on as \(hexadecimal(clusterID)) with \(who)",
            "never to come back: \(without)",
            "If the disk of one of these may come back, do nothing: start its node again.",
            "",
        ]
        var harmless: [GroupID] = []
        for (group, loss) in losses(survivors) {
            let title = GroupNames([group]).description
            let holder = name(holder(of: group))
            switch loss {
            case .nothing: harmless.append(group)
            case .everything:
                lines.append("\(title): ALL IS LOST, it begins empty on \(holder)")
            case .tail(let log, let survivingVoters, let voters):
                let newest = log.newest.map { ", newest data of \(time($0))" } ?? ""
                lines.append(
                    "\(title): goes on from \(holder), entry \(log.lastIndex) of term "
                        + "\(log.lastTerm)\(newest); \(voters - survivingVoters) of \(voters) "
                        + "voters are lost: what they acknowledged later is lost")
            }
            lines += behind(group, survivors, name)
        }
        if !harmless.isEmpty {
            lines.append("\(GroupNames(harmless)): a majority survived, nothing is lost")
        }
        return lines
    }

    /// Survivors whose logs end earlier than the one that goes on.
    private func behind(
        _ group: GroupID, _ survivors: [Survivor], _ name: (NodeID) -> String
    ) -> [String] {
        guard let best = RecoveryPlan.best(group, survivors)?.logs[group] else { return [] }
        return survivors.compactMap { survivor in
            guard let log = survivor.logs[group], log.isBehind(best) else { return nil }
            return "  \(name(survivor.identity.node)) ends at entry \(log.lastIndex) of term "
                + "\(log.lastTerm) and is filled again"
        }
    }
}
