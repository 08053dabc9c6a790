import Encoding
import Testing

@Suite struct ValueCodecTests {
    static let stale = Double(bitPattern: 0x7ff0_0000_0000_0002)
    static let columns: [[Double]] = {
        var random = SplitMix(seed: 78)
        let odd: [Double] = [
            0, -0.0, .nan, .infinity, -.infinity, stale, .leastNonzeroMagnitude,
            .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 0x1p53, 0x1p53 + 2, 0x1p63,
            0x1p64, 18_446_744_073_709_551_616, -0x1p63, 0.1, 1e22, 1e23,
            Double(bitPattern: 0xfff8_dead_beef_0001), .signalingNaN,
        ]
        return [
            [], [0], [-0.0], [stale], [.nan], [0.1], [1, 2], [1.5, .nan, 1.5], odd,
            odd + odd.reversed() + odd,
            [Double](repeating: 3.25, count: 3_000), [Double](repeating: stale, count: 2_000),
            [Double](repeating: -0.0, count: 100),
            Series.counter(10_000), Series.gauge(10_000), Series.pages(9_000),
            Series.walk(5_000), Series.noisy(9_000), Series.restarted(10_000),
            Series.restarted(9_000).map { $0 * 4_096 }, Series.restarted(513), Series.levels(9_000),
            Series.gauge(500).map { $0 == $0.rounded() ? stale : $0 },
            Series.gauge(1_500) + [stale] + Series.gauge(700, seed: 9),
            Series.walk(3_000).map { Double(Float($0)) }, Series.walk(2_000).map { $0 - 100 },
            (0..<2_000).map { $0 % 2 == 0 ? 0.0 : -0.0 },
            (0..<2_000).map { 18_446_744_073_709_551_616 - Double($0) * 4_096 },
            (0..<3_000).map { _ in Double(bitPattern: random.next()) },
            (0..<3_000).map { _ in Double(Int.random(in: 0...1_000_000_000, using: &random)) / 1e9
            },
            (0..<3_000).map { Double($0) / 7 }, (0..<3_000).map { Double($0) * 0.1 },
            (0..<2_048).map { $0 < 1_024 ? Double($0) : Double($0) / 1_000 },
            (0..<400).map { $0 % 8 == 0 ? Double($0) / 1_024 : Double($0) },
        ]
    }()

    @Test(arguments: columns, CodecTier.allCases)
    func everyColumnReadsBackBitForBit(_ column: [Double], _ tier: CodecTier) throws {
        var writer = ByteWriter()
        ValueCodec.encode(column, tier: tier, into: &writer)
        for padding in [0, 40] {
            var reader = ByteReader(writer.bytes + [UInt8](repeating: 0xa5, count: padding))
            var back: [Double] = [42]
            try ValueCodec.decode(&reader, count: column.count, into: &back)
            #expect(back[0] == 42)
            #expect(back[1...].map(\.bitPattern) == column.map(\.bitPattern))
            #expect(reader.remaining == padding)
        }
    }

    @Test func everyLengthReadsBack() throws {
        let column = Series.gauge(2_100)
        for count in [
            1, 2, 3, 4, 5, 15, 16, 17, 95, 96, 97, 98, 99, 511, 1_023, 1_024, 1_025, 2_049,
        ] {
            for tier in CodecTier.allCases {
                var writer = ByteWriter()
                ValueCodec.encode(column[..<count], tier: tier, into: &writer)
                var reader = ByteReader(writer.bytes)
                var back: [Double] = []
                try ValueCodec.decode(&reader, count: count, into: &back)
                #expect(back.elementsEqual(column[..<count]))
                #expect(reader.isAtEnd)
            }
        }
    }

    @Test(arguments: columns, CodecTier.allCases)
    func everyTruncationIsAnError(_ column: [Double], _ tier: CodecTier) {
        guard !column.isEmpty else { return }
        var writer = ByteWriter()
        ValueCodec.encode(column, tier: tier, into: &writer)
        let step = max(1, writer.count / 40)
        for cut in stride(from: 0, to: writer.count, by: step) {
            var reader = ByteReader(writer.bytes[..<cut])
            var back: [Double] = []
            #expect(throws: EncodingError.self) {
                try ValueCodec.decode(&reader, count: column.count, into: &back)
            }
        }
    }

    @Test(arguments: 0..<30) func garbageNeverTraps(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        for _ in 0..<50 {
            var bytes = random.bytes(Int(random.next() % 300))
            if bytes.count > 4 {
                bytes[0] &= 0x2f
                bytes[1] = bytes[1] % 23
                bytes[2] = bytes[2] % 54
                bytes[3] &= 0x1f
            }
            var reader = ByteReader(bytes)
            var back: [Double] = []
            try? ValueCodec.decode(&reader, count: Int(random.next() % 3_000), into: &back)
        }
    }

    @Test(arguments: 0..<5) func flippedBitsNeverTrap(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        for column in [
            Series.gauge(3_000), Series.noisy(2_000), Series.walk(1_500), Series.restarted(2_500),
        ] {
            for tier in CodecTier.allCases {
                var writer = ByteWriter()
                ValueCodec.encode(column, tier: tier, into: &writer)
                for _ in 0..<20 {
                    var bytes = writer.bytes
                    let range = random.next() % 2 == 0 ? UInt64(bytes.count) : 60
                    bytes[Int(random.next() % range)] ^= 1 << UInt8(random.next() % 8)
                    var reader = ByteReader(bytes)
                    var back: [Double] = []
                    try? ValueCodec.decode(&reader, count: column.count, into: &back)
                }
            }
        }
    }

    @Test func aLaterVersionIsToldApartFromCorruption() {
        var reader = ByteReader([0x40, 0, 0])
        var back: [Double] = []
        #expect(throws: EncodingError.unsupportedVersion(1)) {
            try ValueCodec.decode(&reader, count: 1, into: &back)
        }
    }

    /// Format version 0, byte by byte as in docs/format/encoding.md.
    @Test(
        arguments: [
            ([7, 7, 7], "10000e"),
            ([0.25, 0.5, 0.75], "18022e013232"),
            ([1.1, 1.2, .infinity, 1.3, 1.4, 1.6], "1a013003160002510201029ab3e6cc99b3e6fc7f"),
            ([.pi], "0100b0b4a1c4eafe90898001"),
        ] as [([Double], String)])
    func goldenBytes(_ column: [Double], _ expected: String) {
        var writer = ByteWriter()
        ValueCodec.encode(column, into: &writer)
        #expect(writer.bytes.hex == expected)
    }

    /// Bytes per value; the entropy of the first three generators is 0.49, 0.85 and 0.17.
    @Test(arguments: [
        ("counter", Series.counter(8_192), 0.60, 0.52),
        ("gauge", Series.gauge(8_192), 1.05, 0.90),
        ("pages", Series.pages(8_192), 0.40, 0.30),
        ("constant", [Double](repeating: 0.25, count: 8_192), 0.01, 0.001),
        ("restarted", Series.restarted(8_192), 0.56, 0.49),
        ("levels", Series.levels(8_192), 0.41, 0.31),
        ("walk", Series.walk(8_192), 6.6, 6.5),
        ("noisy", Series.noisy(8_192), 2.2, 2.1),
    ])
    func representativeSeriesStaySmall(
        _ name: String, _ column: [Double], _ hot: Double, _ dense: Double
    ) {
        for (tier, limit) in [(CodecTier.hot, hot), (.dense, dense)] {
            var writer = ByteWriter()
            ValueCodec.encode(column, tier: tier, into: &writer)
            let bytesPerValue = Double(writer.count) / Double(column.count)
            #expect(bytesPerValue <= limit, "\(name) \(tier)")
        }
    }
}
