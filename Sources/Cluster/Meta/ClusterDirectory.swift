package import Platform
package import Raft

/// The file `varve.member` at the root of a data directory: which member of which cluster the data
/// belongs to. Identity lives with the disk: a directory without it belongs to nobody yet, and a
/// node whose disk is lost comes back as somebody new.
///
///     varve member
///     format 1
///     cluster 00c0ffee00c0ffee
///     node 3
///     name web-1
///     zone a
///
/// `zone` is missing when there is none.
package struct ClusterDirectory: Hashable, Sendable {
    static let path = DiskPath("varve.member")
    /// Of the file.
    package static let formatVersion = 1
    private static let heading = "varve member"

    package let clusterID: UInt64
    package let node: NodeID
    package let name: String
    package let zone: String?

    /// Name and zone must be words, as the cluster's rules have them.
    package init(clusterID: UInt64, node: NodeID, name: String, zone: String?) {
        precondition(clusterID != 0, "BUG: no cluster has the id 0")
        precondition(Newcomer.isName(name), "BUG: a member's name is a word")
        precondition(zone.map(Newcomer.isName) ?? true, "BUG: a zone's name is a word")
        self.clusterID = clusterID
        self.node = node
        self.name = name
        self.zone = zone
    }
}

extension ClusterDirectory {
    /// What the directory says, or nil when it belongs to nobody yet.
    package static func read(_ disk: any Disk) throws(NodeError) -> ClusterDirectory? {
        guard disk.exists(path) else { return nil }
        let bytes: [UInt8]
        do {
            bytes = try disk.readAll(path)
        } catch {
            throw NodeError.failed("\(error)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw flaw("is not text")
        }
        return try ClusterDirectory(parsing: text)
    }

    /// Durable when it returns, in place of what was there.
    package func write(_ disk: any Disk) throws(NodeError) {
        do {
            try disk.replaceDurably(ClusterDirectory.path, with: Array(text.utf8))
        } catch {
            throw NodeError.failed("\(error)")
        }
    }

    /// The file's content.
    package var text: String {
        """
        \(ClusterDirectory.heading)
        format \(ClusterDirectory.formatVersion)
        cluster \(hexadecimal(clusterID))
        node \(node.number)
        name \(name)

        """ + (zone.map { "zone \($0)\n" } ?? "")
    }

    /// Errors: `newerFormat` before anything else is looked at, `notADataDirectory` with what is
    /// wrong.
    package init(parsing text: String) throws(NodeError) {
        let lines = text.split(separator: "\n")
        guard lines.first.map(String.init) == ClusterDirectory.heading else {
            throw ClusterDirectory.flaw("begins otherwise")
        }
        var values: [String: String] = [:]
        for line in lines.dropFirst() {
            let words = line.split(separator: " ")
            guard words.count == 2, values[String(words[0])] == nil else {
                throw ClusterDirectory.flaw("has a line '\(line)'")
            }
            values[String(words[0])] = String(words[1])
        }
        guard let version = values["format"].flatMap(Int.init), version > 0 else {
            throw ClusterDirectory.flaw("names no format")
        }
        guard version <= ClusterDirectory.formatVersion else {
            throw NodeError.newerFormat(found: version, known: ClusterDirectory.formatVersion)
        }
        guard let digits = values["cluster"], digits.utf8.count == 16,
            let clusterID = UInt64(digits, radix: 16), clusterID != 0
        else { throw ClusterDirectory.flaw("names no cluster of 16 hexadecimal digits") }
        guard let node = values["node"].flatMap(UInt64.init).flatMap(NodeID.init(nonzero:)) else {
            throw ClusterDirectory.flaw("names no node")
        }
        guard let name = values["name"], Newcomer.isName(name) else {
            throw ClusterDirectory.flaw("names no name")
        }
        if let zone = values["zone"], !Newcomer.isName(zone) {
            throw ClusterDirectory.flaw("names no proper zone")
        }
        self.init(clusterID: clusterID, node: node, name: name, zone: values["zone"])
    }

    private static func flaw(_ what: String) -> NodeError {
        .notADataDirectory(reason: "\(path) \(what)")
    }
}
