internal import Encoding
package import Model

/// The inverted index of what is in memory: the labels of each series or stream, held once per
/// label pair, and the ordinals that carry each pair. A value: copies share storage until one of
/// them grows.
///
/// Ordinals are given out densely from 0 in the order of `append`, so every list is ascending.
/// The tenant is one more pair, under the empty name, which no label has. Not synchronised.
/// Memory per series: 8 bytes per label plus its share of the values.
package struct MemoryPostings: Sendable {
    /// A label value under a name. `first` is its first ordinal; the rest, if any, is in
    /// `lists[list]`, which spares the pairs of one series (most pairs) an allocation.
    struct Pair: Sendable {
        var name: UInt32
        var valueOffset: UInt32
        var valueCount: UInt32
        var first: UInt32
        var list: UInt32
    }

    static let noList = UInt32.max

    /// Bytes of names and values, each distinct one once per name.
    var arena: [UInt8] = []
    var nameRanges: [Range<Int>] = []
    var pairsOfName: [[UInt32]] = []
    var nameNumbers: [String: UInt32] = [:]
    var pairs: [Pair] = []
    var lists: [[UInt32]] = []
    /// Open addressing: pair number + 1, or 0. A power of two, at most half full.
    private var table: [UInt32] = [UInt32](repeating: 0, count: 64)
    /// Pair numbers of ordinal i, tenant first: seriesPairs[ends[i−1]..<ends[i]].
    var seriesPairs: [UInt32] = []
    var ends: [UInt32] = []

    /// Empty.
    package init() {
        nameRanges.append(0..<0)
        pairsOfName.append([])
        nameNumbers[""] = 0
    }

    /// Ordinals given out.
    package var count: Int { ends.count }

    /// Distinct label pairs.
    package var pairCount: Int { pairs.count }

    /// Bytes held, without the allocator's part. O(pairs).
    package var byteCount: Int {
        arena.capacity + pairs.capacity * MemoryLayout<Pair>.stride + table.capacity * 4
            + seriesPairs.capacity * 4 + ends.capacity * 4
            + lists.reduce(0) { $0 + 40 + $1.capacity * 4 }
            + pairsOfName.reduce(0) { $0 + 40 + $1.capacity * 4 }
    }

    /// Adds a series or stream that is not yet there and returns its ordinal. The caller knows
    /// which label sets it has added: nothing is looked up.
    @discardableResult
    package mutating func append(tenant: Tenant, labels: Labels) -> UInt32 {
        let ordinal = UInt32(ends.count)
        let name = Array(tenant.name.utf8)
        note(pair(0, name[...]), ordinal)
        var last: UInt32 = 0
        labels.forEachSlice { name, value in
            last = nameNumber(name, after: last)
            note(pair(last, value), ordinal)
            return true
        }
        ends.append(UInt32(seriesPairs.count))
        return ordinal
    }

    /// The labels of an ordinal, put together from its pairs.
    package func labels(of ordinal: UInt32) -> Labels {
        var bytes: [UInt8] = []
        for number in pairNumbers(of: ordinal).dropFirst() {
            let pair = pairs[Int(number)]
            let name = nameRanges[Int(pair.name)]
            Varint.append(UInt64(name.count), to: &bytes)
            bytes.append(contentsOf: arena[name])
            Varint.append(UInt64(pair.valueCount), to: &bytes)
            bytes.append(contentsOf: valueBytes(pair))
        }
        return Labels(canonical: bytes)
    }

    /// The tenant of an ordinal.
    package func tenant(of ordinal: UInt32) -> Tenant {
        let bytes = valueBytes(pairs[Int(seriesPairs[pairRange(of: ordinal).lowerBound])])
        guard let tenant = Tenant(String(decoding: bytes, as: UTF8.self)) else {
            preconditionFailure("BUG: a tenant in memory has no valid name")
        }
        return tenant
    }

    func pairRange(of ordinal: UInt32) -> Range<Int> {
        let index = Int(ordinal)
        return (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])
    }

    func pairNumbers(of ordinal: UInt32) -> ArraySlice<UInt32> {
        seriesPairs[pairRange(of: ordinal)]
    }

    func valueBytes(_ pair: Pair) -> ArraySlice<UInt8> {
        arena[Int(pair.valueOffset)..<Int(pair.valueOffset) + Int(pair.valueCount)]
    }

    /// The number of the pair, or nil when nothing carries it.
    func find(_ name: UInt32, _ value: ArraySlice<UInt8>) -> UInt32? {
        let mask = table.count - 1
        var place = Int(truncatingIfNeeded: StableHash.hash64(value, seed: UInt64(name))) & mask
        while table[place] != 0 {
            let number = table[place] - 1
            let candidate = pairs[Int(number)]
            if candidate.name == name, candidate.valueCount == value.count,
                valueBytes(candidate).elementsEqual(value)
            {
                return number
            }
            place = (place + 1) & mask
        }
        return nil
    }

    private mutating func note(_ number: UInt32, _ ordinal: UInt32) {
        seriesPairs.append(number)
        let index = Int(number)
        if pairs[index].first == UInt32.max {
            pairs[index].first = ordinal
        } else if pairs[index].list == MemoryPostings.noList {
            pairs[index].list = UInt32(lists.count)
            lists.append([ordinal])
        } else {
            lists[Int(pairs[index].list)].append(ordinal)
        }
    }

    /// `last`: the name before it in its series. Most series have the names of the one before,
    /// which were numbered one after the other.
    private mutating func nameNumber(_ name: ArraySlice<UInt8>, after last: UInt32) -> UInt32 {
        let guess = Int(last) + 1
        if guess < nameRanges.count, arena[nameRanges[guess]].elementsEqual(name) {
            return UInt32(guess)
        }
        let text = String(decoding: name, as: UTF8.self)
        if let known = nameNumbers[text] { return known }
        let number = UInt32(nameRanges.count)
        nameRanges.append(arena.count..<arena.count + name.count)
        arena.append(contentsOf: name)
        pairsOfName.append([])
        nameNumbers[text] = number
        return number
    }

    private mutating func pair(_ name: UInt32, _ value: ArraySlice<UInt8>) -> UInt32 {
        if let known = find(name, value) { return known }
        precondition(arena.count < StorageLimits.labelBytesMax, "BUG: label bytes not limited")
        let number = UInt32(pairs.count)
        pairs.append(
            Pair(
                name: name, valueOffset: UInt32(arena.count), valueCount: UInt32(value.count),
                first: .max, list: MemoryPostings.noList))
        arena.append(contentsOf: value)
        pairsOfName[Int(name)].append(number)
        if pairs.count * 2 > table.count { grow() }
        insert(number)
        return number
    }

    private mutating func grow() {
        table = [UInt32](repeating: 0, count: table.count * 2)
        for number in 0..<pairs.count - 1 { insert(UInt32(number)) }
    }

    private mutating func insert(_ number: UInt32) {
        let pair = pairs[Int(number)]
        let mask = table.count - 1
        let hash = StableHash.hash64(valueBytes(pair), seed: UInt64(pair.name))
        var place = Int(truncatingIfNeeded: hash) & mask
        while table[place] != 0 { place = (place + 1) & mask }
        table[place] = number + 1
    }
}
