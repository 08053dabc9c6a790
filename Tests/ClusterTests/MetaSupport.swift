import Cluster
import Raft

func node(_ number: UInt64) -> NodeID { NodeID(number) }

func nodes(_ numbers: UInt64...) -> [NodeID] { numbers.map { NodeID($0) } }

func newcomer(
    _ name: String, zone: String? = nil, featureLevel: UInt32 = 1, isWitness: Bool = false,
    token: UInt64
) -> Newcomer {
    Newcomer(
        name: name, zone: zone, address: "\(name):8781", httpAddress: "\(name):8780",
        featureLevel: featureLevel, isWitness: isWitness, token: token)
}

/// A cluster with commands applied one after the other.
struct ClusterLog {
    var state = ClusterState()
    var commands: [ClusterCommand] = []

    init() {}

    /// Of members 1, 2, …, in the zones given; all groups on the founder.
    init(shardCount: Int, zones: [String?]) {
        found(shardCount: shardCount, zone: zones[0])
        for zone in zones.dropFirst() { join(zone: zone) }
    }

    @discardableResult
    mutating func apply(_ command: ClusterCommand) -> ClusterOutcome {
        commands.append(command)
        return state.apply(index: UInt64(commands.count), command)
    }

    @discardableResult
    mutating func found(
        shardCount: Int = 4, zone: String? = nil, featureLevel: UInt32 = 1
    ) -> ClusterOutcome {
        apply(
            .found(
                clusterID: 0xc0ffee, shardCount: shardCount, founder: node(1),
                newcomer("n1", zone: zone, featureLevel: featureLevel, token: 1),
                ClusterSettings()))
    }

    @discardableResult
    mutating func join(zone: String? = nil, isWitness: Bool = false) -> ClusterOutcome {
        let number = state.nextNodeNumber
        return apply(
            .join(
                newcomer("n\(number)", zone: zone, isWitness: isWitness, token: number),
                replaces: nil))
    }
}
