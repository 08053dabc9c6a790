internal import Encoding
internal import Raft

/// What a newcomer is told: who it is from now on, and of what cluster.
struct JoinAnswer: Hashable, Sendable {
    var clusterID: UInt64
    var node: NodeID
    var founder: NodeID
    var shardCount: Int
    /// Where the members are reached: the newcomer knows nobody yet.
    var addresses: [NodeID: String] = [:]

    /// Behind a first byte of 1; a refusal is a 0 and a sentence.
    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(1)
        writer.u64(clusterID)
        writer.u64(node.number)
        writer.u64(founder.number)
        writer.u32(UInt32(shardCount))
        writer.varint(UInt64(addresses.count))
        for (node, address) in addresses.sorted(by: { $0.key < $1.key }) {
            writer.node(node)
            writer.text(address)
        }
        return writer.bytes
    }

    /// Ends a refusal that will pass.
    static let tryAgain = "try again"

    static func refusal(_ sentence: String) -> [UInt8] { [0] + Array(sentence.utf8) }

    /// The answer, or the sentence of a refusal.
    enum Reading: Hashable, Sendable {
        case accepted(JoinAnswer)
        case refused(String)
    }

    static func read(_ bytes: [UInt8]) -> Reading {
        guard bytes.first == 1 else {
            return .refused(String(decoding: bytes.dropFirst(), as: UTF8.self))
        }
        var reader = ByteReader(bytes.dropFirst())
        do {
            let clusterID = try reader.u64()
            guard let node = NodeID(nonzero: try reader.u64()),
                let founder = NodeID(nonzero: try reader.u64())
            else { return .refused("the other side gives no id") }
            var answer = JoinAnswer(
                clusterID: clusterID, node: node, founder: founder,
                shardCount: Int(try reader.u32()))
            for _ in 0..<(try reader.count(limit: ClusterState.membersMax)) {
                let member = try reader.node()
                answer.addresses[member] = try reader.text()
            }
            return .accepted(answer)
        } catch {
            return .refused("the other side's answer ends early")
        }
    }
}
