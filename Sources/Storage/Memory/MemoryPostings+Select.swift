internal import Encoding
package import Model

/// Answers selectors over `MemoryPostings`. A matcher that an absent label fails narrows by the
/// union of its values' postings; one that an absent label passes removes those whose value fails.
/// When few candidates are left, their own pairs are tested instead of all values of the name.
extension MemoryPostings {
    /// The tenant's ordinals that the selector selects, ascending.
    package func select(tenant: Tenant, selector: Selector) -> [UInt32] {
        guard let owner = find(0, Array(tenant.name.utf8)[...]) else { return [] }
        if selector.alternatives.count == 1 {
            return select(owner, selector.alternatives[0])
        }
        var union = OrdinalSet(count: count)
        for alternative in selector.alternatives {
            for ordinal in select(owner, alternative) { union.insert(ordinal) }
        }
        return union.ordinals()
    }

    /// Names of the labels that the ordinals carry, ascending by bytes.
    package func labelNames(of ordinals: [UInt32]) -> [String] {
        var seen = [Bool](repeating: false, count: nameRanges.count)
        for ordinal in ordinals {
            for number in pairNumbers(of: ordinal) { seen[Int(pairs[Int(number)].name)] = true }
        }
        return nameRanges.indices.dropFirst()
            .filter { seen[$0] }
            .map { String(decoding: arena[nameRanges[$0]], as: UTF8.self) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Values of label `name` that the ordinals carry, ascending by bytes.
    package func labelValues(_ name: String, of ordinals: [UInt32]) -> [String] {
        guard !name.isEmpty, let wanted = nameNumbers[name] else { return [] }
        var seen = Set<UInt32>()
        for ordinal in ordinals {
            if let number = pairNumber(of: ordinal, named: wanted) { seen.insert(number) }
        }
        return seen.map { String(decoding: valueBytes(pairs[Int($0)]), as: UTF8.self) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// How many ordinals carry the pair.
    func ordinalCount(_ number: UInt32) -> Int {
        let pair = pairs[Int(number)]
        return 1 + (pair.list == MemoryPostings.noList ? 0 : lists[Int(pair.list)].count)
    }

    private func pairNumber(of ordinal: UInt32, named name: UInt32) -> UInt32? {
        pairNumbers(of: ordinal).first { pairs[Int($0)].name == name }
    }

    private func postings(_ number: UInt32) -> [UInt32] {
        let pair = pairs[Int(number)]
        return pair.list == MemoryPostings.noList
            ? [pair.first] : [pair.first] + lists[Int(pair.list)]
    }

    private func insertPostings(_ number: UInt32, into set: inout OrdinalSet) {
        let pair = pairs[Int(number)]
        set.insert(pair.first)
        guard pair.list != MemoryPostings.noList else { return }
        for ordinal in lists[Int(pair.list)] { set.insert(ordinal) }
    }

    private func select(_ owner: UInt32, _ matchers: [Matcher]) -> [UInt32] {
        // Exact pairs first, the rarest leading: they are one lookup each.
        var exact = [owner]
        var others: [Matcher] = []
        for matcher in matchers {
            guard matcher.operation == .equal, !matcher.value.isEmpty else {
                others.append(matcher)
                continue
            }
            guard !matcher.name.isEmpty, let name = nameNumbers[matcher.name],
                let number = find(name, Array(matcher.value.utf8)[...])
            else { return [] }
            exact.append(number)
        }
        exact.sort { ordinalCount($0) < ordinalCount($1) }
        var candidates = postings(exact[0])
        for number in exact.dropFirst() where !candidates.isEmpty {
            candidates = intersect(candidates, with: number)
        }
        for matcher in others where !candidates.isEmpty {
            candidates = apply(matcher, to: candidates)
        }
        return candidates
    }

    private func intersect(_ candidates: [UInt32], with number: UInt32) -> [UInt32] {
        if candidates.count * 16 < ordinalCount(number) {
            return candidates.filter { pairNumbers(of: $0).contains(number) }
        }
        var set = OrdinalSet(count: count)
        insertPostings(number, into: &set)
        return candidates.filter(set.contains)
    }

    private func apply(_ matcher: Matcher, to candidates: [UInt32]) -> [UInt32] {
        let passesAbsent = matcher.matchesEmpty
        guard !matcher.name.isEmpty, let name = nameNumbers[matcher.name] else {
            return passesAbsent ? candidates : []
        }
        let values = pairsOfName[Int(name)]
        if candidates.count < values.count * 4 {
            var verdicts: [UInt32: Bool] = [:]
            return candidates.filter { ordinal in
                guard let number = pairNumber(of: ordinal, named: name) else {
                    return passesAbsent
                }
                if let known = verdicts[number] { return known }
                let verdict = matcher.matches(valueBytes(pairs[Int(number)]))
                verdicts[number] = verdict
                return verdict
            }
        }
        var set = OrdinalSet(count: count)
        for number in values
        where matcher.matches(valueBytes(pairs[Int(number)])) != passesAbsent {
            insertPostings(number, into: &set)
        }
        return candidates.filter { set.contains($0) != passesAbsent }
    }
}

/// A set of ordinals below `count`: one bit each.
struct OrdinalSet: Equatable {
    private var words: [UInt64]

    init(count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }

    mutating func insert(_ ordinal: UInt32) {
        words[Int(ordinal >> 6)] |= 1 << UInt64(ordinal & 63)
    }

    func contains(_ ordinal: UInt32) -> Bool {
        words[Int(ordinal >> 6)] & (1 << UInt64(ordinal & 63)) != 0
    }

    func ordinals() -> [UInt32] {
        var result: [UInt32] = []
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                result.append(UInt32(index * 64 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
        return result
    }
}
