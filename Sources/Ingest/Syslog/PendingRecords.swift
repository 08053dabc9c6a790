internal import Model

/// The records of one intake that may still grow, found by key, ordered by when they last grew.
///
/// Keys are seeded 128-bit hashes and not compared byte for byte, as those of `SeriesCache`. Slots
/// are used again, and small buffers with them. Holds no bound itself: `SyslogIntake` does. All
/// operations are O(1), except that removing one is O(records of its connection) moved bytes.
struct PendingRecords: Sendable {
    struct Key: Hashable, Sendable {
        var high: UInt64
        var low: UInt64
    }

    /// What its first message said, and the text so far.
    struct Record: Sendable {
        var labels = Labels.empty
        /// ns since 1970
        var timestamp: Int64 = 0
        /// Pairs in the encoding of `PairBytes`.
        var metadata: [UInt8] = []
        var text: [UInt8] = []
        var lineCount = 0
        /// Parts of it that were written because a bound was reached.
        var partCount = 0
        /// The next message goes on where this one ends: it was a full piece of Docker's.
        var awaitsPiece = false
        /// Monotonic ns at which it last grew.
        var grownNanos: Int64 = 0
    }

    private struct Slot: Sendable {
        var record = Record()
        var key = Key(high: 0, low: 0)
        var connection: UInt64 = 0
        /// Neighbours in the order of growth; `none` at the ends.
        var older = PendingRecords.none
        var newer = PendingRecords.none
    }

    private static let none = -1
    /// Buffers up to this size, in bytes, are kept for the next record.
    private static let keptBytesMax = 4096

    private var slots: [Slot] = []
    private var free: [Int] = []
    private var places: [Key: Int] = [:]
    /// The slots of each connection that has any, in order of their beginning.
    private var owned: [UInt64: [Int]] = [:]
    private var oldestSlot = PendingRecords.none
    private var newestSlot = PendingRecords.none
    /// Of text and metadata, all records together.
    private(set) var bytes = 0

    var count: Int { places.count }
    var isEmpty: Bool { places.isEmpty }

    /// The slot of the record with `key`.
    func slot(of key: Key) -> Int? { places[key] }

    /// The one that has not grown for longest.
    var oldest: Int? { oldestSlot == PendingRecords.none ? nil : oldestSlot }

    /// Of one connection, in order of their beginning.
    func slots(of connection: UInt64) -> [Int] { owned[connection] ?? [] }

    subscript(slot: Int) -> Record { slots[slot].record }

    /// A record without text, in a slot of its own.
    mutating func insert(_ key: Key, connection: UInt64) -> Int {
        assert(places[key] == nil, "BUG: two records of one key")
        let slot = free.popLast() ?? slots.count
        if slot == slots.count { slots.append(Slot()) }
        slots[slot].key = key
        slots[slot].connection = connection
        places[key] = slot
        owned[connection, default: []].append(slot)
        link(slot)
        return slot
    }

    /// Empties `slot` for the next record of the same key and gives it what its first message said.
    mutating func begin(_ slot: Int, labels: Labels, timestamp: Int64, metadata: [UInt8]) {
        clear(slot)
        slots[slot].record.labels = labels
        slots[slot].record.timestamp = timestamp
        slots[slot].record.metadata.append(contentsOf: metadata)
        bytes += metadata.count
    }

    /// Appends source[text], behind a line feed when `isLine` and the record has lines already.
    mutating func extend(
        _ slot: Int, _ source: [UInt8], _ text: Range<Int>, isLine: Bool, awaitsPiece: Bool,
        nanos: Int64
    ) {
        let before = slots[slot].record.text.count
        if isLine {
            if slots[slot].record.lineCount > 0 { slots[slot].record.text.append(0x0A) }
            slots[slot].record.lineCount += 1
        } else if slots[slot].record.lineCount == 0 {
            slots[slot].record.lineCount = 1
        }
        slots[slot].record.text.append(contentsOf: source[text])
        slots[slot].record.awaitsPiece = awaitsPiece
        slots[slot].record.grownNanos = nanos
        bytes += slots[slot].record.text.count - before
        guard slot != newestSlot else { return }
        unlink(slot)
        link(slot)
    }

    /// Takes the text out, of which a part was written; what follows is the next part.
    mutating func nextPart(_ slot: Int) {
        bytes -= slots[slot].record.text.count
        slots[slot].record.text.removeAll(keepingCapacity: true)
        slots[slot].record.lineCount = 0
        slots[slot].record.partCount += 1
    }

    mutating func remove(_ slot: Int) {
        clear(slot)
        unlink(slot)
        places[slots[slot].key] = nil
        let connection = slots[slot].connection
        if let index = owned[connection]?.firstIndex(of: slot) {
            owned[connection]?.remove(at: index)
        }
        if owned[connection]?.isEmpty == true { owned[connection] = nil }
        free.append(slot)
    }

    private mutating func clear(_ slot: Int) {
        var record = Record()
        swap(&record, &slots[slot].record)
        bytes -= record.text.count + record.metadata.count
        if record.text.capacity <= PendingRecords.keptBytesMax {
            record.text.removeAll(keepingCapacity: true)
            swap(&record.text, &slots[slot].record.text)
        }
        if record.metadata.capacity <= PendingRecords.keptBytesMax {
            record.metadata.removeAll(keepingCapacity: true)
            swap(&record.metadata, &slots[slot].record.metadata)
        }
    }

    private mutating func link(_ slot: Int) {
        slots[slot].older = newestSlot
        slots[slot].newer = PendingRecords.none
        if newestSlot == PendingRecords.none {
            oldestSlot = slot
        } else {
            slots[newestSlot].newer = slot
        }
        newestSlot = slot
    }

    private mutating func unlink(_ slot: Int) {
        let (older, newer) = (slots[slot].older, slots[slot].newer)
        if older == PendingRecords.none { oldestSlot = newer } else { slots[older].newer = newer }
        if newer == PendingRecords.none { newestSlot = older } else { slots[newer].older = older }
    }
}
