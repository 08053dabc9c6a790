import Encoding
import Testing

struct BlockListsTests {
    @Test(arguments: [1, 2, 7, 64, 1_000, 100_000])
    func everyListComesBack(bound: Int) throws {
        var random = SplitMix(seed: UInt64(bound))
        var lists: [[UInt32]] = []
        for _ in 0..<500 {
            var list = Set<UInt32>()
            let wanted = 1 + Int(random.next() % UInt64(min(bound, 50)))
            if random.next() % 4 == 0 {
                let first = Int(random.next() % UInt64(bound - min(wanted, bound) + 1))
                for id in first..<min(first + wanted, bound) { list.insert(UInt32(id)) }
            } else {
                for _ in 0..<wanted { list.insert(UInt32(random.next() % UInt64(bound))) }
            }
            lists.append(list.sorted())
        }
        lists.append(Array(0..<UInt32(bound)))
        var ends: [UInt32] = []
        for list in lists { ends.append((ends.last ?? 0) + UInt32(list.count)) }
        var writer = ByteWriter()
        BlockLists.encode(lists.flatMap { $0 }, ends: ends, bound: bound, into: &writer)
        var reader = ByteReader(writer.bytes)
        let packed = try BlockLists(&reader, count: lists.count, bound: bound)
        #expect(reader.remaining == 0)
        for index in lists.indices.reversed() {
            var found: [UInt32] = [7]
            try packed.append(list: index, into: &found)
            #expect(found == [7] + lists[index])
        }
    }

    @Test func aRunCostsItsEnds() {
        var writer = ByteWriter()
        BlockLists.encode(Array(100..<900), ends: [800], bound: 1_024, into: &writer)
        #expect(writer.count <= 6)
    }

    @Test func damageIsAnErrorNeverATrap() throws {
        var random = SplitMix(seed: 3)
        var writer = ByteWriter()
        var ends: [UInt32] = []
        var numbers: [UInt32] = []
        for first in 0..<UInt32(300) {
            numbers += [first, first + 40, first + 90]
            ends.append(3 * first + 3)
        }
        BlockLists.encode(numbers, ends: ends, bound: 400, into: &writer)
        for _ in 0..<300 {
            var bytes = writer.bytes
            for _ in 0...random.next() % 4 {
                bytes[Int(random.next() % UInt64(bytes.count))] ^= UInt8(1 + random.next() % 255)
            }
            var reader = ByteReader(bytes)
            do {
                let packed = try BlockLists(&reader, count: 300, bound: 400)
                for index in 0..<300 {
                    var found: [UInt32] = []
                    try packed.append(list: index, into: &found)
                    #expect(found.allSatisfy { $0 < 400 })
                }
            } catch {}
        }
    }

    @Test func bytesComeBackInTheSmallestForm() throws {
        var random = SplitMix(seed: 6)
        let hex = Array("0123456789abcdef".utf8)
        let contents: [(bytes: [UInt8], limit: Int)] = [
            ([], 2), ([1, 2, 3], 5), ([UInt8](repeating: 9, count: 5_000), 40),
            ((0..<5_000).map { _ in hex[Int(random.next() % 16)] }, 2_600),
            ((0..<5_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }, 5_003),
        ]
        for (bytes, limit) in contents {
            var writer = ByteWriter()
            EntropyBytes.encode(bytes, into: &writer)
            #expect(writer.count <= limit)
            var reader = ByteReader(writer.bytes)
            #expect(try EntropyBytes.decode(&reader, limit: bytes.count) == bytes)
            #expect(reader.remaining == 0)
            for cut in stride(from: 0, to: writer.count, by: 1 + writer.count / 50) {
                var short = ByteReader(Array(writer.bytes[..<cut]))
                #expect(throws: EncodingError.self) {
                    try EntropyBytes.decode(&short, limit: bytes.count)
                }
            }
        }
    }
}
