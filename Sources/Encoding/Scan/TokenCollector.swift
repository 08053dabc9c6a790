internal import CKernels
internal import Glibc

/// Finds the words of log blocks and remembers which blocks hold each: what the word pages of a log
/// segment's index are made of (`groups`).
///
/// A word is a maximal run of ASCII letters, ASCII digits and bytes above 0x7F within one line, in
/// ASCII lower case. Runs of one byte are left out; runs longer than `tokenBytesMax` only mark their
/// block. The same blocks in the same order give the same answers.
///
/// Words are cut out of whole blocks, 64 bytes at a time; one of up to eight bytes is a number,
/// which is compared in its slot of the hash table, a longer one is compared as text. No word holds
/// a zero byte, so that the number tells the length too.
///
/// Owns its tables; about 50 bytes and the text per distinct word. Not thread-safe.
@safe
package final class TokenCollector {
    struct Token {
        var offset: UInt32
        var count: UInt32
        var firstBlock: UInt32
        var isRepeated: Bool
    }

    private struct Slot {
        /// The word itself, zeroes behind it, or the hash of a longer one.
        var key: UInt64
        /// Number of the token plus one; 0 is free. The top bit marks a word over eight bytes.
        var token: UInt32
        var lastBlock: UInt32
    }

    private static let longMark: UInt32 = 1 << 31

    package let tokenBytesMax: Int
    /// Blocks added so far: the number of the next one.
    package private(set) var blockCount: UInt32 = 0
    /// Blocks with a word longer than `tokenBytesMax`, ascending.
    package private(set) var longTokenBlocks: [UInt32] = []
    /// Occurrences of words seen, for figures.
    package private(set) var occurrenceCount = 0

    private(set) var arena: UnsafeMutablePointer<UInt8>
    private var arenaCount = 0
    private var arenaCapacity: Int
    private(set) var tokens: UnsafeMutablePointer<Token>
    private(set) var tokenCount = 0
    private var tokenCapacity: Int
    private var slots: UnsafeMutablePointer<Slot>
    private var slotCount: Int
    /// token << 32 | block for every block of a token after its first.
    private(set) var pairs: [UInt64] = []
    private let scratch: UnsafeMutablePointer<UInt8>
    /// Bit i: a line ends before byte i of the block.
    private var cuts: [UInt64] = []
    /// Where the words of the block begin and end: room for one at each byte.
    private var starts: UnsafeMutablePointer<UInt32>
    private var ends: UnsafeMutablePointer<UInt32>
    private var wordCapacity: Int

    package init(tokenBytesMax: Int) {
        precondition(tokenBytesMax >= 2 && tokenBytesMax <= 65_536, "token length out of range")
        self.tokenBytesMax = tokenBytesMax
        arenaCapacity = 1 << 16
        unsafe arena = .allocate(capacity: arenaCapacity)
        tokenCapacity = 1 << 12
        unsafe tokens = .allocate(capacity: tokenCapacity)
        slotCount = 1 << 13
        unsafe slots = .allocate(capacity: slotCount)
        unsafe slots.initialize(
            repeating: Slot(key: 0, token: 0, lastBlock: 0), count: slotCount)
        wordCapacity = 1 << 12
        unsafe starts = .allocate(capacity: wordCapacity)
        unsafe ends = .allocate(capacity: wordCapacity)
        unsafe scratch = .allocate(capacity: tokenBytesMax + 16)
        unsafe scratch.initialize(repeating: 0, count: tokenBytesMax + 16)
    }

    deinit {
        unsafe arena.deallocate()
        unsafe tokens.deallocate()
        unsafe slots.deallocate()
        unsafe starts.deallocate()
        unsafe ends.deallocate()
        unsafe scratch.deallocate()
    }

    /// Distinct words.
    package var distinctCount: Int { tokenCount }

    /// Adds the next block: line i is bytes[lineEnds[i−1]..<lineEnds[i]].
    package func addBlock(_ bytes: [UInt8], lineEnds: [UInt32]) {
        let block = blockCount
        blockCount += 1
        precondition(bytes.count < Int(UInt32.max), "a block has 32-bit offsets")
        markCuts(lineEnds, count: bytes.count)
        growWords(bytes.count + 1)
        var hasLong = false
        unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let text = buffer.baseAddress else { return }
            let wordCount = unsafe findWords(text, count: buffer.count)
            var keys: InlineArray<16, UInt64> = .init(repeating: 0)
            for base in stride(from: 0, to: wordCount, by: keys.count) {
                let end = min(wordCount, base &+ keys.count)
                // Their slots are on their way while the keys of the others are made.
                for index in base..<end {
                    let key = unsafe shortKey(text, index, buffer.count)
                    keys[index &- base] = key
                    unsafe varve_prefetch(slots + place(of: key))
                }
                for index in base..<end {
                    let start = Int(unsafe starts[index])
                    let count = Int(unsafe ends[index]) &- start
                    if count < 2 { continue }
                    occurrenceCount &+= 1
                    let key = keys[index &- base]
                    if key != 0 {
                        note(short: key, count, block)
                    } else if count <= tokenBytesMax {
                        unsafe noteSlowly(text + start, count, block)
                    } else {
                        hasLong = true
                    }
                }
            }
        }
        if hasLong { longTokenBlocks.append(block) }
    }

    /// A word of up to eight bytes as a number; 0 for others, and where the eight bytes from its
    /// start on are not all of the block.
    @inline(__always)
    private func shortKey(_ text: UnsafePointer<UInt8>, _ index: Int, _ byteCount: Int) -> UInt64 {
        let start = Int(unsafe starts[index])
        let count = Int(unsafe ends[index]) &- start
        guard count <= 8, start &+ 8 <= byteCount else { return 0 }
        let word = unsafe UnsafeRawPointer(text + start).loadUnaligned(as: UInt64.self)
        return TokenCollector.lowered(
            UInt64(littleEndian: word) & (~0 &>> UInt64(64 &- 8 &* count)))
    }

    private func growWords(_ count: Int) {
        guard count > wordCapacity else { return }
        wordCapacity = max(count, 2 * wordCapacity)
        unsafe starts.deallocate()
        unsafe ends.deallocate()
        unsafe starts = .allocate(capacity: wordCapacity)
        unsafe ends = .allocate(capacity: wordCapacity)
    }

    private func markCuts(_ lineEnds: [UInt32], count: Int) {
        cuts.removeAll(keepingCapacity: true)
        cuts.append(contentsOf: repeatElement(0, count: count / 64 + 1))
        var before: UInt32 = 0
        for end in lineEnds {
            precondition(end >= before && Int(end) <= count, "BUG: line ends do not ascend")
            cuts[Int(end >> 6)] |= 1 &<< UInt64(end & 63)
            before = end
        }
    }

    /// Fills `starts` and `ends`; how many. What stands behind the last line is words of no line: there is
    /// nothing, as blocks are made.
    private func findWords(_ text: UnsafePointer<UInt8>, count: Int) -> Int {
        let (starts, ends) = unsafe (self.starts, self.ends)
        var startCount = 0
        var endCount = 0
        var carry: UInt64 = 0
        for window in 0...count / 64 {
            let at = window &* 64
            var mask: UInt64 = 0
            if at &+ 64 <= count {
                mask = unsafe varve_word64(text + at)
            } else {
                for index in at..<count where unsafe TokenCollector.isWord(text[index]) {
                    mask |= 1 &<< UInt64(index &- at)
                }
            }
            let before = mask &<< 1 | carry
            carry = mask &>> 63
            let cut = cuts[window]
            var first = mask & (~before | cut)
            var last = before & (~mask | cut)
            let base = UInt32(truncatingIfNeeded: at)
            while first != 0 {
                unsafe starts[startCount] =
                    base &+ UInt32(truncatingIfNeeded: first.trailingZeroBitCount)
                startCount &+= 1
                first &= first &- 1
            }
            while last != 0 {
                unsafe ends[endCount] =
                    base &+ UInt32(truncatingIfNeeded: last.trailingZeroBitCount)
                endCount &+= 1
                last &= last &- 1
            }
        }
        // The window of byte `count`, which is none, has closed the last word.
        assert(endCount == startCount, "BUG: a word without an end")
        return startCount
    }

    @inline(__always)
    private static func isWord(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte > 0x7F
    }

    /// ASCII capitals of eight bytes in lower case.
    @inline(__always)
    private static func lowered(_ word: UInt64) -> UInt64 {
        let low = word & 0x7F7F_7F7F_7F7F_7F7F
        let fromA = low &+ 0x3F3F_3F3F_3F3F_3F3F
        let afterZ = low &+ 0x2525_2525_2525_2525
        let capitals = ~word & (fromA ^ afterZ) & 0x8080_8080_8080_8080
        return word | capitals &>> 2
    }

    /// A long word, or one near the end of the block.
    private func noteSlowly(_ text: UnsafePointer<UInt8>, _ count: Int, _ block: UInt32) {
        unsafe memcpy(scratch, text, count)
        unsafe memset(scratch + count, 0, 8)
        let raw = unsafe UnsafeMutableRawPointer(scratch)
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(count)
        var at = 0
        while at < count {
            let word = TokenCollector.lowered(
                unsafe raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            unsafe raw.storeBytes(of: word, toByteOffset: at, as: UInt64.self)
            if count <= 8 {
                return note(short: UInt64(littleEndian: word), count, block)
            }
            let product = (hash ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
            hash = product.high ^ product.low
            at &+= 8
        }
        note(long: hash ^ (hash &>> 29), count, block)
    }

    @inline(__always)
    private func place(of key: UInt64) -> Int {
        let product = (key ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(
            by: 0xD6E8_FEB8_6659_FD93)
        return Int(truncatingIfNeeded: product.high ^ product.low) & (slotCount &- 1)
    }

    @inline(__always)
    private func note(short key: UInt64, _ count: Int, _ block: UInt32) {
        var place = place(of: key)
        while true {
            let slot = unsafe slots + place
            let token = unsafe slot.pointee.token
            if token == 0 { break }
            if unsafe slot.pointee.key == key, token < TokenCollector.longMark {
                if unsafe slot.pointee.lastBlock != block { unsafe repeated(slot, block) }
                return
            }
            place = (place &+ 1) & (slotCount &- 1)
        }
        makeRoom(count)
        let raw = unsafe UnsafeMutableRawPointer(arena + arenaCount)
        unsafe raw.storeBytes(of: key.littleEndian, as: UInt64.self)
        enter(key, at: place, count, block, mark: 0)
    }

    /// The word in `scratch`, whose hash is `key`.
    private func note(long key: UInt64, _ count: Int, _ block: UInt32) {
        var place = place(of: key)
        while true {
            let slot = unsafe slots + place
            let number = unsafe slot.pointee.token
            if number == 0 { break }
            if unsafe slot.pointee.key == key, number >= TokenCollector.longMark {
                let token = unsafe tokens + Int(number - TokenCollector.longMark - 1)
                if unsafe Int(token.pointee.count) == count,
                    unsafe memcmp(arena + Int(token.pointee.offset), scratch, count) == 0
                {
                    if unsafe slot.pointee.lastBlock != block { unsafe repeated(slot, block) }
                    return
                }
            }
            place = (place &+ 1) & (slotCount &- 1)
        }
        makeRoom(count)
        unsafe memcpy(arena + arenaCount, scratch, count)
        enter(key, at: place, count, block, mark: TokenCollector.longMark)
    }

    private func repeated(_ slot: UnsafeMutablePointer<Slot>, _ block: UInt32) {
        unsafe slot.pointee.lastBlock = block
        let number = unsafe slot.pointee.token & ~TokenCollector.longMark - 1
        unsafe tokens[Int(number)].isRepeated = true
        pairs.append(UInt64(number) << 32 | UInt64(block))
    }

    /// The word whose text was put behind the arena's.
    private func enter(
        _ key: UInt64, at place: Int, _ count: Int, _ block: UInt32, mark: UInt32
    ) {
        unsafe slots[place] = Slot(
            key: key, token: UInt32(tokenCount + 1) | mark, lastBlock: block)
        unsafe tokens[tokenCount] = Token(
            offset: UInt32(arenaCount), count: UInt32(count), firstBlock: block,
            isRepeated: false)
        arenaCount += count
        tokenCount += 1
        if tokenCount * 2 > slotCount { growSlots() }
    }

    /// Room for a word and eight bytes in the arena, and for a token.
    private func makeRoom(_ count: Int) {
        precondition(
            arenaCount + count < Int(UInt32.max) && tokenCount < 1 << 30,
            "BUG: token text not limited")
        if arenaCount + count + 8 > arenaCapacity {
            let wider = UnsafeMutablePointer<UInt8>.allocate(capacity: 2 * arenaCapacity + count)
            unsafe memcpy(wider, arena, arenaCount)
            unsafe arena.deallocate()
            unsafe arena = wider
            arenaCapacity = 2 * arenaCapacity + count
        }
        if tokenCount == tokenCapacity {
            let wider = UnsafeMutablePointer<Token>.allocate(capacity: 2 * tokenCapacity)
            unsafe wider.update(from: tokens, count: tokenCount)
            unsafe tokens.deallocate()
            unsafe tokens = wider
            tokenCapacity *= 2
        }
    }

    private func growSlots() {
        let old = unsafe slots
        let oldCount = slotCount
        slotCount *= 2
        unsafe slots = .allocate(capacity: slotCount)
        unsafe slots.initialize(
            repeating: Slot(key: 0, token: 0, lastBlock: 0), count: slotCount)
        for index in 0..<oldCount where unsafe old[index].token != 0 {
            var place = unsafe place(of: old[index].key)
            while unsafe slots[place].token != 0 { place = (place &+ 1) & (slotCount &- 1) }
            unsafe slots[place] = unsafe old[index]
        }
        unsafe old.deallocate()
    }

    /// Zero for a byte that ends a token, else the byte in ASCII lower case.
    package static let classes: [UInt8] = (0...255).map { (byte: UInt8) in
        switch byte {
        case 0x30...0x39, 0x61...0x7A, 0x80...0xFF: byte
        case 0x41...0x5A: byte | 0x20
        default: 0
        }
    }
}
