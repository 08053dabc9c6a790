internal import Encoding
internal import Model

/// What a block must hold, in words, so that a line of it can pass the filters of a request:
/// necessary, never sufficient.
indirect enum TokenCondition {
    /// Nothing is known to be required.
    case anything
    case word(TokenNeedle)
    case all([TokenCondition])
    case either([TokenCondition])

    /// Of filters that must all pass. Negated ones require nothing.
    init(_ filters: [LineFilter]) {
        self = .conjunction(
            filters.filter { !$0.negated }.map { filter in
                .disjunction(filter.alternatives.map(TokenCondition.init))
            })
    }

    private init(_ pattern: LineFilter.Pattern) {
        switch pattern {
        case .contains(let bytes), .containsFolded(let bytes): self.init(literal: bytes)
        case .matches(let expression): self.init(expression.requiredLiterals)
        }
    }

    private init(_ literals: RequiredLiterals) {
        switch literals {
        case .anything: self = .anything
        case .literal(let bytes, _): self.init(literal: bytes)
        case .all(let parts): self = .conjunction(parts.map(TokenCondition.init))
        case .either(let parts): self = .disjunction(parts.map(TokenCondition.init))
        }
    }

    /// A text within one line: its inner words stand whole, the first and the last may be the end
    /// and the beginning of longer ones.
    init(literal: [UInt8]) {
        var needles: [TokenNeedle] = []
        var at = 0
        while at < literal.count {
            let start = at
            var text: [UInt8] = []
            while at < literal.count, TokenCollector.classes[Int(literal[at])] != 0 {
                text.append(TokenCollector.classes[Int(literal[at])])
                at += 1
            }
            // A word of one byte is in no dictionary, but may be part of one that is: as a whole
            // word it says nothing, as a part hardly anything.
            if text.count >= 2 {
                needles.append(
                    TokenNeedle(
                        text: text, isWholeAtStart: start > 0, isWholeAtEnd: at < literal.count))
            }
            at += 1
        }
        // The longest tell most: they are looked up first.
        needles.sort { $0.text.count > $1.text.count }
        self = .conjunction(needles.map { .word($0) })
    }

    private static func conjunction(_ parts: [TokenCondition]) -> TokenCondition {
        let told = parts.filter { if case .anything = $0 { false } else { true } }
        return told.isEmpty ? .anything : told.count == 1 ? told[0] : .all(told)
    }

    private static func disjunction(_ parts: [TokenCondition]) -> TokenCondition {
        let isOpen = parts.contains { if case .anything = $0 { true } else { false } }
        return isOpen || parts.isEmpty ? .anything : parts.count == 1 ? parts[0] : .either(parts)
    }
}

/// A word, or the end, beginning or inside of one. In lower case.
struct TokenNeedle: Hashable {
    var text: [UInt8]
    var isWholeAtStart: Bool
    var isWholeAtEnd: Bool

    var isWhole: Bool { isWholeAtStart && isWholeAtEnd }
}

extension SegmentIndex {
    /// Those of `candidates` that may satisfy the condition.
    func blocks(
        _ candidates: OrdinalSet, satisfying condition: TokenCondition
    ) throws(StorageError) -> OrdinalSet {
        switch condition {
        case .anything: return candidates
        case .word(let needle): return try blocks(candidates, holding: needle)
        case .all(let parts):
            var left = candidates
            for part in parts {
                if left.isEmpty { break }
                left = try blocks(left, satisfying: part)
            }
            return left
        case .either(let parts):
            var union = OrdinalSet(count: blockCount)
            for part in parts {
                for block in try blocks(candidates, satisfying: part).ordinals() {
                    union.insert(block)
                }
            }
            return union
        }
    }

    private func blocks(
        _ candidates: OrdinalSet, holding needle: TokenNeedle
    ) throws(StorageError) -> OrdinalSet {
        var found = OrdinalSet(count: blockCount)
        // A word that is longer than any kept, or may be the inside or the end of one.
        if !needle.isWholeAtStart || needle.text.count > StorageLimits.tokenBytesMax
            || !needle.isWholeAtEnd
        {
            for block in longTokenBlocks where candidates.contains(block) { found.insert(block) }
        }
        if needle.isWhole, needle.text.count > StorageLimits.tokenBytesMax {
            return found
        }
        try findWords(needle, candidates, &found)
        return found
    }

    private func findWords(
        _ needle: TokenNeedle, _ candidates: OrdinalSet, _ found: inout OrdinalSet
    ) throws(StorageError) {
        let digits = DigitSearch(
            needle.text, isAtStart: needle.isWholeAtStart, isAtEnd: needle.isWholeAtEnd)
        for number in wordPages.pages(for: needle) {
            let page = try wordPage(number)
            do {
                try page.forEachList(holding: needle, digits) { blocks in
                    for block in blocks where candidates.contains(block) { found.insert(block) }
                }
            } catch {
                throw corrupt("word page", Int(number))
            }
            if found == candidates { return }
        }
    }
}

extension OrdinalSet {
    var isEmpty: Bool { ordinals().isEmpty }
}
