internal import Encoding
internal import Platform

/// Reads the batches of one segment's bytes, in order, and decides what its end means. Pure.
///
/// Batches are written one after the other, each only after the one before it was synced. So when
/// a batch is damaged and any whole batch header of this segment stands behind it, the damaged one
/// was durable: corruption, never cut. When none does, it was the last write, of which a crash may
/// have left any part: a torn tail. What an earlier life of the file left behind has another
/// nonce and is nothing; payloads can not imitate a header, as they do not know the nonce.
struct SegmentScan {
    private let bytes: [UInt8]
    private let header: SegmentHeader
    private let file: String
    /// The last durable batch when the next segment was begun; nil in the last segment.
    private let limit: UInt64?

    /// The last batch that was read here or, before any, in the segments before.
    private(set) var lastSequence: UInt64
    /// Where the next batch would start: the length of the sound part, once `next` said nil.
    private(set) var offset = JournalFormat.pageBytes
    /// Whether something that is no whole batch follows the sound part.
    private(set) var isTorn = false

    init(
        bytes: [UInt8], header: SegmentHeader, file: String, lastSequence: UInt64, limit: UInt64?
    ) {
        self.bytes = bytes
        self.header = header
        self.file = file
        self.lastSequence = lastSequence
        self.limit = limit
    }

    /// The records of the next batch; nil at the end. Errors: `corrupt`.
    mutating func next() throws(JournalError) -> [JournalRecord]? {
        if let limit, lastSequence >= limit { return nil }
        guard let batch = BatchHeader(in: bytes, at: offset, nonce: header.nonce) else {
            try end("no batch header")
            return nil
        }
        guard batch.previous == lastSequence, batch.sequence > lastSequence else {
            throw corrupt(
                "batch \(batch.sequence) follows \(batch.previous), found \(lastSequence)")
        }
        if let limit, batch.sequence > limit {
            try end("batch \(batch.sequence) is beyond the last durable one")
            return nil
        }
        guard let records = records(of: batch) else {
            try end("batch \(batch.sequence) is damaged")
            return nil
        }
        lastSequence = batch.sequence
        offset += JournalFormat.paged(JournalFormat.batchHeaderBytes + batch.byteCount)
        return records
    }

    private func records(of batch: BatchHeader) -> [JournalRecord]? {
        let start = offset + JournalFormat.batchHeaderBytes
        let end = start + batch.byteCount
        guard end <= bytes.count,
            batch.recordCount <= batch.byteCount / JournalFormat.recordHeaderBytes
        else { return nil }
        let seed = JournalFormat.recordSeed(nonce: header.nonce, sequence: batch.sequence)
        var records: [JournalRecord] = []
        records.reserveCapacity(batch.recordCount)
        var place = start
        for _ in 0..<batch.recordCount {
            let trusted = Mutant.isOn(.trustsTornRecords) ? nil : seed
            guard let record = JournalRecord(in: bytes, at: place, end: end, seed: trusted) else {
                return nil
            }
            records.append(record)
            place = record.payload.upperBound
        }
        return place == end ? records : nil
    }

    /// The sound part is over: a torn tail, or damage?
    private mutating func end(_ reason: String) throws(JournalError) {
        if Mutant.isOn(.cutsDamage) { return }
        if limit != nil { throw corrupt(reason) }
        var page = offset + JournalFormat.pageBytes
        while page < bytes.count {
            if let later = BatchHeader(in: bytes, at: page, nonce: header.nonce),
                later.sequence > lastSequence
            {
                throw corrupt("\(reason), but batch \(later.sequence) follows")
            }
            page += JournalFormat.pageBytes
        }
        isTorn = BatchHeader(in: bytes, at: offset, nonce: header.nonce) != nil
    }

    private func corrupt(_ reason: String) -> JournalError {
        .corrupt(file: file, offset: offset, reason: reason)
    }
}
