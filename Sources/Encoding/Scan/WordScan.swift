internal import CKernels

/// A few short words, prepared to be looked for all at once: in either case of ASCII letters, and
/// only where they stand by themselves, that is with no letter, digit, underscore or byte beyond
/// ASCII beside them.
///
/// One pass: the words of a text are found 64 bytes at a time as runs of bits, and only those of a
/// fitting length are compared, eight bytes at once.
package struct WordScan: Sendable {
    /// Longest word that can be looked for, bytes.
    package static let wordBytesMax = 8
    /// Most words: one bit each.
    package static let wordsMax = 32

    /// Bit n: there are words of n bytes.
    private let lengths: UInt64
    /// Bit `filterBit` of a word: one of the words may be that.
    private let filter: UInt64
    /// The words, lower case, the first byte lowest, by length: those of n bytes are
    /// keys[ends[n − 1]..<ends[n]].
    private let keys: [UInt64]
    private let bits: [UInt32]
    private let ends: [Int]

    /// `words`: ASCII letters and digits, 1 to 8 bytes each, at most 32.
    package init(_ words: [String]) {
        precondition(words.count <= WordScan.wordsMax, "too many words")
        var keys: [UInt64] = []
        var bits: [UInt32] = []
        var ends = [0]
        var lengths: UInt64 = 0
        var filter: UInt64 = 0
        for count in 1...WordScan.wordBytesMax {
            for (place, word) in words.enumerated() where word.utf8.count == count {
                var key: UInt64 = 0
                for (index, byte) in word.utf8.enumerated() {
                    precondition(WordScan.isWord(byte) && byte != 0x5F, "not a word")
                    key |= UInt64(byte | 0x20) &<< UInt64(8 * index)
                }
                keys.append(key)
                bits.append(1 &<< UInt32(place))
                lengths |= 1 &<< UInt64(count)
                filter |= 1 &<< WordScan.filterBit(key)
            }
            ends.append(keys.count)
        }
        precondition(keys.count == words.count, "a word is empty or too long")
        self.keys = keys
        self.bits = bits
        self.ends = ends
        self.lengths = lengths
        self.filter = filter
    }

    /// Bit i: the i-th word stands in `text`. O(bytes); allocates nothing.
    package func found(in text: ArraySlice<UInt8>) -> UInt32 {
        unsafe text.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return 0 }
            return unsafe found(base, buffer.count)
        }
    }

    private func found(_ base: UnsafePointer<UInt8>, _ count: Int) -> UInt32 {
        var found: UInt32 = 0
        var at = 0
        // Bit 0: the byte before the window is a word's.
        var carry: UInt64 = 0
        while at < count {
            let width = min(64, count - at)
            let words = unsafe WordScan.wordMask(base, at, width, count)
            var starts = words & ~(words &<< 1 | carry)
            while starts != 0 {
                let start = starts.trailingZeroBitCount
                starts &= starts &- 1
                var length = (~(words &>> UInt64(start))).trailingZeroBitCount
                if start + length == 64 {
                    // It may go on behind the window.
                    while length <= WordScan.wordBytesMax, at + start + length < count,
                        unsafe WordScan.isWord(base[at + start + length])
                    { length += 1 }
                }
                guard length <= WordScan.wordBytesMax, lengths &>> UInt64(length) & 1 != 0
                else { continue }
                let word = unsafe WordScan.word(base, at + start, length, count)
                guard filter &>> WordScan.filterBit(word) & 1 != 0 else { continue }
                for place in ends[length - 1]..<ends[length] where keys[place] == word {
                    found |= bits[place]
                }
            }
            carry = words &>> 63
            at += 64
        }
        return found
    }

    /// One bit for each of the `width` bytes at `at` that is part of a word.
    @inline(__always)
    private static func wordMask(
        _ base: UnsafePointer<UInt8>, _ at: Int, _ width: Int, _ count: Int
    ) -> UInt64 {
        var mask: UInt64 = 0
        guard count >= 16 else {
            for index in 0..<width {
                mask |= (unsafe isWord(base[index]) ? 1 : 0) &<< UInt64(index)
            }
            return mask
        }
        var done = 0
        while width - done >= 16 {
            mask |= unsafe varve_identifier16(base + at + done) &<< UInt64(done)
            done += 16
        }
        if done < width {
            // The last sixteen bytes of the text; what was seen before falls out.
            let seen = UInt64(16 - (width - done))
            let last = unsafe varve_identifier16(base + count - 16)
            mask |= (last &>> seen) &<< UInt64(done)
        }
        return mask
    }

    /// The `length` bytes at `at`, lower case, the first one lowest.
    @inline(__always)
    private static func word(
        _ base: UnsafePointer<UInt8>, _ at: Int, _ length: Int, _ count: Int
    ) -> UInt64 {
        let unused = UInt64(64 - 8 * length)
        let folds: UInt64 = 0x2020_2020_2020_2020
        if at + 8 <= count {
            let raw = unsafe UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self)
            return ((UInt64(littleEndian: raw) | folds) &<< unused) &>> unused
        }
        var word: UInt64 = 0
        for index in 0..<length {
            word |= UInt64(unsafe base[at + index]) &<< UInt64(8 * index)
        }
        return ((word | folds) &<< unused) &>> unused
    }

    /// Of the first two bytes of a word, below 64.
    @inline(__always)
    private static func filterBit(_ word: UInt64) -> UInt64 {
        (word ^ (word &>> 5)) & 63
    }

    @inline(__always)
    private static func isWord(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x5F || byte >= 0x80
    }
}
