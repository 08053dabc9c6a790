internal import Encoding
internal import Platform

/// A file written from front to back and named by its content: bytes gather in a buffer of 1 MiB,
/// and every full buffer goes to disk and into the running hash. The hash depends on the bytes
/// alone because the buffer's bounds do.
struct SequentialWriter {
    private static let bufferBytes = 1 << 20

    /// The digits that `finish` returned for the content that the file has now: reads all of it.
    static func contentHash(of file: any DiskFile, byteCount: Int) throws(DiskError) -> String {
        var hash: (high: UInt64, low: UInt64) = (0, 0)
        var done = 0
        while done < byteCount {
            let bytes = try file.read(at: done, count: min(bufferBytes, byteCount - done))
            hash = SequentialWriter.hash(hash, bytes, at: done)
            done += bytes.count
        }
        return ContentHash.text(hash.high) + ContentHash.text(hash.low)
    }

    private static func hash(
        _ hash: (high: UInt64, low: UInt64), _ bytes: [UInt8], at place: Int
    ) -> (high: UInt64, low: UInt64) {
        let part = StableHash.hash128(bytes, seed: hash.high ^ UInt64(place))
        return (part.high, part.low ^ hash.low)
    }

    private let file: any DiskFile
    private var buffer = ByteWriter(reserving: bufferBytes + 4_096)
    private var flushed = 0
    private var hash: (high: UInt64, low: UInt64) = (0, 0)

    init(_ file: any DiskFile) { self.file = file }

    /// Where the next byte goes.
    var offset: Int { flushed + buffer.count }

    /// Appends bytes; returns where they begin.
    mutating func append(_ bytes: [UInt8]) throws(StorageError) -> Int {
        let start = offset
        var place = 0
        while place < bytes.count {
            let now = min(bytes.count - place, SequentialWriter.bufferBytes - buffer.count)
            buffer.raw(bytes[place..<place + now])
            place += now
            if buffer.count == SequentialWriter.bufferBytes { try flush() }
        }
        return start
    }

    /// Writes what is left, syncs and closes. Returns the length and 32 hexadecimal digits of the
    /// content's hash.
    mutating func finish() throws(StorageError) -> (byteCount: Int, hash: String) {
        try flush()
        let file = file
        try onDisk { () throws(DiskError) in
            try file.sync()
            try file.close()
        }
        return (flushed, ContentHash.text(hash.high) + ContentHash.text(hash.low))
    }

    private mutating func flush() throws(StorageError) {
        guard buffer.count > 0 else { return }
        hash = SequentialWriter.hash(hash, buffer.bytes, at: flushed)
        let (file, bytes, place) = (file, buffer.bytes, flushed)
        try onDisk { () throws(DiskError) in try file.write(bytes, at: place) }
        flushed += buffer.count
        buffer.removeAll()
    }
}

/// Names of files by what they hold.
enum ContentHash {
    /// 16 hexadecimal digits.
    static func text(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// 32 hexadecimal digits for bytes that are at hand whole.
    static func text(of bytes: [UInt8]) -> String {
        let (high, low) = StableHash.hash128(bytes, seed: 0)
        return text(high) + text(low)
    }
}
