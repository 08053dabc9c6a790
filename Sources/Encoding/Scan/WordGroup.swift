internal import Glibc

/// Of what a word is made: decides how it is stored and which searches can find it.
package enum WordKind: UInt8, Sendable, Hashable {
    /// Up to 16 decimal digits.
    case decimal = 0
    /// Up to 16 digits and letters a to f, with a letter.
    case hexadecimal = 1
    /// Any other.
    case text = 2

    /// Longest word that is kept as a number.
    package static let digitsMax = 16

    /// Of a word in lower case.
    package init(_ word: ArraySlice<UInt8>) {
        guard word.count <= WordKind.digitsMax else {
            self = .text
            return
        }
        var hasLetter = false
        for byte in word where byte &- 0x30 >= 10 {
            guard byte &- 0x61 < 6 else {
                self = .text
                return
            }
            hasLetter = true
        }
        self = hasLetter ? .hexadecimal : .decimal
    }
}

/// Words of one kind, and if they are numbers of one length, ascending, each with its blocks.
package struct WordGroup: Sendable {
    package var kind: WordKind
    /// Digits of each word; 0 for texts.
    package var length: Int
    /// Four bits a digit, the first digit highest; none for texts.
    package var numbers: [UInt64] = []
    /// The words of a group of texts: word i is text[textEnds[i−1]..<textEnds[i]].
    package var text: [UInt8] = []
    package var textEnds: [UInt32] = []
    /// The blocks of word i, ascending: blocks[blockEnds[i−1]..<blockEnds[i]].
    package var blocks: [UInt32] = []
    package var blockEnds: [UInt32] = []

    package var count: Int { blockEnds.count }
}

extension TokenCollector {
    /// All words: decimal numbers by length, then hexadecimal ones by length, then texts.
    package func groups() -> [WordGroup] {
        // By kind and length, which is below 256 where it tells.
        var members = [[Key]](repeating: [], count: 3 << 8)
        for number in 0..<tokenCount {
            let token = unsafe tokens[number]
            let (kind, key) = unsafe TokenCollector.key(
                arena + Int(token.offset), Int(token.count))
            let length = kind == .text ? 0 : Int(token.count)
            members[Int(kind.rawValue) << 8 | length].append(
                Key(prefix: key, number: UInt32(number)))
        }
        let lists = PairLists(pairs, tokenCount: tokenCount)
        return members.indices.filter { !members[$0].isEmpty }.map { place in
            let keys = members[place]
            let kind = WordKind(rawValue: UInt8(place >> 8)) ?? .text
            var group = WordGroup(kind: kind, length: place & 0xFF)
            for key in sorted(keys, kind) {
                let token = unsafe tokens[Int(key.number)]
                if kind == .text {
                    unsafe group.text.append(
                        contentsOf: UnsafeBufferPointer(
                            start: arena + Int(token.offset), count: Int(token.count)))
                    group.textEnds.append(UInt32(group.text.count))
                } else {
                    group.numbers.append(key.prefix)
                }
                group.blocks.append(token.firstBlock)
                if token.isRepeated { group.blocks += lists[Int(key.number)] }
                group.blockEnds.append(UInt32(group.blocks.count))
            }
            return group
        }
    }

    /// Number of a token, and its digits or its first eight bytes.
    private struct Key {
        var prefix: UInt64
        var number: UInt32
    }

    private func sorted(_ keys: [Key], _ kind: WordKind) -> [Key] {
        guard kind == .text else { return keys.sorted { $0.prefix < $1.prefix } }
        return keys.sorted { a, b in
            if a.prefix != b.prefix { return a.prefix < b.prefix }
            let left = unsafe tokens[Int(a.number)]
            let right = unsafe tokens[Int(b.number)]
            let order = unsafe memcmp(
                arena + Int(left.offset), arena + Int(right.offset),
                Int(min(left.count, right.count)))
            return order != 0 ? order < 0 : left.count < right.count
        }
    }

    private static func key(
        _ word: UnsafePointer<UInt8>, _ count: Int
    ) -> (WordKind, UInt64) {
        var digits: UInt64 = 0
        var hasLetter = false
        var isNumber = count <= WordKind.digitsMax
        var index = 0
        while isNumber, index < count {
            let byte = unsafe word[index]
            if byte &- 0x30 < 10 {
                digits = digits &<< 4 | UInt64(byte &- 0x30)
            } else if byte &- 0x61 < 6 {
                digits = digits &<< 4 | UInt64(byte &- 0x57)
                hasLetter = true
            } else {
                isNumber = false
            }
            index &+= 1
        }
        if isNumber { return (hasLetter ? .hexadecimal : .decimal, digits) }
        var prefix: UInt64 = 0
        for index in 0..<min(8, count) {
            prefix |= UInt64(unsafe word[index]) &<< UInt64(56 &- 8 &* index)
        }
        return (.text, prefix)
    }
}

/// The second and later blocks of each token, from pairs in order of the blocks.
private struct PairLists {
    private var starts: [UInt32]
    private var blocks: [UInt32]

    init(_ pairs: [UInt64], tokenCount: Int) {
        starts = [UInt32](repeating: 0, count: tokenCount + 1)
        blocks = [UInt32](repeating: 0, count: pairs.count)
        for pair in pairs { starts[Int(pair >> 32) + 1] += 1 }
        for index in 0..<tokenCount { starts[index + 1] += starts[index] }
        var filled = starts
        for pair in pairs {
            let token = Int(pair >> 32)
            blocks[Int(filled[token])] = UInt32(truncatingIfNeeded: pair)
            filled[token] += 1
        }
    }

    subscript(token: Int) -> ArraySlice<UInt32> {
        blocks[Int(starts[token])..<Int(starts[token + 1])]
    }
}
