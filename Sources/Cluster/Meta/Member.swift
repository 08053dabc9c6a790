package import Raft

/// A node as the cluster knows it. Its id is for good: a node that comes back without its disk
/// joins again, under a new id, in place of the old one.
package struct Member: Hashable, Sendable {
    /// What the cluster may expect of a member.
    package enum State: UInt8, Hashable, Sendable {
        case active = 1
        /// On its way out: what it holds moves to others.
        case draining = 2
        /// Left or replaced; never comes back.
        case gone = 3
    }

    package let id: NodeID
    package let name: String
    /// Where it stands; nodes of one zone may fail together. Nil: alone in a zone of its own.
    package var zone: String?
    /// Where its peers reach it, HOST:PORT.
    package var address: String
    /// Where clients reach it, HOST:PORT.
    package var httpAddress: String
    /// The newest formats and commands that it understands.
    package var featureLevel: UInt32
    package var state: State
    /// Votes and keeps logs, but never keeps data: the third place of a site with two zones. It
    /// votes in the meta group only, and there when no other member serves as well.
    package let isWitness: Bool
    /// Of the join that made it a member: the same join again gets the same id.
    package let token: UInt64

    package init(
        id: NodeID, _ newcomer: Newcomer, state: State = .active
    ) {
        self.id = id
        name = newcomer.name
        zone = newcomer.zone
        address = newcomer.address
        httpAddress = newcomer.httpAddress
        featureLevel = newcomer.featureLevel
        isWitness = newcomer.isWitness
        token = newcomer.token
        self.state = state
    }

    /// What fails together with it: its zone, or itself.
    package var failureDomain: FailureDomain { zone.map { .zone($0) } ?? .node(id) }

    /// Whether shards may be placed on it.
    package var mayKeepData: Bool { state == .active && !isWitness }
}

/// What can be lost at once: a zone, or a node that names none.
package enum FailureDomain: Hashable, Sendable, CustomStringConvertible {
    case zone(String)
    case node(NodeID)

    package var description: String {
        switch self {
        case .zone(let name): "zone \(name)"
        case .node(let id): "\(id)"
        }
    }
}

/// What a node says of itself when it founds a cluster or joins one.
package struct Newcomer: Hashable, Sendable {
    /// Bytes of a name or a zone.
    package static let nameBytesMax = 255
    /// Bytes of an address: a host name of 253, a colon, a port.
    package static let addressBytesMax = 259

    package var name: String
    package var zone: String?
    package var address: String
    package var httpAddress: String
    package var featureLevel: UInt32
    package var isWitness: Bool
    /// Random; the same in every attempt of one join.
    package var token: UInt64

    package init(
        name: String, zone: String? = nil, address: String, httpAddress: String,
        featureLevel: UInt32, isWitness: Bool = false, token: UInt64
    ) {
        self.name = name
        self.zone = zone
        self.address = address
        self.httpAddress = httpAddress
        self.featureLevel = featureLevel
        self.isWitness = isWitness
        self.token = token
    }

    /// What is wrong with it, or nil.
    var flaw: ClusterRefusal? {
        if !Newcomer.isName(name) { return .badName(name) }
        if let zone, !Newcomer.isName(zone) { return .badName(zone) }
        for text in [address, httpAddress] where !Newcomer.isAddress(text) {
            return .badAddress(text)
        }
        return nil
    }

    /// Names and zones are words: printable, without spaces, for files and command lines.
    package static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= nameBytesMax
            && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
    }

    /// HOST:PORT, the host not empty, the port 1 to 65535.
    static func isAddress(_ text: String) -> Bool {
        guard text.utf8.count <= addressBytesMax, let colon = text.lastIndex(of: ":"),
            colon > text.startIndex, let port = UInt16(text[text.index(after: colon)...])
        else { return false }
        return port > 0 && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
    }
}
