import Encoding
import Testing

struct TokenCollectorTests {
    private func collect(_ blocks: [[String]], tokenBytesMax: Int = 16) -> TokenCollector {
        let collector = TokenCollector(tokenBytesMax: tokenBytesMax)
        for lines in blocks {
            var bytes: [UInt8] = []
            var ends: [UInt32] = []
            for line in lines {
                bytes += line.utf8
                ends.append(UInt32(bytes.count))
            }
            collector.addBlock(bytes, lineEnds: ends)
        }
        return collector
    }

    private func repeated(_ collector: TokenCollector) -> [String: [UInt32]] {
        var result: [String: [UInt32]] = [:]
        collector.forEachRepeated { token, blocks in
            result[String(decoding: token, as: UTF8.self)] = blocks
        }
        return result
    }

    @Test func wordsEndAtLinesAndSeparators() {
        let collector = collect([["GET /a-b.Ünï", "cd"], ["get", "CD x", ""], ["get_1 10.20"]])
        #expect(repeated(collector) == ["get": [0, 1, 2], "cd": [0, 1]])
        #expect(
            collector.rareTokens().map { $0.map { String(decoding: $0, as: UTF8.self) } }
                == [["Ünï"], [], ["10", "20"]])
    }

    @Test func longWordsMarkTheirBlock() {
        let collector = collect([["short"], [String(repeating: "a", count: 17)]])
        #expect(collector.longTokenBlocks == [1])
        #expect(collector.rareTokens()[1].isEmpty)
    }

    @Test func manyWordsComeBackSortedEachOnce() {
        let blocks = (0..<4).map { block in
            (0..<20_000).map { "w\(($0 &* 48_271 + block * 5_000) % 30_011)" }
        }
        let collector = collect(blocks)
        var expected: [String: Set<UInt32>] = [:]
        for (block, lines) in blocks.enumerated() {
            for line in lines { expected[line, default: []].insert(UInt32(block)) }
        }
        var order: [String] = []
        collector.forEachRepeated { token, blocks in
            let text = String(decoding: token, as: UTF8.self)
            order.append(text)
            #expect(expected[text]?.sorted() == blocks)
        }
        #expect(order == expected.filter { $0.value.count > 1 }.keys.sorted())
        for (block, tokens) in collector.rareTokens().enumerated() {
            let texts = tokens.map { String(decoding: $0, as: UTF8.self) }
            #expect(texts == expected.filter { $0.value == [UInt32(block)] }.keys.sorted())
        }
    }
}
