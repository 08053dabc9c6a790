internal import Encoding
internal import Model

/// Our own encodings below the files.
extension FuzzTargets {
    static let encodings = [
        Target("batch", seeds: batchSeeds, run: batch),
        Target("codecs", seeds: codecSeeds, run: codecs),
    ]

    private static let batchSeeds: [[UInt8]] =
        [WriteBatch(tenant: .standard).encoded()] + FuzzShard.batches.map { $0.encoded() }

    private static let codecSeeds: [[UInt8]] = {
        let numbers = (0..<170).map { Int64($0 * $0) }
        let doubles = numbers.map { Double($0) / 10 }
        var seeds: [[UInt8]] = []
        for tier in [true, false] {
            var integers = ByteWriter()
            IntegerCodec.encode(numbers, tier: tier ? .hot : .dense, into: &integers)
            var values = ByteWriter()
            ValueCodec.encode(doubles[...], tier: tier ? .hot : .dense, into: &values)
            seeds += [integers.bytes, values.bytes]
        }
        var ids = ByteWriter()
        PostingsCodec.encode(numbers.map { UInt32($0) }, into: &ids)
        seeds += [ids.bytes, LZ4Block.compress([UInt8](repeating: 7, count: 170))]
        return seeds.map { [10] + $0 }
    }()

    private static func batch(_ bytes: [UInt8]) {
        if let batch = try? WriteBatch(decoding: bytes) { checkRoundTrip(batch) }
    }

    /// The first byte says how many items are expected: the count comes from elsewhere.
    private static func codecs(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let count = Int(first) * 17
        let rest = bytes.dropFirst()
        var reader = ByteReader(rest)
        var doubles: [Double] = []
        try? ValueCodec.decode(&reader, count: count, into: &doubles)
        reader = ByteReader(rest)
        var integers: [Int64] = []
        try? IntegerCodec.decode(&reader, count: count, into: &integers)
        reader = ByteReader(rest)
        var ids: [UInt32] = []
        try? PostingsCodec.decode(&reader, limit: 1 << 16, into: &ids)
        var text: [UInt8] = []
        try? LZ4Block.decompress(rest, into: &text, count: count)
    }
}
