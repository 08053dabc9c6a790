internal import Encoding
package import Raft

/// What a newcomer is told: who it is from now on, and of what cluster.
package struct JoinAnswer: Hashable, Sendable {
    package var clusterID: UInt64
    package var node: NodeID
    package var founder: NodeID
    package var shardCount: Int
    /// Where the members are reached: the newcomer knows nobody yet.
    package var addresses: [NodeID: String]

    init(
        clusterID: UInt64, node: NodeID, founder: NodeID, shardCount: Int,
        addresses: [NodeID: String] = [:]
    ) {
        self.clusterID = clusterID
        self.node = node
        self.founder = founder
        self.shardCount = shardCount
        self.addresses = addresses
    }

    /// Behind a first byte of 1; a refusal is a 0 and a sentence.
    package func encoded() -> [UInt8] {
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
    package enum Reading: Hashable, Sendable {
        case accepted(JoinAnswer)
        case refused(String)
    }

    /// Total: what is no answer is a refusal.
    package static func read(_ bytes: [UInt8]) -> Reading {
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
