internal import Encoding
internal import Model

/// Knows series and streams by the bytes under which senders name them, so that labels are parsed,
/// checked, sorted and hashed once and not with every sample.
///
/// Two steps: a 128-bit hash of the sender's bytes (raw key) leads to a number; a number has a
/// `SeriesReference` and its index in the current batch. Different spellings of one label set get
/// different raw keys and the same number, so a batch names each series once.
/// Raw keys are not compared byte for byte: the hash is seeded per process, nobody outside can aim
/// for a collision, and chance has 2⁻¹²⁸.
/// Bound: when `seriesCountMax` is passed, all is forgotten at the next `begin`.
package struct SeriesCache: Sendable {
    /// A raw key: the seeded hash of the sender's bytes.
    struct Key {
        var high: UInt64
        var low: UInt64
        /// Where the search for it begins. Keys that are looked up together share one, so that
        /// they lie in the same cache lines.
        var home: UInt32
    }

    /// 24 bytes.
    private struct Slot {
        var high: UInt64 = 0
        var low: UInt64 = 0
        /// Index into `references`; free when `none`.
        var number = SeriesCache.none
        var home: UInt32 = 0
    }

    private static let none = UInt32.max
    private static let slotCountMin = 1024

    package let seriesCountMax: Int
    /// How often all was forgotten.
    package private(set) var resetCount = 0

    private let processSeed: UInt64
    private var slots: [Slot]
    private var usedSlotCount = 0
    private var numbersByID: [SeriesID: UInt32] = [:]
    private var references: [SeriesReference] = []
    /// Of each number: the batch in which it was last named, and its index there.
    private var placed: [(epoch: UInt32, index: UInt32)] = []
    /// Of each number, the raw key that was learnt last for it; zeroes for none.
    private var keys: [(high: UInt64, low: UInt64)] = []
    /// The number after the one that was found last. Senders repeat their order, and numbers were
    /// given out in it: this is nearly always the next one, and it lies where memory is read ahead.
    private var expected: UInt32 = 0
    private var repeated: RepeatedSeries
    private var epoch: UInt32 = 0
    private var seed: UInt64 = 0
    private var tenant = Tenant.standard

    /// `seed`: random per process (`RandomSource`), fixed in tests.
    package init(seed: UInt64, seriesCountMax: Int = 262_144) {
        precondition(seriesCountMax > 0)
        processSeed = seed
        self.seriesCountMax = seriesCountMax
        slots = [Slot](repeating: Slot(), count: SeriesCache.slotCountMin)
        repeated = RepeatedSeries(seriesCountMax: seriesCountMax)
    }

    package var seriesCount: Int { references.count }

    /// Spellings that it knows.
    var keyCount: Int { usedSlotCount }

    /// Starts a batch of `tenant`. `domain`: the format and whatever else decides what bytes mean.
    mutating func begin(tenant: Tenant, domain: String) {
        if references.count >= seriesCountMax || usedSlotCount >= 4 * seriesCountMax
            || epoch == UInt32.max
        {
            forgetAll()
        }
        epoch += 1
        repeated.begin()
        self.tenant = tenant
        seed = StableHash.hash64(
            Array(tenant.name.utf8) + [0] + Array(domain.utf8), seed: processSeed)
    }

    /// The raw key of `bytes` in the domain of this batch.
    func key(_ bytes: ArraySlice<UInt8>) -> Key {
        let (high, low) = StableHash.hash128(bytes, seed: seed)
        return Key(high: high, low: low, home: UInt32(truncatingIfNeeded: low))
    }

    /// The raw key of `bytes` after what `prefix` is the key of. `ordinal`: which one it is of
    /// those that belong to `prefix`; groups of four share a home.
    func key(_ bytes: ArraySlice<UInt8>, after prefix: Key, ordinal: Int) -> Key {
        Key(
            high: StableHash.hash64(bytes, seed: prefix.high),
            low: StableHash.hash64(bytes, seed: prefix.low),
            home: prefix.home &+ UInt32(truncatingIfNeeded: ordinal >> 2) &* 0x9E37_79B1)
    }

    /// The number of the series that `key` was learnt for.
    mutating func number(_ key: Key) -> UInt32? {
        let guess = Int(expected)
        if guess < keys.count, keys[guess].low == key.low, keys[guess].high == key.high {
            expected &+= 1
            return UInt32(guess)
        }
        let mask = slots.count - 1
        var at = Int(key.home) & mask
        while slots[at].number != SeriesCache.none {
            if slots[at].low == key.low, slots[at].high == key.high {
                expected = slots[at].number &+ 1
                return slots[at].number
            }
            at = (at + 1) & mask
        }
        return nil
    }

    /// Remembers that `key` means `labels`; the number of that series.
    mutating func learn(_ key: Key, _ labels: Labels) -> UInt32 {
        let number = number(of: labels)
        if 4 * (usedSlotCount + 1) > 3 * slots.count { grow() }
        insert(key, number)
        keys[Int(number)] = (key.high, key.low)
        expected = number &+ 1
        return number
    }

    /// The number of the series with `labels`, for senders whose bytes are not worth a key.
    mutating func number(of labels: Labels) -> UInt32 {
        let reference = SeriesReference(tenant: tenant, labels: labels)
        if let known = numbersByID[reference.id] { return known }
        let number = UInt32(references.count)
        references.append(reference)
        placed.append((epoch: 0, index: 0))
        keys.append((0, 0))
        numbersByID[reference.id] = number
        return number
    }

    /// The index of the series in `list` (a batch's series or streams), to which it is appended
    /// when this batch has not named it yet. One list per `begin`.
    mutating func index(_ number: UInt32, in list: inout [SeriesReference]) -> UInt32 {
        let at = Int(number)
        if placed[at].epoch == epoch { return placed[at].index }
        let index = UInt32(list.count)
        list.append(references[at])
        placed[at] = (epoch: epoch, index: index)
        return index
    }

    /// The same for senders who name the same series again and again. `list` is whole only after
    /// `finish`, and nobody else may append to it.
    mutating func place(_ number: UInt32, in list: inout [SeriesReference]) -> UInt32 {
        let at = Int(number)
        if placed[at].epoch == epoch { return placed[at].index }
        let index = repeated.place(number, in: &list, from: references)
        placed[at] = (epoch: epoch, index: index)
        return index
    }

    /// Ends a batch whose series were entered by `place`.
    mutating func finish(_ list: inout [SeriesReference]) { repeated.finish(&list) }

    /// The labels behind a number.
    func labels(_ number: UInt32) -> Labels { references[Int(number)].labels ?? .empty }

    private mutating func insert(_ key: Key, _ number: UInt32) {
        let mask = slots.count - 1
        var at = Int(key.home) & mask
        while slots[at].number != SeriesCache.none {
            if slots[at].low == key.low, slots[at].high == key.high { return }
            at = (at + 1) & mask
        }
        slots[at] = Slot(high: key.high, low: key.low, number: number, home: key.home)
        usedSlotCount += 1
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: 2 * old.count)
        usedSlotCount = 0
        for slot in old where slot.number != SeriesCache.none {
            insert(Key(high: slot.high, low: slot.low, home: slot.home), slot.number)
        }
    }

    private mutating func forgetAll() {
        slots = [Slot](repeating: Slot(), count: SeriesCache.slotCountMin)
        usedSlotCount = 0
        numbersByID = [:]
        references = []
        placed = []
        keys = []
        expected = 0
        repeated.forgetAll()
        epoch = 0
        resetCount += 1
    }
}
