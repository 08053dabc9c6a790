internal import Encoding
package import Raft

/// How the journal, and images, write down who is in a group: four lists of node numbers (a u16
/// count, then u64 each), voters, learners, outgoing voters and next learners, and a flag. The
/// index stands beside it.
extension GroupConfiguration {
    /// All but the index.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        for nodes in [voters, learners, outgoingVoters, nextLearners] {
            writer.u16(UInt16(nodes.count))
            for node in nodes { writer.u64(node.number) }
        }
        writer.u8(leavesByItself ? 1 : 0)
        return writer.bytes
    }

    /// Nil for what `encoded` did not write.
    package init?(index: UInt64, decoding bytes: ArraySlice<UInt8>) {
        var reader = ByteReader(bytes)
        do {
            var lists: [[NodeID]] = []
            for _ in 0..<4 {
                var nodes: [NodeID] = []
                for _ in 0..<(try reader.u16()) {
                    guard let node = NodeID(nonzero: try reader.u64()) else { return nil }
                    nodes.append(node)
                }
                lists.append(nodes)
            }
            let flag = try reader.u8()
            guard reader.isAtEnd, flag <= 1 else { return nil }
            self.init(index: index, voters: lists[0], learners: lists[1])
            outgoingVoters = lists[2]
            nextLearners = lists[3]
            leavesByItself = flag == 1
        } catch {
            return nil
        }
    }
}
