import Encoding
import Testing

@Suite struct IntegerCodecTests {
    static let columns: [[Int64]] = {
        var random = SplitMix(seed: 77)
        var columns: [[Int64]] = [
            [], [0], [.min], [.max], [.min, .max], [.max, .min, .max], [5, 5, 5], [1, 2, 3],
            [0, 0, 1], [.min, 0, .max, 0, .min, 1],
            (0..<5_000).map { Int64($0) * 10 - 7 },
            (0..<2_500).map { $0 % 100 == 0 ? .max : Int64($0) },
            (0..<2_500).map { Int64($0) * Int64($0) * 3 },
            (0..<1_500).map { _ in Int64(bitPattern: random.next()) },
            (0..<1_025).map { _ in Int64(random.next() % 3) },
            (0..<9_000).map { _ in random.next() % 50 == 0 ? Int64(random.next() >> 9) : 12 },
            Series.timestamps(3_000, jitterMillis: 0), Series.timestamps(3_000, jitterMillis: 3),
            Series.timestamps(20_000, jitterMillis: 250),
        ]
        for bits in 1...64 {
            let count = [3, 15, 16, 17, 511, 512, 513, 1_024, 1_100][bits % 9]
            columns.append(
                (0..<count).map { _ in Int64(bitPattern: random.next() >> UInt64(64 - bits)) })
        }
        return columns
    }()

    @Test(arguments: columns, CodecTier.allCases)
    func everyColumnReadsBack(_ column: [Int64], _ tier: CodecTier) throws {
        var writer = ByteWriter()
        IntegerCodec.encode(column, tier: tier, into: &writer)
        for padding in [0, 40] {
            var reader = ByteReader(writer.bytes + [UInt8](repeating: 0xa5, count: padding))
            var back: [Int64] = [42]
            try IntegerCodec.decode(&reader, count: column.count, into: &back)
            #expect(back[0] == 42)
            #expect(back[1...].elementsEqual(column))
            #expect(reader.remaining == padding)
        }
    }

    @Test(arguments: columns, CodecTier.allCases)
    func everyTruncationIsAnError(_ column: [Int64], _ tier: CodecTier) {
        guard !column.isEmpty else { return }
        var writer = ByteWriter()
        IntegerCodec.encode(column, tier: tier, into: &writer)
        let step = max(1, writer.count / 60)
        for cut in stride(from: 0, to: writer.count, by: step) {
            var reader = ByteReader(writer.bytes[..<cut])
            var back: [Int64] = []
            #expect(throws: EncodingError.self) {
                try IntegerCodec.decode(&reader, count: column.count, into: &back)
            }
        }
    }

    @Test(arguments: 0..<40) func garbageNeverTraps(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        for _ in 0..<40 {
            var bytes = random.bytes(Int(random.next() % 300))
            if !bytes.isEmpty { bytes[0] &= 0x3f }
            var reader = ByteReader(bytes)
            var back: [Int64] = []
            try? IntegerCodec.decode(&reader, count: Int(random.next() % 3_000), into: &back)
        }
    }

    @Test(arguments: 0..<8) func flippedBitsNeverTrap(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        let columns = [
            Series.timestamps(2_000, jitterMillis: 30, seed: seed),
            Series.counter(3_000, seed: seed).map { Int64($0) },
        ]
        for column in columns {
            for tier in CodecTier.allCases {
                var writer = ByteWriter()
                IntegerCodec.encode(column, tier: tier, into: &writer)
                for _ in 0..<20 {
                    var bytes = writer.bytes
                    // The heads are where it hurts.
                    let range = random.next() % 2 == 0 ? UInt64(bytes.count) : 60
                    let place = Int(random.next() % min(range, UInt64(bytes.count)))
                    bytes[place] ^= 1 << UInt8(random.next() % 8)
                    var reader = ByteReader(bytes)
                    var back: [Int64] = []
                    try? IntegerCodec.decode(&reader, count: column.count, into: &back)
                    #expect(back.count <= column.count)
                }
            }
        }
    }

    /// Format version 0, byte by byte as in docs/format/encoding.md.
    @Test(
        arguments: [
            ([7, 7, 7], "000e"),
            ([10, 20, 30], "011414"),
            ([0, 1, 4, 9, 16], "0400020400"),
            ([0, 3, 1, 2, 3, 0], "02000002e700"),
            ([1_000, 1_003, 1_001, 1_000_000, 1_002], "02d00f0282720102aabe1e"),
        ] as [([Int64], String)])
    func goldenBytes(_ column: [Int64], _ expected: String) {
        var writer = ByteWriter()
        IntegerCodec.encode(column, into: &writer)
        #expect(writer.bytes.hex == expected)
    }

    @Test(arguments: [
        (Series.timestamps(1_024, jitterMillis: 0), 0.03, 0.03),
        (Series.timestamps(8_192, jitterMillis: 0), 0.02, 0.005),
        (Series.timestamps(8_192, jitterMillis: 3), 0.52, 0.50),
        (Series.counter(8_192).map { Int64($0) }, 0.55, 0.52),
    ])
    func representativeColumnsStaySmall(_ column: [Int64], _ hot: Double, _ dense: Double) {
        for (tier, limit) in [(CodecTier.hot, hot), (.dense, dense)] {
            var writer = ByteWriter()
            IntegerCodec.encode(column, tier: tier, into: &writer)
            let bytesPerValue = Double(writer.count) / Double(column.count)
            #expect(bytesPerValue <= limit)
        }
    }
}

extension [UInt8] {
    var hex: String {
        map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
