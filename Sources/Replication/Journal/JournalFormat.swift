internal import Encoding

/// The numbers of the journal's file format: docs/format/journal.md has the boxes.
package enum JournalFormat {
    /// What this program writes, and the newest it reads.
    package static let version: UInt32 = 2
    /// Batches start at multiples of it, so that no write touches a page that is durable.
    package static let pageBytes = 4096

    /// "VARVEJNL" and "VBAT", little-endian.
    static let segmentMagic: UInt64 = 0x4c4e_4a45_5652_4156
    static let batchMagic: UInt32 = 0x5441_4256
    static let segmentHeaderBytes = 64
    static let batchHeaderBytes = 48
    static let recordHeaderBytes = 56

    /// `byteCount` rounded up to whole pages.
    static func paged(_ byteCount: Int) -> Int {
        (byteCount + pageBytes - 1) / pageBytes * pageBytes
    }

    /// What the checksums of a batch's records start from: a record can then not be taken for one
    /// of another batch or of the file's earlier life.
    static func recordSeed(nonce: UInt64, sequence: UInt64) -> UInt32 {
        var writer = ByteWriter(reserving: 16)
        writer.u64(nonce)
        writer.u64(sequence)
        return CRC32C.checksum(of: writer.bytes)
    }
}

/// What a voter needs to know of a group besides its entries.
package struct GroupState: Hashable, Sendable {
    /// Of the hard state; 0 at first.
    package var term: UInt64 = 0
    /// The node voted for in `term`; 0 for none.
    package var vote: UInt64 = 0
    /// Entries up to here are released: the state machine has them durably elsewhere.
    package var releasedIndex: UInt64 = 0
    /// The term of the entry at `releasedIndex`.
    package var releasedTerm: UInt64 = 0
    /// Whether the log begins anew behind `releasedIndex`: an image took the place of all entries.
    package var beginsAnew = false

    package init() {}
}

/// The first page of a segment file.
struct SegmentHeader: Hashable {
    /// Counts up by one from 1 without gaps.
    var number: UInt64
    /// Random: what is left of the file's earlier life can not pass for this one.
    var nonce: UInt64
    /// The sequence of the last batch that was durable when this segment was begun: batches
    /// behind it in earlier segments are void, those up to it must be there. 0: none.
    var previousSequence: UInt64
    /// The preallocated length.
    var segmentBytes: UInt64

    /// One page.
    func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: JournalFormat.pageBytes)
        writer.u32(0)
        writer.u32(JournalFormat.version)
        writer.u64(JournalFormat.segmentMagic)
        writer.u64(number)
        writer.u64(nonce)
        writer.u64(previousSequence)
        writer.u64(segmentBytes)
        writer.zeros(16)
        let checksum = CRC32C.checksum(of: writer.bytes[4..<JournalFormat.segmentHeaderBytes])
        writer.patch(u32: checksum, at: 0)
        writer.zeros(JournalFormat.pageBytes - writer.count)
        return writer.bytes
    }

    /// Errors: `corrupt`, `newerVersion`. The layout of these 64 bytes is the same in every
    /// version, so that a newer one is told from damage.
    init(decoding bytes: [UInt8], file: String) throws(JournalError) {
        func damaged(_ reason: String) -> JournalError {
            .corrupt(file: file, offset: 0, reason: reason)
        }
        guard bytes.count >= JournalFormat.pageBytes else { throw damaged("no header") }
        let covered = bytes[4..<JournalFormat.segmentHeaderBytes]
        var reader = ByteReader(bytes)
        do {
            let checksum = try reader.u32()
            let version = try reader.u32()
            let magic = try reader.u64()
            number = try reader.u64()
            nonce = try reader.u64()
            previousSequence = try reader.u64()
            segmentBytes = try reader.u64()
            guard magic == JournalFormat.segmentMagic else { throw damaged("no journal segment") }
            guard checksum == CRC32C.checksum(of: covered) else {
                throw damaged("the header's checksum is wrong")
            }
            guard version <= JournalFormat.version else {
                throw JournalError.newerVersion(
                    file: file, found: version, known: JournalFormat.version)
            }
            guard version > 0, number > 0 else { throw damaged("version or number 0") }
        } catch let error as JournalError {
            throw error
        } catch {
            throw damaged("\(error)")
        }
    }

    init(number: UInt64, nonce: UInt64, previousSequence: UInt64, segmentBytes: UInt64) {
        self.number = number
        self.nonce = nonce
        self.previousSequence = previousSequence
        self.segmentBytes = segmentBytes
    }
}

/// The head of a batch: what one write and one sync made durable together.
struct BatchHeader: Hashable {
    /// Counts up, with gaps after failed writes.
    var sequence: UInt64
    /// The sequence of the last batch that was durable when this one was written.
    var previous: UInt64
    /// Of the records; header and padding are not counted.
    var byteCount: Int
    var recordCount: Int
    var nonce: UInt64

    /// Writes itself over the first bytes of `writer`.
    func patch(_ writer: inout ByteWriter) {
        writer.patch(u32: JournalFormat.batchMagic, at: 4)
        writer.patch(u64: sequence, at: 8)
        writer.patch(u64: previous, at: 16)
        writer.patch(u32: UInt32(byteCount), at: 24)
        writer.patch(u32: UInt32(recordCount), at: 28)
        writer.patch(u64: nonce, at: 32)
        writer.patch(u64: 0, at: 40)
        let checksum = CRC32C.checksum(of: writer.bytes[4..<JournalFormat.batchHeaderBytes])
        writer.patch(u32: checksum, at: 0)
    }

    init(sequence: UInt64, previous: UInt64, byteCount: Int, recordCount: Int, nonce: UInt64) {
        self.sequence = sequence
        self.previous = previous
        self.byteCount = byteCount
        self.recordCount = recordCount
        self.nonce = nonce
    }

    /// Nil unless a whole header of the segment with `nonce` is at `offset`.
    init?(in bytes: [UInt8], at offset: Int, nonce: UInt64) {
        guard offset + JournalFormat.batchHeaderBytes <= bytes.count else { return nil }
        let header = bytes[offset..<offset + JournalFormat.batchHeaderBytes]
        var reader = ByteReader(header)
        do {
            let checksum = try reader.u32()
            guard try reader.u32() == JournalFormat.batchMagic else { return nil }
            sequence = try reader.u64()
            previous = try reader.u64()
            byteCount = Int(try reader.u32())
            recordCount = Int(try reader.u32())
            self.nonce = try reader.u64()
            guard self.nonce == nonce, checksum == CRC32C.checksum(of: header.dropFirst(4)) else {
                return nil
            }
        } catch {
            return nil
        }
    }
}
