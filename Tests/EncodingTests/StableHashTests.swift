import Encoding
import Testing

@Suite struct StableHashTests {
    static let pattern = (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }

    /// These are on disk: a change here loses every stored series.
    @Test(
        arguments: [
            (0, 0, 0x4c91_b2fd_b699_ff5f),
            (1, 0, 0xf59b_6965_0047_d040),
            (3, 0, 0x9486_1621_6d15_86eb),
            (4, 1, 0x2234_233b_0d16_54f5),
            (8, 0, 0x9404_2c42_7b9e_174b),
            (16, 0, 0x6b96_f3a7_fcac_80ab),
            (17, 7, 0x51d7_543d_a13f_9483),
            (48, 0, 0x0927_7782_14d8_d632),
            (63, 0, 0x6075_bd89_505e_83f6),
            (200, .max, 0xe7ae_4628_da32_c4fc),
        ] as [(Int, UInt64, UInt64)])
    func goldenValues(_ count: Int, _ seed: UInt64, _ expected: UInt64) {
        let hash = StableHash.hash64(Array(Self.pattern.prefix(count)), seed: seed)
        #expect(hash == expected, "0x\(String(hash, radix: 16))")
    }

    @Test func golden128() {
        let (high, low) = StableHash.hash128(Self.pattern, seed: 42)
        #expect(high == 0xe409_3d48_ddef_2057, "0x\(String(high, radix: 16))")
        #expect(low == 0x80f6_b0ab_0daf_bab0, "0x\(String(low, radix: 16))")
    }

    @Test func slicesAndArraysAgree() {
        let whole = Self.pattern
        for count in 0...100 {
            let alone = StableHash.hash64(Array(whole[5..<5 + count]), seed: 9)
            #expect(StableHash.hash64(whole[5..<5 + count], seed: 9) == alone)
            #expect(StableHash.hash128(whole[5..<5 + count], seed: 9).high == alone)
        }
    }

    @Test func aMillionStructuredKeysDoNotCollideAndSpread() {
        var hashes: [UInt64] = []
        var buckets = [Int](repeating: 0, count: 1_024)
        hashes.reserveCapacity(1_000_000)
        for host in 0..<1_000 {
            for metric in 0..<1_000 {
                let key = Array("h\(host)m\(metric)".utf8)
                let hash = StableHash.hash64(key, seed: 0)
                hashes.append(hash)
                buckets[Int(hash & 1_023)] += 1
                buckets[Int(hash >> 54)] += 1
            }
        }
        hashes.sort()
        let twins = zip(hashes, hashes.dropFirst()).count { $0 == $1 }
        #expect(twins == 0)
        // 1,953 per bucket expected, deviation 44: six deviations either way.
        #expect((buckets.min() ?? 0) > 1_690)
        #expect((buckets.max() ?? 0) < 2_216)
    }

    /// The trap of an early version: a block equal to a secret must not erase the others.
    @Test func aBlockEqualToASecretErasesNothing() {
        let secret: [UInt8] = [0xc9, 0xac, 0x2e, 0x96, 0x93, 0x4b, 0xb8, 0x8b]
        let tail = [UInt8](repeating: 1, count: 32)
        let hashes = Set(
            (0..<256).map { first in
                StableHash.hash64(
                    [UInt8(first)] + [UInt8](repeating: 0, count: 15) + secret
                        + [UInt8](repeating: 0, count: 8) + tail, seed: 0)
            })
        #expect(hashes.count == 256)
    }

    @Test(arguments: [1, 3, 4, 8, 12, 16, 24, 48, 100])
    func oneBitChangesHalfOfTheHash(_ count: Int) {
        var random = SplitMix(seed: UInt64(count))
        var flips = [Int](repeating: 0, count: 64)
        var trials = 0
        for _ in 0..<200 {
            let bytes = random.bytes(count)
            let base = StableHash.hash64(bytes, seed: 0)
            for bit in 0..<8 * count where count <= 16 || bit % 7 == 0 {
                var changed = bytes
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                let difference = base ^ StableHash.hash64(changed, seed: 0)
                for place in 0..<64 { flips[place] += Int((difference >> UInt64(place)) & 1) }
                trials += 1
            }
        }
        for flip in flips {
            #expect(abs(Double(flip) / Double(trials) - 0.5) < 0.07)
        }
    }
}
