internal import Glibc

/// Finds the words of log blocks and remembers which blocks hold each: what the token dictionary of
/// a log segment is made of.
///
/// A token is a maximal run of ASCII letters, ASCII digits and bytes above 0x7F within one line, in
/// ASCII lower case. Runs of one byte are left out; runs longer than `tokenBytesMax` only mark their
/// block. The same blocks in the same order give the same answers.
///
/// Owns its tables (open addressing over an arena of distinct tokens); about 35 bytes and the text
/// per distinct token. Not thread-safe.
@safe
package final class TokenCollector {
    private struct Token {
        var offset: UInt32
        var count: UInt32
        var firstBlock: UInt32
        var lastBlock: UInt32
    }

    private struct Slot {
        var tag: UInt32
        /// Number of the token plus one; 0 is free.
        var token: UInt32
    }

    package let tokenBytesMax: Int
    /// Blocks added so far: the number of the next one.
    package private(set) var blockCount: UInt32 = 0
    /// Blocks with a token longer than `tokenBytesMax`, ascending.
    package private(set) var longTokenBlocks: [UInt32] = []
    /// Token occurrences seen, for figures.
    package private(set) var occurrenceCount = 0

    private var arena: UnsafeMutablePointer<UInt8>
    private var arenaCount = 0
    private var arenaCapacity: Int
    private var tokens: UnsafeMutablePointer<Token>
    private var tokenCount = 0
    private var tokenCapacity: Int
    private var slots: UnsafeMutablePointer<Slot>
    private var slotCount: Int
    /// token << 32 | block for every block of a token after its first.
    private var pairs: [UInt64] = []
    private let scratch: UnsafeMutablePointer<UInt8>

    package init(tokenBytesMax: Int) {
        precondition(tokenBytesMax >= 2 && tokenBytesMax <= 65_536, "token length out of range")
        self.tokenBytesMax = tokenBytesMax
        arenaCapacity = 1 << 16
        unsafe arena = .allocate(capacity: arenaCapacity)
        tokenCapacity = 1 << 12
        unsafe tokens = .allocate(capacity: tokenCapacity)
        slotCount = 1 << 13
        unsafe slots = .allocate(capacity: slotCount)
        unsafe slots.initialize(repeating: Slot(tag: 0, token: 0), count: slotCount)
        unsafe scratch = .allocate(capacity: tokenBytesMax + 16)
        unsafe scratch.initialize(repeating: 0, count: tokenBytesMax + 16)
    }

    deinit {
        unsafe arena.deallocate()
        unsafe tokens.deallocate()
        unsafe slots.deallocate()
        unsafe scratch.deallocate()
    }

    /// Adds the next block: line i is bytes[lineEnds[i−1]..<lineEnds[i]].
    package func addBlock(_ bytes: [UInt8], lineEnds: [UInt32]) {
        let block = blockCount
        blockCount += 1
        var hasLong = false
        unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let text = buffer.baseAddress else { return }
            var start = 0
            for end in lineEnds {
                let stop = Int(end)
                precondition(stop >= start && stop <= buffer.count, "BUG: line ends do not ascend")
                if unsafe addLine(text, start, stop, block) { hasLong = true }
                start = stop
            }
        }
        if hasLong { longTokenBlocks.append(block) }
    }

    /// True when there was a token longer than is kept.
    private func addLine(
        _ text: UnsafePointer<UInt8>, _ start: Int, _ stop: Int, _ block: UInt32
    ) -> Bool {
        var hasLong = false
        let limit = tokenBytesMax
        unsafe TokenCollector.classes.withUnsafeBufferPointer { classes in
            var at = start
            while at < stop {
                var folded = unsafe classes[Int(text[at])]
                if folded == 0 {
                    at += 1
                    continue
                }
                var count = 0
                repeat {
                    if count < limit { unsafe scratch[count] = folded }
                    count += 1
                    at += 1
                    if at == stop { break }
                    folded = unsafe classes[Int(text[at])]
                } while folded != 0
                if count < 2 { continue }
                if count > limit {
                    hasLong = true
                    continue
                }
                note(count, block)
            }
        }
        return hasLong
    }

    /// Counts the token in `scratch` for `block`.
    private func note(_ count: Int, _ block: UInt32) {
        occurrenceCount += 1
        let hash = scratchHash(count)
        let tag = UInt32(truncatingIfNeeded: hash >> 32)
        var place = Int(truncatingIfNeeded: hash) & (slotCount - 1)
        while true {
            let slot = unsafe slots[place]
            if slot.token == 0 { break }
            if slot.tag == tag {
                let token = unsafe tokens + Int(slot.token - 1)
                if unsafe Int(token.pointee.count) == count,
                    unsafe memcmp(arena + Int(token.pointee.offset), scratch, count) == 0
                {
                    if unsafe token.pointee.lastBlock != block {
                        unsafe token.pointee.lastBlock = block
                        pairs.append(UInt64(slot.token - 1) << 32 | UInt64(block))
                    }
                    return
                }
            }
            place = (place + 1) & (slotCount - 1)
        }
        makeRoom(count)
        unsafe slots[place] = Slot(tag: tag, token: UInt32(tokenCount + 1))
        unsafe memcpy(arena + arenaCount, scratch, count)
        unsafe tokens[tokenCount] = Token(
            offset: UInt32(arenaCount), count: UInt32(count), firstBlock: block, lastBlock: block)
        arenaCount += count
        tokenCount += 1
        if tokenCount * 2 > slotCount { growSlots() }
    }

    /// Of the `count` bytes in `scratch`; zeroes behind them up to the next word.
    @inline(__always)
    private func scratchHash(_ count: Int) -> UInt64 {
        unsafe memset(scratch + count, 0, 8)
        return unsafe TokenCollector.hash(scratch, count)
    }

    /// Of `count` bytes, which must be followed by zeroes up to a whole word.
    @inline(__always)
    private static func hash(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
        let raw = unsafe UnsafeRawPointer(bytes)
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(count)
        var at = 0
        while at < count {
            let word = unsafe raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            let product = (state ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
            state = product.high ^ product.low
            at += 8
        }
        return state ^ (state >> 29)
    }

    private func makeRoom(_ count: Int) {
        precondition(arenaCount + count < Int(UInt32.max), "BUG: token text not limited")
        if arenaCount + count > arenaCapacity {
            let wider = UnsafeMutablePointer<UInt8>.allocate(capacity: 2 * arenaCapacity)
            unsafe memcpy(wider, arena, arenaCount)
            unsafe arena.deallocate()
            unsafe arena = wider
            arenaCapacity *= 2
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
        let wider = slotCount * 2
        let fresh = UnsafeMutablePointer<Slot>.allocate(capacity: wider)
        unsafe fresh.initialize(repeating: Slot(tag: 0, token: 0), count: wider)
        for number in 0..<tokenCount {
            let token = unsafe tokens[number]
            let count = Int(token.count)
            unsafe memcpy(scratch, arena + Int(token.offset), count)
            let hash = scratchHash(count)
            var place = Int(truncatingIfNeeded: hash) & (wider - 1)
            while unsafe fresh[place].token != 0 { place = (place + 1) & (wider - 1) }
            unsafe fresh[place] = Slot(
                tag: UInt32(truncatingIfNeeded: hash >> 32), token: UInt32(number + 1))
        }
        unsafe slots.deallocate()
        unsafe slots = fresh
        slotCount = wider
    }

    /// Distinct tokens.
    package var distinctCount: Int { tokenCount }

    /// The tokens that stand in two blocks or more, ascending, each with its blocks, ascending.
    package func forEachRepeated(_ body: (ArraySlice<UInt8>, [UInt32]) -> Void) {
        var starts = [UInt32](repeating: 0, count: tokenCount + 1)
        for pair in pairs { starts[Int(pair >> 32) + 1] += 1 }
        for index in 0..<tokenCount { starts[index + 1] += starts[index] }
        var filled = starts
        var blocks = [UInt32](repeating: 0, count: pairs.count)
        for pair in pairs {
            let token = Int(pair >> 32)
            blocks[Int(filled[token])] = UInt32(truncatingIfNeeded: pair)
            filled[token] += 1
        }
        let repeated = sorted { unsafe tokens[$0].firstBlock != tokens[$0].lastBlock }
        for number in repeated {
            let range = Int(starts[number])..<Int(starts[number + 1])
            let token = unsafe tokens[number]
            body(text(number)[...], [token.firstBlock] + blocks[range])
        }
    }

    /// For each block the tokens that stand in no other: their texts, ascending, as an array of its
    /// own for each block.
    package func rareTokens() -> [[[UInt8]]] {
        var result = [[[UInt8]]](repeating: [], count: Int(blockCount))
        for number in sorted(where: { unsafe tokens[$0].firstBlock == tokens[$0].lastBlock }) {
            result[Int(unsafe tokens[number].firstBlock)].append(text(number))
        }
        return result
    }

    private func text(_ number: Int) -> [UInt8] {
        let token = unsafe tokens[number]
        return unsafe Array(
            UnsafeBufferPointer(start: arena + Int(token.offset), count: Int(token.count)))
    }

    private func sorted(where isWanted: (Int) -> Bool) -> [Int] {
        struct Key {
            var prefix: UInt64
            var number: UInt32
        }
        var keys: [Key] = []
        for number in 0..<tokenCount where isWanted(number) {
            let token = unsafe tokens[number]
            var prefix: UInt64 = 0
            for index in 0..<min(8, Int(token.count)) {
                let byte = unsafe arena[Int(token.offset) + index]
                prefix |= UInt64(byte) << UInt64(56 - 8 * index)
            }
            keys.append(Key(prefix: prefix, number: UInt32(number)))
        }
        keys.sort { a, b in
            if a.prefix != b.prefix { return a.prefix < b.prefix }
            let left = unsafe tokens[Int(a.number)]
            let right = unsafe tokens[Int(b.number)]
            let order = unsafe memcmp(
                arena + Int(left.offset), arena + Int(right.offset),
                Int(min(left.count, right.count)))
            return order != 0 ? order < 0 : left.count < right.count
        }
        return keys.map { Int($0.number) }
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
