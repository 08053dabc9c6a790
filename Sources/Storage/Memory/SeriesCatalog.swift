package import Model

/// Which series (or streams) a shard knows: fingerprint → slot, and the labels of each slot.
///
/// Slots are dense and given out in order of arrival, so they are the ordinals of `postings`.
/// A value; copies share storage until one grows. 24 bytes per series beside its postings.
package struct SeriesCatalog: Sendable {
    /// Labels and inverted index, by slot.
    package private(set) var postings = MemoryPostings()
    /// Fingerprint of each slot.
    package private(set) var ids: [SeriesID] = []
    /// Open addressing: slot + 1, or 0. A power of two, at most half full.
    private var table: [UInt32] = [UInt32](repeating: 0, count: 64)

    /// Empty.
    package init() {}

    /// How many series are known.
    package var count: Int { ids.count }

    /// Bytes held, without the allocator's part. O(label pairs).
    package var byteCount: Int {
        postings.byteCount + ids.capacity * 16 + table.capacity * 4
    }

    /// The slot of a fingerprint, or nil when it is not known.
    package func slot(of id: SeriesID) -> UInt32? {
        let mask = table.count - 1
        var place = Int(truncatingIfNeeded: id.low) & mask
        while table[place] != 0 {
            let slot = table[place] - 1
            // Word by word: `==` of a type of another room is a call.
            let known = ids[Int(slot)]
            if known.low == id.low, known.high == id.high { return slot }
            place = (place + 1) & mask
        }
        return nil
    }

    /// The slot of each fingerprint; `none` for those not known. Senders repeat their order, in
    /// which slots were given out: the one after the last is tried before the table.
    package func slots(of wanted: some Collection<SeriesID>) -> [UInt32] {
        var expected = 0
        return wanted.map { id in
            if expected < ids.count, ids[expected].low == id.low, ids[expected].high == id.high {
                expected += 1
                return UInt32(expected - 1)
            }
            guard let slot = slot(of: id) else { return SeriesCatalog.none }
            expected = Int(slot) + 1
            return slot
        }
    }

    /// No slot.
    package static let none = UInt32.max

    /// Adds a series that is not known yet and returns its slot.
    package mutating func append(tenant: Tenant, id: SeriesID, labels: Labels) -> UInt32 {
        assert(slot(of: id) == nil, "BUG: a series is added twice")
        let slot = postings.append(tenant: tenant, labels: labels)
        ids.append(id)
        if ids.count * 2 > table.count {
            table = [UInt32](repeating: 0, count: table.count * 2)
            for known in 0..<ids.count { insert(UInt32(known)) }
        } else {
            insert(slot)
        }
        return slot
    }

    /// The labels of a slot.
    package func labels(of slot: UInt32) -> Labels { postings.labels(of: slot) }

    /// The tenant of a slot.
    package func tenant(of slot: UInt32) -> Tenant { postings.tenant(of: slot) }

    /// A catalog of `slots` only (ascending), renumbered from 0 in their order.
    package func keeping(_ slots: [UInt32]) -> SeriesCatalog {
        var kept = SeriesCatalog()
        for slot in slots {
            _ = kept.append(
                tenant: tenant(of: slot), id: ids[Int(slot)], labels: labels(of: slot))
        }
        return kept
    }

    private mutating func insert(_ slot: UInt32) {
        let mask = table.count - 1
        var place = Int(truncatingIfNeeded: ids[Int(slot)].low) & mask
        while table[place] != 0 { place = (place + 1) & mask }
        table[place] = slot + 1
    }
}
