internal import Encoding
package import Platform
package import Raft

/// How the survivors of a cluster go on: under a new id, each group from the log of one of them. A
/// function of what the survivors have: whoever is given the same descriptions makes the same plan.
///
/// While it is carried out it lies in a node's directory as `varve.recovery`, and the node does not
/// start. Layout in docs/format/member.md.
package struct RecoveryPlan: Hashable, Sendable {
    static let path = DiskPath("varve.recovery")
    /// Of the file.
    package static let formatVersion = 1
    private static let heading = "varve recovery"

    /// Of the cluster from now on, and until now.
    package let clusterID: UInt64
    package let formerID: UInt64
    /// Where the survivors are, HOST:PORT.
    package let addresses: [NodeID: String]
    /// Whose log each group goes on with: the meta group, then by shard.
    package let holders: [NodeID]

    /// Who goes on.
    package var survivors: [NodeID] { addresses.keys.sorted() }

    /// Errors: `failed` with why these can not go on together.
    package init(_ survivors: [Survivor]) throws(NodeError) {
        let all = survivors.sorted { $0.identity.node < $1.identity.node }
        guard let first = all.first else { throw NodeError.failed("nobody survived") }
        if let other = all.first(where: {
            $0.identity.clusterID != first.identity.clusterID || $0.shardCount != first.shardCount
        }) {
            throw NodeError.failed(
                "\(other.identity.name) and \(first.identity.name) are of different clusters")
        }
        let nodes = all.map(\.identity.node)
        guard Set(nodes).count == nodes.count else {
            throw NodeError.failed("a survivor is described twice")
        }
        let keepers = all.filter { !$0.isWitness }
        guard !keepers.isEmpty else {
            throw NodeError.failed("witnesses alone survived: no data is left")
        }
        guard let meta = RecoveryPlan.best(ClusterState.metaGroup, all) else {
            throw NodeError.failed(
                "the cluster's state has never come to any of them: they can not go on")
        }
        if let stranger = all.first(where: { meta.members[$0.identity.node] == nil }) {
            throw NodeError.failed(
                "\(stranger.identity.name) (\(stranger.identity.node)) is no member in the newest "
                    + "state that is left, of \(meta.identity.name): leave it out; it joins "
                    + "afterwards with an empty directory")
        }
        formerID = first.identity.clusterID
        clusterID = max(
            StableHash.hash64(Array(all.map(\.text).joined().utf8), seed: formerID), 1)
        addresses = Dictionary(
            all.map { ($0.identity.node, $0.address) }, uniquingKeysWith: { $1 })
        var holders = [meta.identity.node]
        for shard in 0..<first.shardCount {
            let group = ShardGroup.group(of: shard)
            // What nobody has begins anew with whom it burdens least.
            let holder =
                RecoveryPlan.best(group, keepers)
                ?? keepers.min { one, two in
                    holders.count { $0 == one.identity.node }
                        < holders.count { $0 == two.identity.node }
                }
            holders.append(holder?.identity.node ?? meta.identity.node)
        }
        self.holders = holders
    }

    /// Who has most of the group's log; nil when nobody has any.
    static func best(_ group: GroupID, _ survivors: [Survivor]) -> Survivor? {
        survivors.filter { $0.logs[group] != nil }.max { one, two in
            guard let first = one.logs[group], let second = two.logs[group] else { return false }
            return first.isBehind(second)
        }
    }

    /// Whose log the group goes on with.
    package func holder(of group: GroupID) -> NodeID { holders[Int(group.number)] }

    package var groups: [GroupID] { holders.indices.map { GroupID(UInt32($0)) } }
}

extension RecoveryPlan {
    /// What becomes of one group.
    package enum Loss: Hashable, Sendable {
        /// A majority survived, and with it all that was acknowledged.
        case nothing
        /// What the others acknowledged after the end of the log that is left.
        case tail(Survivor.Log, survivingVoters: Int, voters: Int)
        /// Nobody has any of it.
        case everything
    }

    /// What may be lost, by group.
    package func losses(_ survivors: [Survivor]) -> [(group: GroupID, loss: Loss)] {
        groups.map { group in
            guard let log = RecoveryPlan.best(group, survivors)?.logs[group] else {
                return (group, .everything)
            }
            let here = Set(survivors.filter { $0.logs[group] != nil }.map(\.identity.node))
            func hasMajority(_ voters: [NodeID]) -> Bool {
                voters.isEmpty || voters.count(where: here.contains) > voters.count / 2
            }
            // Who voted last is known only when no change is in the log.
            let isWhole =
                !log.isChanging && hasMajority(log.voters) && hasMajority(log.outgoingVoters)
            guard !isWhole else { return (group, .nothing) }
            return (
                group,
                .tail(
                    log, survivingVoters: log.voters.count(where: here.contains),
                    voters: log.voters.count)
            )
        }
    }
}

extension RecoveryPlan {
    /// What the directory says is under way; nil when nothing is.
    package static func read(_ disk: any Disk) throws(NodeError) -> RecoveryPlan? {
        guard disk.exists(path) else { return nil }
        do {
            return try RecoveryPlan(
                parsing: String(decoding: try disk.readAll(path), as: UTF8.self))
        } catch let error as NodeError {
            throw error
        } catch {
            throw NodeError.failed("\(error)")
        }
    }

    /// The file's content.
    package var text: String {
        var lines = [
            RecoveryPlan.heading, "format \(RecoveryPlan.formatVersion)",
            "cluster \(hexadecimal(clusterID))", "former \(hexadecimal(formerID))",
        ]
        for (node, address) in addresses.sorted(by: { $0.key < $1.key }) {
            lines.append("survivor \(node.number) \(address)")
        }
        lines += holders.map { "group \($0.number)" }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Errors: `newerFormat`, and `notADataDirectory` with what is wrong.
    package init(parsing text: String) throws(NodeError) {
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        let flaw = NodeError.notADataDirectory(reason: "\(RecoveryPlan.path) is damaged")
        guard lines.count > 4, lines[0].joined(separator: " ") == RecoveryPlan.heading,
            lines[1].count == 2, let version = Int(lines[1][1])
        else { throw flaw }
        guard version <= RecoveryPlan.formatVersion else {
            throw NodeError.newerFormat(found: version, known: RecoveryPlan.formatVersion)
        }
        guard lines[2].count == 2, let clusterID = UInt64(lines[2][1], radix: 16),
            lines[3].count == 2, let formerID = UInt64(lines[3][1], radix: 16)
        else { throw flaw }
        var addresses: [NodeID: String] = [:]
        var holders: [NodeID] = []
        for words in lines.dropFirst(4) {
            guard words.count > 1, let number = UInt64(words[1]),
                let node = NodeID(nonzero: number)
            else { throw flaw }
            switch (words[0], words.count) {
            case ("survivor", 3): addresses[node] = words[2]
            case ("group", 2): holders.append(node)
            default: throw flaw
            }
        }
        guard clusterID != 0, holders.count > 1,
            holders.allSatisfy({ addresses[$0] != nil })
        else { throw flaw }
        self.clusterID = clusterID
        self.formerID = formerID
        self.addresses = addresses
        self.holders = holders
    }
}
