package import Model
package import Raft

/// What one member of a cluster still has when most of it is lost: a few lines that its stopped
/// node's directory is described by, to be compared with those of other survivors. Layout of the
/// text in docs/format/member.md.
package struct Survivor: Hashable, Sendable {
    /// Of the text.
    package static let formatVersion = 1
    static let heading = "varve survivor"

    /// A group's log as it is here.
    package struct Log: Hashable, Sendable {
        package var group: GroupID
        package var lastTerm: UInt64
        package var lastIndex: UInt64
        /// Who voted as far as is known here; while a change was under way, before it, too.
        package var voters: [NodeID]
        package var outgoingVoters: [NodeID] = []
        /// The log holds a change of members that may have taken effect or not.
        package var isChanging = false
        /// Of the newest sample or line; nil when there is none, and of the meta group.
        package var newest: Timestamp?

        package init(
            group: GroupID, lastTerm: UInt64, lastIndex: UInt64, voters: [NodeID]
        ) {
            self.group = group
            self.lastTerm = lastTerm
            self.lastIndex = lastIndex
            self.voters = voters
        }

        /// The order in which voters choose a leader: of a majority's logs the last one has all that
        /// was ever acknowledged.
        func isBehind(_ other: Log) -> Bool {
            (lastTerm, lastIndex) < (other.lastTerm, other.lastIndex)
        }
    }

    package var identity: ClusterDirectory
    /// Where its peers reach it, HOST:PORT.
    package var address: String
    package var isWitness: Bool
    package var shardCount: Int
    /// Names of the members that have not left, as far as it knows; it is one of them.
    package var members: [NodeID: String]
    /// Of the groups that it has replicas of, by group.
    package var logs: [GroupID: Log]

    package init(
        identity: ClusterDirectory, address: String, isWitness: Bool = false, shardCount: Int,
        members: [NodeID: String], logs: [Log]
    ) {
        self.identity = identity
        self.address = address
        self.isWitness = isWitness
        self.shardCount = shardCount
        self.members = members
        self.logs = Dictionary(logs.map { ($0.group, $0) }, uniquingKeysWith: { $1 })
    }
}

extension Survivor {
    /// For a file.
    package var text: String {
        var lines = [
            Survivor.heading, "format \(Survivor.formatVersion)",
            "cluster \(hexadecimal(identity.clusterID))",
            "node \(identity.node.number) \(identity.name) \(address) \(isWitness ? 1 : 0)",
            "shards \(shardCount)",
        ]
        for (node, name) in members.sorted(by: { $0.key < $1.key }) {
            lines.append("member \(node.number) \(name)")
        }
        for log in logs.values.sorted(by: { $0.group < $1.group }) {
            lines.append(
                "log \(log.group.number) \(log.lastTerm) \(log.lastIndex) "
                    + "\(Survivor.list(log.voters)) \(Survivor.list(log.outgoingVoters)) "
                    + "\(log.isChanging ? 1 : 0) \(log.newest.map { "\($0.nanos)" } ?? "-")")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Errors: `newerFormat`, and `failed` with what is wrong.
    package init(parsing text: String) throws(NodeError) {
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        guard lines.first?.joined(separator: " ") == Survivor.heading, lines.count >= 5,
            lines.allSatisfy({ !$0.isEmpty })
        else { throw NodeError.failed("it is no description of a survivor") }
        let fields = Array(lines.dropFirst())
        guard fields[0].count == 2, fields[0][0] == "format", let version = Int(fields[0][1])
        else { throw NodeError.failed("it names no format") }
        guard version <= Survivor.formatVersion else {
            throw NodeError.newerFormat(found: version, known: Survivor.formatVersion)
        }
        guard let survivor = Survivor(fields: fields) else {
            throw NodeError.failed("it is damaged: copy the file whole")
        }
        self = survivor
    }

    private init?(fields: [[String]]) {
        var clusterID: UInt64?
        var own: (node: NodeID, name: String, address: String, isWitness: Bool)?
        var shardCount = 0
        var members: [NodeID: String] = [:]
        var logs: [Log] = []
        for words in fields.dropFirst() {
            switch (words[0], words.count) {
            case ("cluster", 2): clusterID = UInt64(words[1], radix: 16)
            case ("node", 5):
                guard let node = Survivor.node(words[1]), Newcomer.isName(words[2]),
                    Newcomer.isAddress(words[3])
                else { return nil }
                own = (node, words[2], words[3], words[4] == "1")
            case ("shards", 2): shardCount = Int(words[1]) ?? 0
            case ("member", 3):
                guard let node = Survivor.node(words[1]) else { return nil }
                members[node] = words[2]
            case ("log", 8):
                guard let log = Survivor.log(words) else { return nil }
                logs.append(log)
            default: return nil
            }
        }
        guard let clusterID, clusterID != 0, let own, members[own.node] != nil,
            (1...DataDirectory.shardCountMax).contains(shardCount),
            logs.allSatisfy({ $0.group.number <= UInt32(shardCount) })
        else { return nil }
        self.init(
            identity: ClusterDirectory(
                clusterID: clusterID, node: own.node, name: own.name, zone: nil),
            address: own.address, isWitness: own.isWitness, shardCount: shardCount,
            members: members, logs: logs)
    }

    private static func log(_ words: [String]) -> Log? {
        guard let group = UInt32(words[1]), let term = UInt64(words[2]),
            let index = UInt64(words[3]), let voters = nodes(words[4]),
            let outgoing = nodes(words[5])
        else { return nil }
        var log = Log(
            group: GroupID(group), lastTerm: term, lastIndex: index, voters: voters)
        log.outgoingVoters = outgoing
        log.isChanging = words[6] == "1"
        log.newest = Int64(words[7]).map { Timestamp(nanos: $0) }
        return log
    }

    /// `1,2,3`, or `-` for nobody.
    private static func list(_ nodes: [NodeID]) -> String {
        nodes.isEmpty ? "-" : nodes.map { "\($0.number)" }.joined(separator: ",")
    }

    private static func nodes(_ text: String) -> [NodeID]? {
        guard text != "-" else { return [] }
        var nodes: [NodeID] = []
        for part in text.split(separator: ",") {
            guard let node = node(String(part)) else { return nil }
            nodes.append(node)
        }
        return nodes
    }

    private static func node(_ text: String) -> NodeID? {
        UInt64(text).flatMap { NodeID(nonzero: $0) }
    }
}
