import Encoding
import Testing

@Suite struct PostingsCodecTests {
    static let lists: [[UInt32]] = {
        var random = SplitMix(seed: 21)
        var lists: [[UInt32]] = [
            [], [0], [.max], [0, .max], [.max - 1, .max], Array(5..<5_000), [1, 3, 5, 7, 9, 200],
            (0..<1_000).map { $0 * 3 }, (0..<1_000).map { $0 * 1_000 },
            (0..<20).map { UInt32.max - 190 + $0 * 10 },
        ]
        for density in [2, 8, 9, 50, 5_000] as [UInt64] {
            lists.append((0..<20_000).filter { _ in random.next() % density == 0 })
        }
        return lists
    }()

    @Test(arguments: lists) func everyListReadsBack(_ list: [UInt32]) throws {
        var writer = ByteWriter()
        PostingsCodec.encode(list, into: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try PostingsCodec.count(reader) == list.count)
        var back: [UInt32] = [9]
        try PostingsCodec.decode(&reader, limit: list.count, into: &back)
        #expect(back[1...].elementsEqual(list))
        #expect(reader.isAtEnd)
    }

    @Test(arguments: lists) func aCutListIsAnError(_ list: [UInt32]) {
        var writer = ByteWriter()
        PostingsCodec.encode(list, into: &writer)
        for cut in stride(from: 0, to: writer.count, by: max(1, writer.count / 100)) {
            var reader = ByteReader(writer.bytes[..<cut])
            var back: [UInt32] = []
            #expect(throws: EncodingError.self) {
                try PostingsCodec.decode(&reader, limit: .max, into: &back)
            }
        }
    }

    @Test func theSmallestFormIsChosen() {
        for (list, form, byteCountMax) in [
            (Array(0..<100_000), 0, 6),
            ((0..<10_000).map { $0 * 2 }, 2, 2_510),
            ((0..<10_000).map { $0 * 100 }, 1, 10_010),
        ] as [([UInt32], UInt8, Int)] {
            var writer = ByteWriter()
            PostingsCodec.encode(list, into: &writer)
            #expect(writer.bytes[0] == form)
            #expect(writer.count <= byteCountMax)
        }
    }

    @Test(arguments: lists) func intersectingKeepsWhatBothHold(_ list: [UInt32]) throws {
        var writer = ByteWriter()
        PostingsCodec.encode(list, into: &writer)
        let held = Set(list)
        for other in Self.lists {
            var reader = ByteReader(writer.bytes)
            var ids = other
            try PostingsCodec.intersect(&ids, with: &reader)
            #expect(ids == other.filter(held.contains))
        }
    }

    @Test func moreThanTheLimitIsRefusedBeforeAllocating() {
        var writer = ByteWriter()
        PostingsCodec.encode(Array(0..<1_000), into: &writer)
        #expect(throws: EncodingError.tooLarge(limit: 999)) {
            var reader = ByteReader(writer.bytes)
            var back: [UInt32] = []
            try PostingsCodec.decode(&reader, limit: 999, into: &back)
        }
    }

    @Test(
        arguments: [
            ([], "0000"), ([7], "000107"), ([1, 2, 3], "000301"), ([1, 3, 300], "01030101a802"),
            ([1, 3, 5, 7, 9, 11, 13, 15, 17, 19], "020a0103555505"),
        ] as [([UInt32], String)])
    func goldenBytes(_ list: [UInt32], _ expected: String) {
        var writer = ByteWriter()
        PostingsCodec.encode(list, into: &writer)
        #expect(writer.bytes.hex == expected)
    }

    @Test(arguments: 0..<30) func garbageNeverTraps(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        for _ in 0..<200 {
            var bytes = random.bytes(Int(random.next() % 40))
            if !bytes.isEmpty { bytes[0] %= 4 }
            if bytes.count > 8, random.next() % 2 == 0 {
                bytes.replaceSubrange(2..<7, with: [0xff, 0xff, 0xff, 0xff, 0x0f])
            }
            var reader = ByteReader(bytes)
            var back: [UInt32] = []
            try? PostingsCodec.decode(&reader, limit: 100_000, into: &back)
            #expect(zip(back, back.dropFirst()).allSatisfy { $0 < $1 })
            var ids: [UInt32] = [0, 1, 5, 1_000, .max]
            reader = ByteReader(bytes)
            try? PostingsCodec.intersect(&ids, with: &reader)
        }
    }
}
