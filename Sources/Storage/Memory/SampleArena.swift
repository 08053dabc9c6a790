/// The samples of many series as byte runs in chunks of 64, without an allocation per series.
///
/// A run is written byte by byte; a chunk is 60 bytes of payload and the number of the next one.
/// Chunk 0 stands for none. Pages of 4,096 chunks are made as needed and never move. A value;
/// copies share pages until one of them writes.
struct SampleArena: Sendable {
    static let chunkBytes = 64
    static let payloadBytes = 60
    private static let chunksPerPage = 4_096

    private var pages: [[UInt8]] = []
    /// Chunks given out, the unused chunk 0 included.
    private var chunkCount = 1

    var byteCount: Int { pages.count * SampleArena.chunkBytes * SampleArena.chunksPerPage }

    /// A chunk with no successor.
    mutating func makeChunk() -> UInt32 {
        if chunkCount / SampleArena.chunksPerPage >= pages.count {
            pages.append(
                [UInt8](
                    repeating: 0, count: SampleArena.chunkBytes * SampleArena.chunksPerPage))
        }
        chunkCount += 1
        return UInt32(chunkCount - 1)
    }

    /// Appends the low `count` bytes of `word` (little-endian) to the run that ends in `chunk`
    /// with `used` payload bytes; moves both on.
    mutating func append(
        _ word: UInt64, count: Int, chunk: inout UInt32, used: inout UInt8
    ) {
        var rest = word
        var left = count
        while left > 0 {
            if used == SampleArena.payloadBytes {
                let next = makeChunk()
                link(chunk, to: next)
                chunk = next
                used = 0
            }
            let page = Int(chunk) / SampleArena.chunksPerPage
            let start = Int(chunk) % SampleArena.chunksPerPage * SampleArena.chunkBytes
            let now = min(left, SampleArena.payloadBytes - Int(used))
            let place = start + Int(used)
            // One view of the page: an array in an array is checked for sharing at every access.
            var bytes = pages[page].mutableSpan
            for offset in 0..<now {
                bytes[place + offset] = UInt8(truncatingIfNeeded: rest)
                rest &>>= 8
            }
            used += UInt8(now)
            left -= now
        }
    }

    /// The bytes of the run that starts in `first` and ends in `last` with `used` payload bytes.
    func run(first: UInt32, last: UInt32, used: UInt8) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = first
        while chunk != 0 {
            let page = Int(chunk) / SampleArena.chunksPerPage
            let start = Int(chunk) % SampleArena.chunksPerPage * SampleArena.chunkBytes
            let count = chunk == last ? Int(used) : SampleArena.payloadBytes
            bytes.append(contentsOf: pages[page][start..<start + count])
            if chunk == last { break }
            var next: UInt32 = 0
            for index in 0..<4 {
                let byte = pages[page][start + SampleArena.payloadBytes + index]
                next |= UInt32(byte) << UInt32(8 * index)
            }
            chunk = next
        }
        return bytes
    }

    private mutating func link(_ chunk: UInt32, to next: UInt32) {
        let page = Int(chunk) / SampleArena.chunksPerPage
        let start = Int(chunk) % SampleArena.chunksPerPage * SampleArena.chunkBytes
        for index in 0..<4 {
            pages[page][start + SampleArena.payloadBytes + index] = UInt8(
                truncatingIfNeeded: next >> UInt32(8 * index))
        }
    }
}
