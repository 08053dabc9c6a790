internal import Encoding
package import Raft

/// Records that are to become durable together: the bytes of one write, built in place. Reused:
/// `removeAll` keeps the memory.
package struct JournalBatch: Sendable {
    /// Header, records and, once sealed, padding.
    private var writer = ByteWriter()
    private(set) var records: [JournalRecord] = []
    private var contentEnd = JournalFormat.batchHeaderBytes

    package init() { removeAll() }

    /// Empties it.
    package mutating func removeAll() {
        writer.removeAll()
        writer.zeros(JournalFormat.batchHeaderBytes)
        records.removeAll(keepingCapacity: true)
        contentEnd = JournalFormat.batchHeaderBytes
    }

    package var isEmpty: Bool { records.isEmpty }

    /// Bytes on disk, padding included.
    package var pagedByteCount: Int { JournalFormat.paged(contentEnd) }

    /// Bytes on disk of an entry with a payload of `byteCount`.
    package static func recordBytes(payloadBytes byteCount: Int) -> Int {
        JournalFormat.recordHeaderBytes + byteCount
    }

    /// Adds an entry; the descriptor must be that of `payload`. A membership entry's payload is its
    /// change.
    package mutating func add(_ entry: Entry, group: GroupID, payload: [UInt8]) {
        let payload = entry.kind == .membership ? entry.change : payload
        precondition(
            entry.kind == .membership || payload.count == Int(entry.descriptor.byteCount),
            "BUG: not the entry's payload")
        let offset = startRecord()
        writer.reserve(JournalFormat.recordHeaderBytes + payload.count)
        JournalRecord.append(entry, group: group, payload: payload, to: &writer)
        endRecord(group, .entry(entry), offset)
    }

    /// Adds a group's state.
    package mutating func add(_ state: GroupState, group: GroupID) {
        let offset = startRecord()
        JournalRecord.append(state, group: group, to: &writer)
        endRecord(group, .state(state), offset)
    }

    /// Adds who is in a group.
    package mutating func add(_ configuration: GroupConfiguration, group: GroupID) {
        let offset = startRecord()
        JournalRecord.append(configuration, group: group, to: &writer)
        endRecord(group, .configuration(configuration), offset)
    }

    /// A batch that was sealed and not written grows again: its padding goes.
    private mutating func startRecord() -> Int {
        if writer.count > contentEnd { writer.bytes.removeLast(writer.count - contentEnd) }
        return contentEnd
    }

    private mutating func endRecord(
        _ group: GroupID, _ content: JournalRecord.Content, _ offset: Int
    ) {
        contentEnd = writer.count
        let start = offset + JournalFormat.recordHeaderBytes
        records.append(
            JournalRecord(
                group: group, content: content, offset: offset, payload: start..<contentEnd))
    }

    /// The bytes to write as batch `sequence` of the segment with `nonce`. May be asked again with
    /// other numbers after a failed write.
    mutating func sealed(sequence: UInt64, previous: UInt64, nonce: UInt64) -> [UInt8] {
        let seed = JournalFormat.recordSeed(nonce: nonce, sequence: sequence)
        for record in records {
            let checksum = JournalRecord.headerChecksum(
                writer.bytes, at: record.offset, seed: seed)
            writer.patch(u32: checksum, at: record.offset)
        }
        BatchHeader(
            sequence: sequence, previous: previous,
            byteCount: contentEnd - JournalFormat.batchHeaderBytes, recordCount: records.count,
            nonce: nonce
        ).patch(&writer)
        let padding = pagedByteCount - writer.count
        if padding > 0 { writer.zeros(padding) }
        return writer.bytes
    }
}

extension JournalRecord {
    init(group: GroupID, content: Content, offset: Int, payload: Range<Int>) {
        self.group = group
        self.content = content
        self.offset = offset
        self.payload = payload
    }
}
