/// Who may talk to this node. Decides, and does nothing.
struct PeerAdmission {
    let own: PeerHello
    /// The nodes named by `setPeers`.
    var members: Set<PeerID> = []

    /// Why the other side is refused, or nil. `dialled`: the node that was to answer, on the side
    /// that dialled.
    func refusal(of hello: PeerHello, dialled: PeerID? = nil) -> PeerRefusal? {
        // A guest asks before it belongs to a cluster.
        let asksFirst = hello.node == nil && hello.clusterID == 0
        guard asksFirst || hello.clusterID == own.clusterID else {
            return PeerRefusal(
                .wrongCluster,
                "\(hello.title) belongs to cluster \(PeerAdmission.hex(hello.clusterID)), "
                    + "\(own.title) to cluster \(PeerAdmission.hex(own.clusterID))")
        }
        guard let node = hello.node else {
            return dialled.map {
                PeerRefusal(.wrongNode, "\(hello.title) answers where \($0) was expected")
            }
        }
        guard node != own.node else {
            return PeerRefusal(
                .ownID, "\(hello.title) has the same number as \(own.title): is it a copy?")
        }
        if let dialled, dialled != node {
            return PeerRefusal(
                .wrongNode, "\(hello.title) answers where \(dialled) was expected")
        }
        guard members.contains(node) else {
            return PeerRefusal(
                .unknownNode, "\(hello.title) is not among the members that \(own.title) knows")
        }
        return nil
    }

    /// Sixteen hexadecimal digits.
    static func hex(_ id: UInt64) -> String {
        let digits = String(id, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
