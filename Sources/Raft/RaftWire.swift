/// What goes to the C archive, little-endian; the encodings are those of etcdraft.h.
struct RaftWireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func put(_ value: UInt8) { bytes.append(value) }

    mutating func put(_ value: UInt32) { putInteger(value) }

    mutating func put(_ value: UInt64) { putInteger(value) }

    mutating func put(_ nodes: [NodeID]) {
        put(UInt32(nodes.count))
        for node in nodes { put(node.number) }
    }

    mutating func put(_ configuration: GroupConfiguration) {
        put(configuration.voters)
        put(configuration.learners)
        put(configuration.outgoingVoters)
        put(configuration.nextLearners)
        put(UInt8(configuration.leavesByItself ? 1 : 0))
    }

    /// 32 bytes.
    mutating func put(_ descriptor: EntryDescriptor) {
        put(descriptor.origin)
        put(descriptor.sequence)
        put(descriptor.byteCount)
        put(descriptor.checksum)
        put(descriptor.reserved)
    }

    mutating func put(_ entries: [Entry]) {
        put(UInt32(entries.count))
        for entry in entries {
            put(entry.index)
            put(entry.term)
            switch entry.kind {
            case .normal:
                put(UInt8(0))
                put(UInt32(EntryDescriptor.byteCount))
                put(entry.descriptor)
            case .noOperation:
                put(UInt8(0))
                put(UInt32(0))
            case .membership:
                // etcd's second form is the only one that is proposed here.
                put(UInt8(2))
                put(UInt32(entry.change.count))
                bytes += entry.change
            }
        }
    }

    private mutating func putInteger<Value: FixedWidthInteger>(_ value: Value) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
}

/// What comes from the C archive. It is this program's own: what does not parse is a broken
/// invariant.
struct RaftWireReader {
    /// Of etcd's message that tells the receiver to get an image (MsgSnap).
    private static let imageMessageType: UInt8 = 7

    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func u8() -> UInt8 { integer() }

    mutating func u32() -> UInt32 { integer() }

    mutating func u64() -> UInt64 { integer() }

    mutating func flag() -> Bool { u8() != 0 }

    mutating func list<Item>(_ item: (inout RaftWireReader) -> Item) -> [Item] {
        (0..<u32()).map { _ in item(&self) }
    }

    mutating func configuration(index: UInt64) -> GroupConfiguration {
        var result = GroupConfiguration(index: index, voters: nodes(), learners: nodes())
        result.outgoingVoters = nodes()
        result.nextLearners = nodes()
        result.leavesByItself = flag()
        return result
    }

    mutating func indexedConfiguration() -> GroupConfiguration {
        let index = u64()
        return configuration(index: index)
    }

    /// As a ready holds it; the data behind it is always empty.
    mutating func image() -> ImageReference {
        let image = bareImage()
        _ = data()
        return image
    }

    mutating func bareImage() -> ImageReference {
        let index = u64()
        let term = u64()
        return ImageReference(
            index: index, term: term, configuration: configuration(index: index))
    }

    mutating func entries() -> [Entry] {
        list { reader in
            let index = reader.u64()
            let term = reader.u64()
            let isMembership = reader.u8() != 0
            let data = reader.data()
            if isMembership {
                return Entry(index: index, term: term, change: Array(data))
            }
            if data.isEmpty { return Entry(noOperationAt: index, term: term) }
            var descriptor = RaftWireReader(Array(data))
            return Entry(
                index: index, term: term, kind: .normal, descriptor: descriptor.descriptor())
        }
    }

    mutating func messages(from node: NodeID) -> [RaftMessage] {
        list { reader in
            let to = NodeID(reader.u64())
            let type = reader.u8()
            let first = reader.u64()
            let descriptors = reader.list { reader in
                let data = reader.data()
                if data.isEmpty { return EntryDescriptor.none }
                var inner = RaftWireReader(Array(data))
                return inner.descriptor()
            }
            return RaftMessage(
                from: node, to: to, body: Array(reader.data()), firstIndex: first,
                descriptors: descriptors,
                needsImage: type == RaftWireReader.imageMessageType)
        }
    }

    mutating func status() -> RaftStatus {
        let term = u64()
        _ = u64()  // the vote
        let commitIndex = u64()
        let leader = NodeID(nonzero: u64())
        let isLeader = flag()
        let firstIndex = u64()
        let lastIndex = u64()
        let transferee = NodeID(nonzero: u64())
        var status = RaftStatus(
            term: term, leader: leader, isLeader: isLeader, firstIndex: firstIndex,
            lastIndex: lastIndex, commitIndex: commitIndex,
            configuration: indexedConfiguration())
        status.transferee = transferee
        status.members = list { reader in
            RaftStatus.Member(
                node: NodeID(reader.u64()), matchIndex: reader.u64(), isLearner: reader.flag(),
                isActive: reader.flag(), needsImage: reader.flag())
        }.sorted { $0.node < $1.node }
        return status
    }

    private mutating func descriptor() -> EntryDescriptor {
        let descriptor = EntryDescriptor(
            origin: u64(), sequence: u64(), byteCount: u32(), checksum: u32())
        _ = u64()
        return descriptor
    }

    private mutating func nodes() -> [NodeID] { list { NodeID($0.u64()) } }

    private mutating func data() -> ArraySlice<UInt8> { take(Int(u32())) }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        precondition(count <= bytes.count - place, "BUG: the archive's answer ends early")
        place += count
        return bytes[place - count..<place]
    }

    private mutating func integer<Value: FixedWidthInteger>() -> Value {
        var value: Value = 0
        for (number, byte) in take(Value.bitWidth / 8).enumerated() {
            value |= Value(byte) << (8 * number)
        }
        return value
    }
}
