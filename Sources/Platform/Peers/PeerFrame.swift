internal import NIOCore

/// What nodes exchange: a kind and parts whose meaning is the sender's and the receiver's.
///
/// The parts are written one behind the other without being joined, and each becomes one array on
/// the other side. Layout: docs/format/peer.md.
package struct PeerFrame: Hashable, Sendable {
    /// What follows the first four bytes of a frame. More than the largest batch with its head
    /// (an image travels in pieces); less than what would hold up heartbeats for long.
    package static let byteCountMax = 64 << 20
    /// A message of each group of a node fits, and the lengths still fit a read of 16 KiB.
    package static let partCountMax = 4_096
    /// byteCount, kind, zero, partCount.
    static let headByteCount = 8
    /// The kind of the transport's own frames, which say only that the sender lives. They are
    /// never handed up.
    static let keepAliveKind: UInt8 = 0
    static let keepAlive = PeerFrame(kind: keepAliveKind, parts: [])

    /// Not 0, except for the transport's own frames.
    package let kind: UInt8
    /// Opaque bytes; a part may be empty.
    package let parts: [[UInt8]]

    /// The frame must be within the limits, see `fits`.
    package init(kind: UInt8, parts: [[UInt8]]) {
        precondition(PeerFrame.fits(parts), "a peer frame beyond its limits")
        self.kind = kind
        self.parts = parts
    }

    /// Whether a frame can hold `parts`. O(number of parts).
    package static func fits(_ parts: [[UInt8]]) -> Bool {
        parts.count <= partCountMax && wireByteCount(of: parts) - 4 <= byteCountMax
    }

    /// All its bytes on the wire.
    package var wireByteCount: Int { PeerFrame.wireByteCount(of: parts) }

    private static func wireByteCount(of parts: [[UInt8]]) -> Int {
        parts.reduce(headByteCount + 4 * parts.count) { $0 + $1.count }
    }

    /// Head and lengths of the parts: what precedes the first part.
    func writeHead(into buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt32(wireByteCount - 4), endianness: .little)
        buffer.writeInteger(kind)
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt16(parts.count), endianness: .little)
        for part in parts { buffer.writeInteger(UInt32(part.count), endianness: .little) }
    }

    /// The whole frame as one array: for tests and what is small.
    package func encoded() -> [UInt8] {
        var buffer = ByteBuffer()
        writeHead(into: &buffer)
        for part in parts { buffer.writeBytes(part) }
        return Array(buffer.readableBytesView)
    }

    /// The frame as buffers to write one behind the other: for single frames.
    func pieces() -> [ByteBuffer] {
        var head = ByteBuffer()
        writeHead(into: &head)
        return [head] + parts.filter { !$0.isEmpty }.map { ByteBuffer(bytes: $0) }
    }

    /// The frame at the head of `bytes` and how many of them it takes; nil when the rest of it is
    /// still to come.
    package static func decode(
        _ bytes: [UInt8]
    ) throws(PeerFormatError) -> (frame: PeerFrame, byteCount: Int)? {
        var buffer = ByteBuffer(bytes: bytes)
        var assembler = PeerFrameAssembler()
        guard let frame = try assembler.next(&buffer) else { return nil }
        return (frame, bytes.count - buffer.readableBytes)
    }
}

/// Why bytes of a peer make no sense. Its text completes "refused node 7: …".
package enum PeerFormatError: Error, Hashable, Sendable, CustomStringConvertible {
    case frameTooLarge(byteCount: Int)
    case tooManyParts(Int)
    /// The lengths of the parts do not add up to that of the frame.
    case partsDoNotAddUp
    /// A byte that must be zero is not.
    case reservedNotZero
    /// The first bytes are those of another protocol.
    case notAHello
    /// The first bytes are those of TLS, where none is spoken.
    case securedWherePlain
    /// A hello or refusal whose length or name makes no sense.
    case malformedHello
    /// It speaks none of our versions.
    case noCommonVersion(oldest: Int, newest: Int)

    package var description: String {
        switch self {
        case .frameTooLarge(let count):
            "a frame of \(count) bytes, more than \(PeerFrame.byteCountMax)"
        case .tooManyParts(let count):
            "a frame of \(count) parts, more than \(PeerFrame.partCountMax)"
        case .partsDoNotAddUp: "a frame whose parts do not add up to its length"
        case .reservedNotZero: "a byte that must be zero is not"
        case .notAHello: "it does not speak the peer protocol"
        case .securedWherePlain: "it speaks TLS, and this side was not told to"
        case .malformedHello: "its hello is malformed"
        case .noCommonVersion(let oldest, let newest):
            "it speaks the peer protocol's versions \(oldest) to \(newest), here it is "
                + "\(PeerHello.versionOldest) to \(PeerHello.versionNewest)"
        }
    }
}
