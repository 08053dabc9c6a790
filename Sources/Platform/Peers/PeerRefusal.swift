internal import NIOCore

/// Why a node does not talk to another: what it answers instead of its hello, and what both sides
/// tell their people. Layout: docs/format/peer.md.
package struct PeerRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// The word for the counter; the number for the wire.
    package enum Reason: UInt16, Hashable, Sendable, CaseIterable {
        /// A reason of a later version.
        case other = 0
        case wrongCluster = 1
        case noCommonVersion = 2
        case garbage = 3
        case unknownNode = 4
        case ownID = 5
        /// Another node answers at the address of the one that was dialled.
        case wrongNode = 6
        case certificate = 7
        case tooMany = 8

        /// The label of `varve_peer_refusals_total`.
        package var word: String {
            switch self {
            case .other: "other"
            case .wrongCluster: "wrong_cluster"
            case .noCommonVersion: "no_common_version"
            case .garbage: "garbage"
            case .unknownNode: "unknown_node"
            case .ownID: "own_id"
            case .wrongNode: "wrong_node"
            case .certificate: "certificate"
            case .tooMany: "too_many"
            }
        }
    }

    /// Long enough for two names and a sentence.
    package static let textByteCountMax = 512
    static let magic = Array("VARVENAY".utf8)
    private static let headByteCount = 16

    package let reason: Reason
    /// One line for a person; at most 512 bytes.
    package let text: String

    /// A longer text is cut; control characters in it become `?`.
    package init(_ reason: Reason, _ text: String) {
        self.reason = reason
        self.text = PeerHello.line(text, byteCountMax: PeerRefusal.textByteCountMax)
    }

    init(_ error: PeerFormatError, from who: String) {
        if case .noCommonVersion = error {
            self.init(.noCommonVersion, "\(who): \(error)")
        } else {
            self.init(.garbage, "\(who): \(error)")
        }
    }

    package var description: String { text }

    /// Reads what follows the magic; nil when more must come first.
    init?(_ buffer: inout ByteBuffer) throws(PeerFormatError) {
        let start = buffer.readerIndex
        guard buffer.readableBytes >= PeerRefusal.headByteCount,
            let code: UInt16 = buffer.little(at: start + 8),
            let count: UInt16 = buffer.little(at: start + 10)
        else { return nil }
        guard count <= PeerRefusal.textByteCountMax else { throw .malformedHello }
        let whole = PeerRefusal.headByteCount + Int(count)
        guard buffer.readableBytes >= whole,
            let text = buffer.getBytes(at: start + PeerRefusal.headByteCount, length: Int(count))
        else { return nil }
        buffer.moveReaderIndex(forwardBy: whole)
        self.init(Reason(rawValue: code) ?? .other, String(decoding: text, as: UTF8.self))
    }

    /// The bytes of the refusal.
    package func encoded() -> [UInt8] {
        var buffer = ByteBuffer()
        let text = Array(text.utf8)
        buffer.writeBytes(PeerRefusal.magic)
        buffer.writeInteger(reason.rawValue, endianness: .little)
        buffer.writeInteger(UInt16(text.count), endianness: .little)
        buffer.writeInteger(UInt32(0))
        buffer.writeBytes(text)
        return Array(buffer.readableBytesView)
    }
}

/// The first thing that comes from the other side.
package enum PeerAnswer: Hashable, Sendable {
    case hello(PeerHello)
    case refusal(PeerRefusal)

    /// Reads a whole answer at the head of `bytes`; nil when the rest is still to come.
    package static func decode(_ bytes: [UInt8]) throws(PeerFormatError) -> PeerAnswer? {
        var buffer = ByteBuffer(bytes: bytes)
        return try next(&buffer)
    }

    /// Garbage is known by its first byte: nobody waits for the rest of it.
    static func next(_ buffer: inout ByteBuffer) throws(PeerFormatError) -> PeerAnswer? {
        let head = Array(buffer.readableBytesView.prefix(8))
        guard PeerHello.magic.starts(with: head) || PeerRefusal.magic.starts(with: head) else {
            // A handshake record or an alert: their type, then the version's first byte.
            let isTLS = (head[0] == 0x16 || head[0] == 0x15) && (head.count < 2 || head[1] == 3)
            throw isTLS ? .securedWherePlain : .notAHello
        }
        guard head.count == 8 else { return nil }
        if head == PeerHello.magic {
            return try PeerHello(&buffer).map { .hello($0) }
        }
        return try PeerRefusal(&buffer).map { .refusal($0) }
    }
}
