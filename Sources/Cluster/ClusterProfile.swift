/// What the node says of itself to the cluster.
package struct ClusterProfile: Sendable, Hashable {
    package var name: String
    package var zone: String?
    /// Where peers reach it, HOST:PORT.
    package var address: String
    /// Where clients reach it, HOST:PORT.
    package var httpAddress: String
    package var isWitness = false
    /// What this binary understands.
    package var featureLevel = ClusterFeatures.level
    /// How long a member may be silent before it is replaced.
    package var graceNanos: Int64 = 600_000_000_000

    package init(name: String, zone: String?, address: String, httpAddress: String) {
        self.name = name
        self.zone = zone
        self.address = address
        self.httpAddress = httpAddress
    }

    /// Why a member of this kind has no place in the cluster any more; nil when it has.
    func misfit(_ cluster: ClusterState) -> String? {
        guard cluster.featureLevel > featureLevel else { return nil }
        return
            "\(ClusterRefusal.featureLevelTooLow(has: featureLevel, needs: cluster.featureLevel))"
    }

    func newcomer(token: UInt64) -> Newcomer {
        Newcomer(
            name: name, zone: zone, address: address, httpAddress: httpAddress,
            featureLevel: featureLevel, isWitness: isWitness, token: token)
    }
}

/// What this binary can do, for members that may be older.
package enum ClusterFeatures {
    package static let level: UInt32 = 2

    /// From which on single series and lines are deleted: older members can not read the entries.
    static let deletion: UInt32 = 2
}
