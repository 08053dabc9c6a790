internal import Encoding
package import Raft

/// A message between replicas of a group as it travels: a head, and behind it the payloads of the
/// entries that it carries. Layout in docs/format/peer-messages.md.
package struct GroupMessage: Sendable {
    package let group: GroupID
    package let to: NodeID
    package let head: [UInt8]
    /// Whether it tells the receiver to get an image.
    package let needsImage: Bool
    /// Of the entries, in order; empty ones for entries without a payload.
    package let payloads: [[UInt8]]

    /// `payloads`: of the message's descriptors.
    init(_ message: RaftMessage, group: GroupID, payloads: [[UInt8]]) {
        self.group = group
        to = message.to
        needsImage = message.needsImage
        self.payloads = payloads
        var writer = ByteWriter(reserving: message.body.count + 32 + 24 * payloads.count)
        writer.u32(group.number)
        writer.u8(message.needsImage ? 1 : 0)
        writer.u32(UInt32(payloads.count))
        writer.u64(message.firstIndex)
        for descriptor in message.descriptors {
            writer.u64(descriptor.origin)
            writer.u64(descriptor.sequence)
            writer.u32(descriptor.byteCount)
            writer.u32(descriptor.checksum)
        }
        writer.u32(UInt32(message.body.count))
        writer.raw(message.body)
        writer.u32(CRC32C.checksum(of: writer.bytes))
        head = writer.bytes
    }
}

/// A group's message that arrived: its parts fit each other, and the payloads are what was sent.
package struct ReceivedMessage: Sendable {
    package let group: GroupID
    let message: RaftMessage
    let payloads: [(descriptor: EntryDescriptor, bytes: [UInt8])]

    /// The messages of a frame's parts, each a head and its payloads. `isWhole` is false when some
    /// could not be read: those from the first such on are left out.
    package static func all(
        in parts: [[UInt8]], from: NodeID, to: NodeID
    ) -> (messages: [ReceivedMessage], isWhole: Bool) {
        var messages: [ReceivedMessage] = []
        var rest = parts[...]
        while let head = rest.popFirst() {
            guard let count = payloadCount(ofHead: head), count <= rest.count,
                let message = ReceivedMessage(
                    from: from, to: to, head: head, payloads: rest.prefix(count))
            else { return (messages, false) }
            messages.append(message)
            rest = rest.dropFirst(count)
        }
        return (messages, !parts.isEmpty)
    }

    /// Parts behind the head that belong to it.
    private static func payloadCount(ofHead head: [UInt8]) -> Int? {
        var reader = ByteReader(head)
        do {
            try reader.skip(5)
            return Int(try reader.u32())
        } catch {
            return nil
        }
    }

    /// Nil for what no peer of this version sends, or what was damaged on its way.
    package init?(from: NodeID, to: NodeID, head: [UInt8], payloads: ArraySlice<[UInt8]>) {
        guard head.count > 4 else { return nil }
        var reader = ByteReader(head)
        var found: [(descriptor: EntryDescriptor, bytes: [UInt8])] = []
        do {
            group = GroupID(try reader.u32())
            let needsImage = try reader.u8()
            let count = Int(try reader.u32())
            let first = try reader.u64()
            guard needsImage <= 1, count == payloads.count, first < .max / 2 else { return nil }
            found.reserveCapacity(count)
            for bytes in payloads {
                let descriptor = EntryDescriptor(
                    origin: try reader.u64(), sequence: try reader.u64(),
                    byteCount: try reader.u32(), checksum: try reader.u32())
                guard bytes.count == Int(descriptor.byteCount),
                    bytes.isEmpty || CRC32C.checksum(of: bytes) == descriptor.checksum
                else { return nil }
                found.append((descriptor, bytes))
            }
            let body = try reader.raw(Int(try reader.u32()))
            let checksum = try reader.u32()
            guard reader.isAtEnd, checksum == CRC32C.checksum(of: head[..<(head.count - 4)])
            else { return nil }
            message = RaftMessage(
                from: from, to: to, body: body, firstIndex: first,
                descriptors: found.map(\.descriptor), needsImage: needsImage == 1)
        } catch {
            return nil
        }
        self.payloads = found
    }

    /// In memory, about.
    package var byteCount: Int {
        payloads.reduce(message.body.count + 128) { $0 + $1.bytes.count + 64 }
    }

    /// What it may take in a journal batch.
    var recordBytes: Int {
        payloads.reduce(0) { $0 + JournalBatch.recordBytes(payloadBytes: $1.bytes.count) }
    }
}
