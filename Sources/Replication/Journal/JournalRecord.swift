internal import Encoding
package import Raft

/// One record of the journal: an entry of a group, the group's state, or who is in it.
package struct JournalRecord: Hashable, Sendable {
    /// What is recorded.
    package enum Content: Hashable, Sendable {
        /// An entry; it replaces any entry of the group with this or a higher index.
        case entry(Entry)
        /// Replaces what was said of the group before.
        case state(GroupState)
        /// Replaces what was said of the group's members before.
        case configuration(GroupConfiguration)
    }

    package let group: GroupID
    package let content: Content
    /// Where the record's header starts in the segment.
    package let offset: Int
    /// Where the payload is in the segment; empty for a state. A membership entry's is its change.
    package let payload: Range<Int>

    private enum Mark {
        static let entry: UInt8 = 1
        static let state: UInt8 = 2
        static let configuration: UInt8 = 3
    }

    /// All records of whole batches of a segment file, in order: for the fuzzer and for
    /// inspection. A torn tail is left out. Errors: `corrupt`, `newerVersion`.
    package static func decodeAll(_ bytes: [UInt8]) throws(JournalError) -> [JournalRecord] {
        let header = try SegmentHeader(decoding: bytes, file: "segment")
        var records: [JournalRecord] = []
        var scan = SegmentScan(
            bytes: bytes, header: header, file: "segment", lastSequence: header.previousSequence,
            limit: nil)
        while let batch = try scan.next() { records += batch }
        return records
    }

    /// Appends a record with its header's checksum left 0.
    static func append(
        _ entry: Entry, group: GroupID, payload: [UInt8], to writer: inout ByteWriter
    ) {
        writer.u32(0)
        writer.u8(Mark.entry)
        writer.u8(entry.kind.rawValue)
        writer.u16(0)
        writer.u32(group.number)
        writer.u32(UInt32(payload.count))
        writer.u32(
            entry.kind == .membership
                ? CRC32C.checksum(of: payload) : entry.descriptor.checksum)
        writer.u32(0)
        writer.u64(entry.index)
        writer.u64(entry.term)
        writer.u64(entry.descriptor.origin)
        writer.u64(entry.descriptor.sequence)
        writer.raw(payload)
    }

    /// Appends a record with its header's checksum left 0.
    static func append(_ state: GroupState, group: GroupID, to writer: inout ByteWriter) {
        writer.u32(0)
        writer.u8(Mark.state)
        writer.u8(state.beginsAnew ? 1 : 0)
        writer.u16(0)
        writer.u32(group.number)
        writer.u32(0)
        writer.u32(0)
        writer.u32(0)
        writer.u64(state.releasedIndex)
        writer.u64(state.term)
        writer.u64(state.vote)
        writer.u64(state.releasedTerm)
    }

    /// Appends a record with its header's checksum left 0.
    static func append(
        _ configuration: GroupConfiguration, group: GroupID, to writer: inout ByteWriter
    ) {
        let payload = configuration.encoded()
        writer.u32(0)
        writer.u8(Mark.configuration)
        writer.u8(0)
        writer.u16(0)
        writer.u32(group.number)
        writer.u32(UInt32(payload.count))
        writer.u32(CRC32C.checksum(of: payload))
        writer.u32(0)
        writer.u64(configuration.index)
        writer.zeros(24)
        writer.raw(payload)
    }

    /// The checksum of the record header at `offset`.
    static func headerChecksum(_ bytes: [UInt8], at offset: Int, seed: UInt32) -> UInt32 {
        CRC32C.checksum(
            of: bytes[offset + 4..<offset + JournalFormat.recordHeaderBytes], seed: seed)
    }

    /// The record at `offset`, or nil when there is no whole, undamaged one before `end`. `seed`:
    /// of its batch; nil to trust the header because its place is known.
    init?(in bytes: [UInt8], at offset: Int, end: Int, seed: UInt32?) {
        guard end <= bytes.count, offset + JournalFormat.recordHeaderBytes <= end else {
            return nil
        }
        var reader = ByteReader(bytes[offset..<end])
        do {
            let checksum = try reader.u32()
            if let seed {
                guard checksum == JournalRecord.headerChecksum(bytes, at: offset, seed: seed)
                else { return nil }
            }
            let mark = try reader.u8()
            let kind = try reader.u8()
            try reader.skip(2)
            group = GroupID(try reader.u32())
            let byteCount = try reader.u32()
            let payloadChecksum = try reader.u32()
            try reader.skip(4)
            let index = try reader.u64()
            let term = try reader.u64()
            let third = try reader.u64()
            let fourth = try reader.u64()
            guard Int(byteCount) <= reader.remaining else { return nil }
            let start = offset + JournalFormat.recordHeaderBytes
            payload = start..<start + Int(byteCount)
            self.offset = offset
            switch mark {
            case Mark.entry:
                guard let kind = Entry.Kind(rawValue: kind), index > 0,
                    CRC32C.checksum(of: bytes[payload]) == payloadChecksum
                else { return nil }
                if kind == .membership {
                    content = .entry(
                        Entry(index: index, term: term, change: Array(bytes[payload])))
                    break
                }
                content = .entry(
                    Entry(
                        index: index, term: term, kind: kind,
                        descriptor: EntryDescriptor(
                            origin: third, sequence: fourth, byteCount: byteCount,
                            checksum: payloadChecksum)))
            case Mark.state:
                guard byteCount == 0 else { return nil }
                var state = GroupState()
                state.releasedIndex = index
                state.term = term
                state.vote = third
                state.releasedTerm = fourth
                state.beginsAnew = kind != 0
                content = .state(state)
            case Mark.configuration:
                guard CRC32C.checksum(of: bytes[payload]) == payloadChecksum,
                    let configuration = GroupConfiguration(
                        index: index, decoding: bytes[payload])
                else { return nil }
                content = .configuration(configuration)
            default: return nil
            }
        } catch {
            return nil
        }
    }
}
