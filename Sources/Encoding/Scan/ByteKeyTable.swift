internal import CKernels

/// A hash table from the raw bytes of a line's name and rest to an id and two numbers: the cache in
/// front of whatever it costs to understand a line. Open addressing, at most half full; the keys
/// stand in one arena, each behind the numbers that belong to it:
///
///     slot, 16 B    hash u64 │ id u32 │ place u32 (in words of the arena; id .max = free)
///     arena, u64s   name count u32, rest count u32 │ first │ second │ name ‖ rest, padded
///
/// `find` works on a batch in three passes, so that the cache misses of 64 lines overlap: fetch the
/// slots, then the keys and the caller's records, then compare. With 100,000 keys that is four
/// times as fast as line by line. A hit compares all bytes: two keys are never taken for one.
package struct ByteKeyTable: Sendable {
    /// The longest key, name and value and rest together.
    package static let keyBytesMax = 8192
    /// Slots that a search looks at before it gives up: a bound on what crafted keys can cost.
    private static let probesMax = 64
    private static let headerWords = 3

    private struct Slot: BitwiseCopyable {
        var hash: UInt64 = 0
        var id = ScannedLine.missing
        var place: UInt32 = 0
    }

    private var slots: [Slot]
    private var arena: [UInt64] = []
    /// Keys in the table.
    package private(set) var count = 0

    package init() { slots = [Slot](repeating: Slot(), count: 1024) }

    /// Bytes held by keys and slots.
    package var byteCount: Int { slots.count * MemoryLayout<Slot>.stride + arena.count * 8 }

    /// Looks up the batch of `scan`, which was filled from `bytes`: sets `id` (or `missing`),
    /// `first` and `second` of each line. `records[id]` is fetched into the cache on the way, as
    /// the caller is about to change it.
    @inlinable
    package func find<Record: BitwiseCopyable>(
        _ scan: inout LineScan, in bytes: [UInt8], near records: [Record]
    ) {
        unsafe records.withUnsafeBytes { raw in
            unsafe find(&scan, in: bytes, near: raw, stride: MemoryLayout<Record>.stride)
        }
    }

    @usableFromInline
    func find(
        _ scan: inout LineScan, in bytes: [UInt8], near records: UnsafeRawBufferPointer,
        stride: Int
    ) {
        unsafe bytes.withUnsafeBytes { source in
            unsafe slots.withUnsafeBufferPointer { slots in
                unsafe arena.withUnsafeBytes { arena in
                    unsafe scan.withLines { lines in
                        guard let table = slots.baseAddress else { return }
                        let mask = slots.count - 1
                        for index in lines.indices {
                            let home = unsafe Int(truncatingIfNeeded: lines[index].hash) & mask
                            unsafe varve_prefetch(table + home)
                        }
                        for index in lines.indices {
                            let home = unsafe Int(truncatingIfNeeded: lines[index].hash) & mask
                            let slot = unsafe table[home]
                            guard slot.id != ScannedLine.missing else { continue }
                            // Where another key may have the slot these are the wrong lines of
                            // memory: a hint that was of no use. A key of the line's length lies
                            // on two or three cache lines, and each of them is a miss.
                            let place = Int(slot.place) * 8
                            unsafe prefetch(arena, place)
                            unsafe prefetch(arena, place + 64)
                            let byteCount = unsafe Int(lines[index].end - lines[index].start)
                            if byteCount > 64 { unsafe prefetch(arena, place + 128) }
                            unsafe prefetch(records, Int(slot.id) * stride)
                        }
                        for index in lines.indices where unsafe lines[index].hasKey {
                            unsafe ByteKeyTable.probe(
                                &lines[index], slots: slots, mask: mask, arena: arena, source)
                        }
                    }
                }
            }
        }
    }

    @inline(__always)
    private func prefetch(_ bytes: UnsafeRawBufferPointer, _ offset: Int) {
        if let base = bytes.baseAddress { unsafe varve_prefetch(base + offset) }
    }

    /// Sets `id` and the numbers of `line` when its key is there.
    @inline(__always)
    private static func probe(
        _ line: inout ScannedLine, slots: UnsafeBufferPointer<Slot>, mask: Int,
        arena: UnsafeRawBufferPointer, _ source: UnsafeRawBufferPointer
    ) {
        var index = Int(truncatingIfNeeded: line.hash) & mask
        for _ in 0..<probesMax {
            let slot = unsafe slots[index]
            if slot.id == ScannedLine.missing { return }
            if slot.hash == line.hash {
                let place = Int(slot.place) * 8
                let counts = unsafe arena.load(fromByteOffset: place, as: UInt64.self)
                let nameCount = Int(line.nameEnd - line.start)
                let restCount = Int(line.end - line.valueEnd)
                let key = place + headerWords * 8
                if counts == UInt64(nameCount) << 32 | UInt64(restCount),
                    unsafe isEqual(arena, key, source, Int(line.start), nameCount),
                    unsafe isEqual(
                        arena, key + nameCount, source, Int(line.valueEnd), restCount)
                {
                    line.id = slot.id
                    line.first = Double(
                        bitPattern: unsafe arena.load(fromByteOffset: place + 8, as: UInt64.self))
                    line.second = Double(
                        bitPattern: unsafe arena.load(fromByteOffset: place + 16, as: UInt64.self))
                    return
                }
            }
            index = (index + 1) & mask
        }
    }

    /// Whether `count` bytes are equal. Both ranges have been checked by whoever made them.
    @inline(__always)
    private static func isEqual(
        _ a: UnsafeRawBufferPointer, _ i: Int, _ b: UnsafeRawBufferPointer, _ j: Int, _ count: Int
    ) -> Bool {
        if count >= 8 {
            var at = 0
            while at < count - 8 {
                if unsafe word(a, i + at) != word(b, j + at) { return false }
                at += 8
            }
            return unsafe word(a, i + count - 8) == word(b, j + count - 8)
        }
        var at = 0
        while at < count {
            if unsafe a[i + at] != b[j + at] { return false }
            at += 1
        }
        return true
    }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    /// Adds the key of `line`, a line of `scan` that `find` did not find in `bytes`. `id` is not
    /// `missing`. Does nothing for a key that is too long or would take too many probes to find:
    /// a cache may forget.
    package mutating func insert(
        _ line: ScannedLine, of bytes: [UInt8], id: UInt32, first: Double, second: Double
    ) {
        precondition(id != ScannedLine.missing, "a key needs an id")
        guard line.hasKey else { return }
        if (count + 1) * 2 > slots.count { grow() }
        let name = bytes[Int(line.start)..<Int(line.nameEnd)]
        let rest = bytes[Int(line.valueEnd)..<Int(line.end)]
        let place = arena.count
        guard place < Int(UInt32.max) - ByteKeyTable.keyBytesMax,
            put(Slot(hash: line.hash, id: id, place: UInt32(place)))
        else { return }
        arena.append(UInt64(name.count) << 32 | UInt64(rest.count))
        arena.append(first.bitPattern)
        arena.append(second.bitPattern)
        var word: UInt64 = 0
        var shift: UInt64 = 0
        for part in [name, rest] {
            for byte in part {
                word |= UInt64(byte) << shift
                shift += 8
                if shift == 64 {
                    arena.append(word)
                    word = 0
                    shift = 0
                }
            }
        }
        if shift > 0 { arena.append(word) }
        count += 1
    }

    private mutating func put(_ slot: Slot) -> Bool {
        let mask = slots.count - 1
        var index = Int(truncatingIfNeeded: slot.hash) & mask
        for _ in 0..<ByteKeyTable.probesMax {
            if slots[index].id == ScannedLine.missing {
                slots[index] = slot
                return true
            }
            index = (index + 1) & mask
        }
        return false
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: old.count * 2)
        count = 0
        for slot in old where slot.id != ScannedLine.missing {
            if put(slot) { count += 1 }
        }
    }

    /// Forgets every key.
    package mutating func removeAll() { self = ByteKeyTable() }

    /// Forgets the keys whose id is not `isLive`; frees their bytes. `isLive` has an element for
    /// every id. O(bytes of all keys).
    package mutating func retain(_ isLive: [Bool]) {
        let old = self
        self = ByteKeyTable()
        var slotCount = slots.count
        let keptCount = old.slots.reduce(0) {
            $0 + ($1.id != ScannedLine.missing && isLive[Int($1.id)] ? 1 : 0)
        }
        while (keptCount + 1) * 2 > slotCount { slotCount *= 2 }
        slots = [Slot](repeating: Slot(), count: slotCount)
        for var slot in old.slots where slot.id != ScannedLine.missing && isLive[Int(slot.id)] {
            let start = Int(slot.place)
            let counts = old.arena[start]
            let keyBytes = Int(counts >> 32) + Int(counts & 0xFFFF_FFFF)
            let end = start + ByteKeyTable.headerWords + (keyBytes + 7) / 8
            slot.place = UInt32(arena.count)
            if put(slot) {
                arena.append(contentsOf: old.arena[start..<end])
                count += 1
            }
        }
    }
}
