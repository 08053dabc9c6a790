/// What the node says of itself to the cluster.
package struct ClusterProfile: Sendable, Hashable {
    package var name: String
    package var zone: String?
    /// Where peers reach it, HOST:PORT.
    package var address: String
    /// Where clients reach it, HOST:PORT.
    package var httpAddress: String
    package var isWitness = false
    /// How long a member may be silent before it is replaced.
    package var graceNanos: Int64 = 600_000_000_000

    package init(name: String, zone: String?, address: String, httpAddress: String) {
        self.name = name
        self.zone = zone
        self.address = address
        self.httpAddress = httpAddress
    }

    func newcomer(token: UInt64) -> Newcomer {
        Newcomer(
            name: name, zone: zone, address: address, httpAddress: httpAddress,
            featureLevel: ClusterFeatures.level, isWitness: isWitness, token: token)
    }
}

/// What this binary can do, for members that may be older.
package enum ClusterFeatures {
    package static let level: UInt32 = 1
}
