/// Hashes of bytes that are the same in every process, machine and version: they go to disk and over
/// the wire, so the function below can never change (golden values in the tests hold it).
///
/// It is wyhash final 4 (Wang Yi, public domain) in its protected form: each fold keeps its operands
/// (`a ^ b ^ low ^ high`), so that a block equal to a secret cannot erase what came before it. Not
/// for secrets: it does not resist someone who looks for collisions on purpose.
package enum StableHash {
    /// 64 bits of `bytes`; other seeds give independent hashes.
    package static func hash64(_ bytes: [UInt8], seed: UInt64) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe hash64($0, seed: seed) }
    }

    /// 64 bits of `bytes`; the same as for an array of the same content.
    package static func hash64(_ bytes: ArraySlice<UInt8>, seed: UInt64) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe hash64($0, seed: seed) }
    }

    /// 64 bits of `bytes`; the same as for an array of the same content.
    package static func hash64(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        unsafe run(bytes, seed: seed, secrets: first)
    }

    /// 128 bits of `bytes`: two independent passes with different secrets; `high` is `hash64`.
    package static func hash128(_ bytes: [UInt8], seed: UInt64) -> (high: UInt64, low: UInt64) {
        hash128(bytes[...], seed: seed)
    }

    /// 128 bits of `bytes`; the same as for an array of the same content.
    package static func hash128(
        _ bytes: ArraySlice<UInt8>, seed: UInt64
    ) -> (high: UInt64, low: UInt64) {
        unsafe bytes.withUnsafeBytes {
            (
                high: unsafe run($0, seed: seed, secrets: first),
                low: unsafe run($0, seed: seed, secrets: second)
            )
        }
    }

    /// Odd numbers with 32 bits set, each byte too with four of eight (the wyhash recipe).
    private typealias Secrets = (UInt64, UInt64, UInt64, UInt64)
    private static var first: Secrets {
        (0x2d35_8dcc_aa6c_78a5, 0x8bb8_4b93_962e_acc9, 0x4b33_a62e_d433_d4a3, 0x4d5a_2da5_1de1_aa47)
    }
    private static var second: Secrets {
        (0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3)
    }

    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return a ^ b ^ product.low ^ product.high
    }

    @inline(__always)
    private static func run(
        _ bytes: UnsafeRawBufferPointer, seed start: UInt64, secrets: Secrets
    ) -> UInt64 {
        let (s0, s1, s2, s3) = secrets
        var state = start ^ fold(start ^ s0, s1)
        let count = bytes.count
        var a: UInt64 = 0
        var b: UInt64 = 0
        if count > 16 {
            var at = 0
            if count >= 48 {
                var second = state
                var third = state
                repeat {
                    state = fold(unsafe bytes.word(at) ^ s1, unsafe bytes.word(at + 8) ^ state)
                    second = fold(
                        unsafe bytes.word(at + 16) ^ s2, unsafe bytes.word(at + 24) ^ second)
                    third = fold(
                        unsafe bytes.word(at + 32) ^ s3, unsafe bytes.word(at + 40) ^ third)
                    at += 48
                } while count - at >= 48
                state ^= second ^ third
            }
            while count - at > 16 {
                state = fold(unsafe bytes.word(at) ^ s1, unsafe bytes.word(at + 8) ^ state)
                at += 16
            }
            a = unsafe bytes.word(count - 16)
            b = unsafe bytes.word(count - 8)
        } else if count >= 4 {
            let middle = (count >> 3) << 2
            a = unsafe bytes.half(0) << 32 | bytes.half(middle)
            b = unsafe bytes.half(count - 4) << 32 | bytes.half(count - 4 - middle)
        } else if count > 0 {
            a =
                unsafe UInt64(bytes[0]) << 16 | UInt64(bytes[count >> 1]) << 8
                | UInt64(bytes[count - 1])
        }
        a ^= s1
        b ^= state
        let product = a.multipliedFullWidth(by: b)
        a ^= product.low
        b ^= product.high
        return fold(a ^ s0 ^ UInt64(count), b ^ s1)
    }
}

extension UnsafeRawBufferPointer {
    /// Eight bytes, little-endian.
    @inline(__always)
    fileprivate func word(_ offset: Int) -> UInt64 {
        unsafe loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    /// Four bytes, little-endian.
    @inline(__always)
    fileprivate func half(_ offset: Int) -> UInt64 {
        UInt64(unsafe loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
