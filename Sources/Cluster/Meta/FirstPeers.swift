package import Platform
package import Raft

/// The file `varve.peers` at the root of a newcomer's data directory: where the members were when
/// it joined. Read until the cluster's state has come from one of them.
///
///     varve peers
///     format 1
///     1 10.0.0.1:8781
///     2 10.0.0.2:8781
package struct FirstPeers: Hashable, Sendable {
    static let path = DiskPath("varve.peers")
    /// Of the file.
    package static let formatVersion = 1
    private static let heading = "varve peers"

    /// HOST:PORT by member.
    package var addresses: [NodeID: String]

    package init(addresses: [NodeID: String] = [:]) { self.addresses = addresses }

    /// What the directory says; nobody when it says nothing.
    package static func read(_ disk: any Disk) throws(NodeError) -> FirstPeers {
        guard disk.exists(path) else { return FirstPeers() }
        do {
            return try FirstPeers(
                parsing: String(decoding: try disk.readAll(path), as: UTF8.self))
        } catch let error as NodeError {
            throw error
        } catch {
            throw NodeError.failed("\(error)")
        }
    }

    /// Durable when it returns.
    package func write(_ disk: any Disk) throws(NodeError) {
        do {
            try disk.replaceDurably(FirstPeers.path, with: Array(text.utf8))
        } catch {
            throw NodeError.failed("\(error)")
        }
    }

    /// The file's content.
    package var text: String {
        let lines = addresses.sorted { $0.key < $1.key }.map { "\($0.key.number) \($0.value)\n" }
        return "\(FirstPeers.heading)\nformat \(FirstPeers.formatVersion)\n" + lines.joined()
    }

    /// Errors: `newerFormat`, and `notADataDirectory` with what is wrong.
    package init(parsing text: String) throws(NodeError) {
        let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
        guard lines.count >= 2, lines[0].joined(separator: " ") == FirstPeers.heading,
            lines[1].count == 2, lines[1][0] == "format", let version = Int(lines[1][1])
        else { throw NodeError.notADataDirectory(reason: "\(FirstPeers.path) begins otherwise") }
        guard version <= FirstPeers.formatVersion else {
            throw NodeError.newerFormat(found: version, known: FirstPeers.formatVersion)
        }
        addresses = [:]
        for words in lines.dropFirst(2) {
            guard words.count == 2, let number = UInt64(words[0]),
                let node = NodeID(nonzero: number), Newcomer.isAddress(String(words[1]))
            else {
                throw NodeError.notADataDirectory(
                    reason: "\(FirstPeers.path) has a line '\(words.joined(separator: " "))'")
            }
            addresses[node] = String(words[1])
        }
    }
}
