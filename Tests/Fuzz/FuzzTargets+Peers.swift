internal import Encoding
internal import Platform
internal import Raft
internal import Replication

/// What comes over a connection between nodes, before and after it is known who is there.
extension FuzzTargets {
    static let peers = [
        Target(
            "peer_hello", seeds: [hello, Array(hello.dropLast()), [0x56, 0x41]], run: peerHello),
        Target(
            "peer_frame", seeds: [frame, frame + frame, [255, 255, 255, 255, 1]], run: peerFrame),
        Target("group_message", seeds: [message, Array(message.prefix(20))], run: groupMessage),
    ]

    private static let hello = PeerHello(
        clusterID: 7, node: PeerID(3), name: "web-1", featureLevel: 1
    ).encoded()

    private static let frame = PeerFrame(kind: 1, parts: [[1, 2, 3], [], [4]]).encoded()

    /// A head without entries, whose checksum is made right below.
    private static let message: [UInt8] = {
        var writer = ByteWriter()
        writer.u32(1)
        writer.u8(0)
        writer.u32(0)
        writer.u64(1)
        writer.u32(3)
        writer.raw([8, 4, 16] as [UInt8])
        return writer.bytes
    }()

    private static func peerHello(_ bytes: [UInt8]) {
        if let hello = try? PeerHello(decoding: bytes) {
            precondition(hello.name.utf8.count <= PeerHello.nameByteCountMax, "a long name")
        }
        _ = try? PeerAnswer.decode(bytes)
    }

    private static func peerFrame(_ bytes: [UInt8]) {
        guard let (frame, byteCount) = try? PeerFrame.decode(bytes) else { return }
        precondition(frame.encoded() == Array(bytes.prefix(byteCount)), "not what was read")
    }

    private static func groupMessage(_ bytes: [UInt8]) {
        var sealed = ByteWriter(bytes)
        sealed.u32(CRC32C.checksum(of: bytes))
        for head in [bytes, sealed.bytes] {
            for payloads in [[], [[1, 2, 3]], [[], [9]]] as [[[UInt8]]] {
                // The second is read only where the first is sound.
                let parts = [head] + payloads
                _ = ReceivedMessage.all(in: parts + parts, from: NodeID(1), to: NodeID(2))
            }
        }
    }
}
