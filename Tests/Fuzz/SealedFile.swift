internal import Encoding

/// A file of blocks that end in a CRC-32C, which damage can be written into and the checksums made
/// right again: else no damage would ever get past them.
///
/// The blocks are found by looking for them, so that no format need be known; once per file.
struct SealedFile: Sendable {
    let bytes: [UInt8]
    /// Content of each block; its checksum stands behind it. Inner ones before outer ones.
    private let blocks: [Range<Int>]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        let table = SealedFile.table
        var blocks: [Range<Int>] = []
        // Blocks stand behind each other, the first behind some header.
        var starts = Array(0...min(64, bytes.count))
        var visited = 0
        while visited < starts.count {
            let start = starts[visited]
            visited += 1
            var state = ~UInt32(0)
            var end = start
            while end + 4 <= bytes.count {
                if end > start, ~state == SealedFile.number(bytes, end) {
                    blocks.append(start..<end)
                    if !starts.contains(end + 4) { starts.append(end + 4) }
                }
                state = table[Int(UInt8(truncatingIfNeeded: state) ^ bytes[end])] ^ (state >> 8)
                end += 1
            }
        }
        self.blocks = blocks.sorted {
            ($0.upperBound, $1.lowerBound) < ($1.upperBound, $0.lowerBound)
        }
    }

    /// A file without checksums, or with such as can not be found.
    init(unsealed bytes: [UInt8]) {
        self.bytes = bytes
        blocks = []
    }

    /// The file with bytes changed as `patches` say: three bytes each, place and value. The first
    /// byte chooses: bit 0, whether checksums are made right; bit 1, whether the file is cut at
    /// the last place.
    func damaged(by patches: ArraySlice<UInt8>) -> [UInt8] {
        var patches = patches
        let choice = patches.popFirst() ?? 0
        var result = bytes
        guard !result.isEmpty else { return result }
        var place = 0
        while patches.count >= 3 {
            let high = Int(patches.removeFirst())
            let low = Int(patches.removeFirst())
            place = (high << 8 | low) % result.count
            result[place] = patches.removeFirst()
        }
        if choice & 1 == 0 {
            for block in blocks {
                let checksum = CRC32C.checksum(of: result[block])
                for index in 0..<4 {
                    result[block.upperBound + index] = UInt8(
                        truncatingIfNeeded: checksum >> UInt32(8 * index))
                }
            }
        }
        if choice & 2 != 0 { result.removeLast(result.count - place) }
        return result
    }

    private static func number(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
    }

    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { state, _ in
            state & 1 == 0 ? state >> 1 : state >> 1 ^ 0x82F6_3B78
        }
    }
}
