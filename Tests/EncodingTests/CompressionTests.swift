import Encoding
import Testing

@Suite struct CompressionTests {
    static let contents: [[UInt8]] = {
        var random = SplitMix(seed: 3)
        return [
            [], [7], Array("abc".utf8), [UInt8](repeating: 0, count: 100_000),
            random.bytes(70_000),
            Array(String(repeating: "level=info msg=\"request done\" ", count: 3_000).utf8),
        ]
    }()

    @Test(arguments: contents, [LZ4Block.Level.fast, .high])
    func lz4ReadsBack(_ content: [UInt8], _ level: LZ4Block.Level) throws {
        let packed = LZ4Block.compress(content, level: level)
        for before in [[], [UInt8](repeating: 1, count: 200_000)] {
            var target = before
            try LZ4Block.decompress(packed, into: &target, count: content.count)
            #expect(target == content)
        }
        var target: [UInt8] = []
        #expect(throws: EncodingError.self) {
            try LZ4Block.decompress(packed, into: &target, count: content.count + 1)
        }
        if !content.isEmpty {
            #expect(throws: EncodingError.self) {
                try LZ4Block.decompress(packed, into: &target, count: content.count - 1)
            }
        }
    }

    @Test(arguments: contents, [1, 3, 15])
    func zstdReadsBack(_ content: [UInt8], _ level: Int) throws {
        let compressor = ZstdCompressor(level: level)
        let packed = compressor.compress(content)
        #expect(compressor.compress(content) == packed, "its tables carry nothing over")
        #expect(try ZstdFrame.decompress(packed[...], count: content.count) == content)
        #expect(throws: EncodingError.self) {
            try ZstdFrame.decompress(packed[...], count: content.count + 1)
        }
        #expect(throws: EncodingError.self) {
            try ZstdFrame.decompress(packed.dropLast(), count: content.count)
        }
        if !content.isEmpty {
            #expect(throws: EncodingError.self) {
                try ZstdFrame.decompress(packed[...], count: content.count - 1)
            }
        }
    }

    @Test func zstdRefusesAnImpossibleLengthBeforeAllocating() {
        #expect(throws: EncodingError.corrupt(what: "zstd length", offset: 0)) {
            try ZstdFrame.decompress([0, 1, 2], count: 1 << 29)
        }
    }

    @Test func lz4RefusesAnImpossibleLengthBeforeAllocating() {
        var target: [UInt8] = []
        #expect(throws: EncodingError.corrupt(what: "LZ4 length", offset: 0)) {
            try LZ4Block.decompress([0, 1, 2], into: &target, count: 1 << 29)
        }
        #expect(target.capacity < 1 << 20)
    }

    @Test(arguments: contents) func snappyReadsBack(_ content: [UInt8]) throws {
        let packed = SnappyBlock.compress(content)
        #expect(try SnappyBlock.decompress(packed, limit: content.count) == content)
        if !content.isEmpty {
            #expect(throws: EncodingError.tooLarge(limit: content.count - 1)) {
                _ = try SnappyBlock.decompress(packed, limit: content.count - 1)
            }
        }
    }

    @Test func snappyRefusesAPromiseItCannotKeep() {
        #expect(throws: EncodingError.corrupt(what: "snappy length", offset: 0)) {
            _ = try SnappyBlock.decompress([0xff, 0xff, 0xff, 0x7f, 1], limit: 1 << 30)
        }
        #expect(throws: EncodingError.self) { _ = try SnappyBlock.decompress([], limit: 10) }
        #expect(throws: EncodingError.self) { _ = try SnappyBlock.decompress([0, 1], limit: 10) }
    }

    @Test(arguments: contents) func gzipReadsBack(_ content: [UInt8]) throws {
        let packed = Gzip.compress(content)
        #expect(try Gzip.decompress(packed, limit: content.count) == content)
        #expect(try Gzip.decompress(packed + packed, limit: 1 << 20) == content + content)
        if !content.isEmpty {
            #expect(throws: EncodingError.tooLarge(limit: content.count - 1)) {
                _ = try Gzip.decompress(packed, limit: content.count - 1)
            }
        }
        #expect(throws: EncodingError.self) {
            _ = try Gzip.decompress(packed + [1, 2, 3], limit: 1 << 20)
        }
        for cut in [0, 1, 5, 10, packed.count / 2, packed.count - 1] where cut < packed.count {
            #expect(throws: EncodingError.self) {
                _ = try Gzip.decompress(packed[..<cut], limit: 1 << 20)
            }
        }
    }

    @Test(
        arguments: [
            // zlib.compress(b"hello hello hello")
            [0x78, 0x9c, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90, 0x00]
                + [0x3a, 0x2e, 0x06, 0x7d],
            // The same without wrapper.
            [0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90, 0x00],
        ] as [[UInt8]])
    func bothMeaningsOfDeflateAreRead(_ packed: [UInt8]) throws {
        let content = try Gzip.decompress(packed, limit: 100)
        #expect(String(decoding: content, as: UTF8.self) == "hello hello hello")
    }

    @Test func aStreamInPiecesIsOneMember() throws {
        var stream = GzipStream(level: 1)
        var packed: [UInt8] = []
        var content: [UInt8] = []
        for piece in Self.contents {
            stream.append(piece[...], to: &packed)
            content += piece
        }
        stream.flush(to: &packed)
        stream.append([1, 2, 3], to: &packed)
        stream.finish(to: &packed)
        #expect(try Gzip.decompress(packed, limit: 1 << 20) == content + [1, 2, 3])
    }

    @Test(arguments: 0..<50) func garbageIsAnErrorOrBytesButNoTrap(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        let bytes = random.bytes(Int(seed) * 7)
        var target: [UInt8] = []
        _ = try? LZ4Block.decompress(bytes, into: &target, count: bytes.count * 3)
        _ = try? SnappyBlock.decompress(bytes, limit: 1 << 16)
        for head in [[], [0x1f, 0x8b, 8, 0], [0x78, 0x9c]] as [[UInt8]] {
            let content = try? Gzip.decompress(head + bytes, limit: 1 << 16)
            #expect((content?.count ?? 0) <= 1 << 16)
        }
    }
}
