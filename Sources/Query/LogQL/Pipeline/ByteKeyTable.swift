internal import Encoding

/// Gives each distinct byte string a dense number, 0 upwards. Open addressing over one arena: no
/// allocation per key once it has grown. Numbers stay until `removeAll`.
struct ByteKeyTable: Sendable {
    /// Keys back to back: key i is arena[ends[i−1]..<ends[i]].
    private var arena: [UInt8] = []
    private var ends: [Int] = []
    private var hashes: [UInt64] = []
    /// Number + 1 of the key in the slot, 0 for none. A power of two long.
    private var slots: [UInt32]

    init() { slots = [UInt32](repeating: 0, count: 64) }

    var count: Int { ends.count }

    mutating func removeAll() {
        arena.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        hashes.removeAll(keepingCapacity: true)
        for index in slots.indices { slots[index] = 0 }
    }

    /// The bytes of key `index`, a range of the result.
    func key(_ index: Int) -> ArraySlice<UInt8> {
        arena[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }

    /// The number of `bytes[range]` under `salt`, new when it was not there: then it is
    /// `count − 1`.
    mutating func number(
        of bytes: [UInt8], _ range: Range<Int>, salt: UInt64 = 0
    ) -> (number: Int, isNew: Bool) {
        let hash = ByteKeyTable.hash(bytes, range, salt: salt)
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            if hashes[number] == hash, isEqual(number, bytes, range) { return (number, false) }
            slot = (slot + 1) & mask
        }
        arena.append(contentsOf: bytes[range])
        ends.append(arena.count)
        hashes.append(hash)
        slots[slot] = UInt32(ends.count)
        if ends.count * 2 > slots.count { grow() }
        return (ends.count - 1, true)
    }

    /// The number of `bytes` when it has one.
    func knownNumber(of bytes: [UInt8]) -> Int? {
        let hash = ByteKeyTable.hash(bytes, 0..<bytes.count, salt: 0)
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            if hashes[number] == hash, isEqual(number, bytes, 0..<bytes.count) { return number }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Whether key `number` is `bytes[range]`.
    @inline(__always)
    func isEqual(_ number: Int, _ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        let start = number == 0 ? 0 : ends[number - 1]
        guard ends[number] - start == range.count else { return false }
        return ByteScan.isEqual(
            bytes, at: range.lowerBound, arena, at: start, count: range.count)
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        let mask = slots.count - 1
        for (number, hash) in hashes.enumerated() {
            var slot = Int(truncatingIfNeeded: hash) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(number + 1)
        }
    }

    /// Lives as long as the query.
    @inline(__always)
    private static func hash(_ bytes: [UInt8], _ range: Range<Int>, salt: UInt64) -> UInt64 {
        StableHash.hash64(bytes[range], seed: salt)
    }
}
