internal import NIOCore

/// What each side of a connection says first: who it is and what it speaks. Layout:
/// docs/format/peer.md.
package struct PeerHello: Hashable, Sendable {
    /// The versions of the protocol that this binary speaks, both included.
    package static let versionOldest: UInt16 = 1
    package static let versionNewest: UInt16 = 1
    /// A length of one byte's range keeps a hello in one packet.
    package static let nameByteCountMax = 255
    /// Magic, versions, length: the same in every version, so that an other version is told from
    /// garbage.
    static let headByteCount = 16
    /// cluster, node, featureLevel, zero, nameLength, zero.
    private static let fixedByteCount = 28
    /// What a later version may make of the rest.
    private static let bodyByteCountMax = 4_096
    static let magic = Array("VARVEPER".utf8)

    /// Which cluster it belongs to; 0 for a guest that does not know it yet.
    package let clusterID: UInt64
    /// Nil for a guest, who wants to join and is no member yet.
    package let node: PeerID?
    /// For people; at most 255 bytes, without control characters.
    package let name: String
    /// The newest feature level that its binary can do.
    package let featureLevel: UInt32

    /// A longer name is cut; control characters in it become `?`.
    package init(clusterID: UInt64, node: PeerID?, name: String, featureLevel: UInt32) {
        self.clusterID = clusterID
        self.node = node
        self.name = PeerHello.line(name, byteCountMax: PeerHello.nameByteCountMax)
        self.featureLevel = featureLevel
    }

    /// Reads a whole hello: no byte may be missing or left.
    package init(decoding bytes: [UInt8]) throws(PeerFormatError) {
        var buffer = ByteBuffer(bytes: bytes)
        guard case .hello(let hello)? = try PeerAnswer.next(&buffer), buffer.readableBytes == 0
        else { throw .malformedHello }
        self = hello
    }

    /// Reads what follows the magic; nil when more must come first.
    init?(_ buffer: inout ByteBuffer) throws(PeerFormatError) {
        let start = buffer.readerIndex
        let head = PeerHello.headByteCount
        guard buffer.readableBytes >= head,
            let oldest: UInt16 = buffer.little(at: start + 8),
            let newest: UInt16 = buffer.little(at: start + 10),
            let count: UInt32 = buffer.little(at: start + 12)
        else { return nil }
        guard oldest <= newest, count <= PeerHello.bodyByteCountMax else { throw .malformedHello }
        guard oldest <= PeerHello.versionNewest, newest >= PeerHello.versionOldest else {
            throw .noCommonVersion(oldest: Int(oldest), newest: Int(newest))
        }
        guard count >= PeerHello.fixedByteCount else { throw .malformedHello }
        guard buffer.readableBytes >= head + Int(count) else { return nil }
        guard let cluster: UInt64 = buffer.little(at: start + 16),
            let node: UInt64 = buffer.little(at: start + 24),
            let level: UInt32 = buffer.little(at: start + 32),
            let zero: UInt32 = buffer.little(at: start + 36),
            let nameCount: UInt16 = buffer.little(at: start + 40),
            let zeroToo: UInt16 = buffer.little(at: start + 42)
        else { throw .malformedHello }
        let isNewer = newest > PeerHello.versionNewest
        // A newer version may use what is reserved here, and append.
        guard isNewer || (zero == 0 && zeroToo == 0) else { throw .reservedNotZero }
        let whole = PeerHello.fixedByteCount + Int(nameCount)
        guard nameCount <= PeerHello.nameByteCountMax,
            whole == count || (isNewer && whole < count),
            let nameBytes = buffer.getBytes(at: start + 44, length: Int(nameCount)),
            let name = String(validating: nameBytes, as: UTF8.self)
        else { throw .malformedHello }
        buffer.moveReaderIndex(forwardBy: head + Int(count))
        self.init(
            clusterID: cluster, node: node == 0 ? nil : PeerID(node), name: name,
            featureLevel: level)
    }

    /// The bytes of the hello.
    package func encoded() -> [UInt8] {
        var buffer = ByteBuffer()
        let name = Array(name.utf8)
        buffer.writeBytes(PeerHello.magic)
        buffer.writeInteger(PeerHello.versionOldest, endianness: .little)
        buffer.writeInteger(PeerHello.versionNewest, endianness: .little)
        buffer.writeInteger(UInt32(PeerHello.fixedByteCount + name.count), endianness: .little)
        buffer.writeInteger(clusterID, endianness: .little)
        buffer.writeInteger(node?.number ?? 0, endianness: .little)
        buffer.writeInteger(featureLevel, endianness: .little)
        buffer.writeInteger(UInt32(0))
        buffer.writeInteger(UInt16(name.count), endianness: .little)
        buffer.writeInteger(UInt16(0))
        buffer.writeBytes(name)
        return Array(buffer.readableBytesView)
    }

    /// `node 7 (east-1)`, or `the guest east-9`.
    var title: String {
        guard let node else { return "the guest \(name)" }
        return name.isEmpty ? "\(node)" : "\(node) (\(name))"
    }

    /// `text` as at most that many bytes without control characters, so that what comes from
    /// outside stays one line of a log.
    static func line(_ text: String, byteCountMax: Int) -> String {
        var line = ""
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 32 || (127..<160).contains(scalar.value)
            let shown: Unicode.Scalar = isControl ? "?" : scalar
            guard line.utf8.count + String(shown).utf8.count <= byteCountMax else { break }
            line.unicodeScalars.append(shown)
        }
        return line
    }
}

extension ByteBuffer {
    func little<T: FixedWidthInteger>(at index: Int) -> T? {
        getInteger(at: index, endianness: .little)
    }
}
