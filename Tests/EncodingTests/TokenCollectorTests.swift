import Encoding
import Testing

struct TokenCollectorTests {
    private func collect(_ blocks: [[String]], tokenBytesMax: Int = 16) -> TokenCollector {
        collect(blocks.map { $0.map { Array($0.utf8) } }, tokenBytesMax: tokenBytesMax)
    }

    private func collect(_ blocks: [[[UInt8]]], tokenBytesMax: Int = 16) -> TokenCollector {
        let collector = TokenCollector(tokenBytesMax: tokenBytesMax)
        for lines in blocks {
            var ends: [UInt32] = []
            for line in lines { ends.append((ends.last ?? 0) + UInt32(line.count)) }
            collector.addBlock(lines.flatMap { $0 }, lineEnds: ends)
        }
        return collector
    }

    /// Every word with its blocks; checks that groups and their words ascend.
    private func words(_ collector: TokenCollector) -> [[UInt8]: [UInt32]] {
        var result: [[UInt8]: [UInt32]] = [:]
        var before = (-1, -1)
        for group in collector.groups() {
            #expect(before < (Int(group.kind.rawValue), group.length))
            before = (Int(group.kind.rawValue), group.length)
            var previous: [UInt8] = []
            for index in 0..<group.count {
                let word: [UInt8]
                if group.kind == .text {
                    let start = index == 0 ? 0 : Int(group.textEnds[index - 1])
                    word = Array(group.text[start..<Int(group.textEnds[index])])
                } else {
                    let digits = String(group.numbers[index], radix: 16)
                    let zeroes = String(repeating: "0", count: group.length - digits.count)
                    word = Array((zeroes + digits).utf8)
                }
                #expect(WordKind(word[...]) == group.kind)
                #expect(previous.lexicographicallyPrecedes(word))
                previous = word
                let start = index == 0 ? 0 : Int(group.blockEnds[index - 1])
                result[word] = Array(group.blocks[start..<Int(group.blockEnds[index])])
            }
        }
        return result
    }

    private func named(_ words: [String: [UInt32]]) -> [[UInt8]: [UInt32]] {
        Dictionary(uniqueKeysWithValues: words.map { (Array($0.key.utf8), $0.value) })
    }

    @Test func wordsEndAtLinesAndSeparators() {
        let collector = collect([["GET /a-b.Ünï", "cd"], ["get", "CD x", ""], ["get_1 10.20"]])
        #expect(
            words(collector)
                == named([
                    "get": [0, 1, 2], "cd": [0, 1], "Ünï": [0], "10": [2], "20": [2],
                ]))
        #expect(collector.blockCount == 3)
    }

    @Test func longWordsMarkTheirBlock() {
        let collector = collect([["short"], [String(repeating: "a", count: 17)]])
        #expect(collector.longTokenBlocks == [1])
        #expect(words(collector) == named(["short": [0]]))
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func findsWhatALoopFinds(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let alphabet = Array("abF09fGz-. _@[`{/:".utf8) + [0, 0x7F, 0x80, 0xC3, 0xFF]
        let blocks = (0..<6).map { _ in
            (0..<80).map { _ in
                (0..<Int(random.next() % 70)).map { _ in
                    alphabet[Int(random.next() % UInt64(alphabet.count))]
                }
            }
        }
        let collector = collect(blocks, tokenBytesMax: 20)
        var expected: [[UInt8]: [UInt32]] = [:]
        var long: [UInt32] = []
        for (block, lines) in blocks.enumerated() {
            for line in lines {
                let runs = line.map { TokenCollector.classes[Int($0)] }.split(separator: 0)
                for run in runs where run.count >= 2 {
                    if run.count > 20 {
                        if long.last != UInt32(block) { long.append(UInt32(block)) }
                    } else if expected[Array(run)]?.last != UInt32(block) {
                        expected[Array(run), default: []].append(UInt32(block))
                    }
                }
            }
        }
        #expect(words(collector) == expected, "seed \(seed)")
        #expect(collector.longTokenBlocks == long, "seed \(seed)")
        #expect(collector.distinctCount == expected.count)
    }

    @Test func manyWordsComeBackSortedEachOnce() {
        let blocks = (0..<4).map { block in
            (0..<20_000).map { "w\(($0 &* 48_271 + block * 5_000) % 30_011)" }
        }
        var expected: [String: Set<UInt32>] = [:]
        for (block, lines) in blocks.enumerated() {
            for line in lines { expected[line, default: []].insert(UInt32(block)) }
        }
        #expect(words(collect(blocks)) == named(expected.mapValues { $0.sorted() }))
    }

    @Test func digitsAreFoundAsInText() throws {
        var random = SplitMix(seed: 4)
        let hex = Array("0123456789abcdef".utf8)
        for length in 1...16 {
            let texts = Set(
                (0..<200).map { _ in
                    (0..<length).map { _ in
                        hex[Int(random.next() % 16)]
                    }
                }
            ).sorted { $0.lexicographicallyPrecedes($1) }
            let numbers = texts.compactMap { DigitSearch.digits($0[...]) }
            #expect(numbers.count == texts.count)
            for _ in 0..<60 {
                let from = texts[Int(random.next() % UInt64(texts.count))]
                let start = Int(random.next() % UInt64(length))
                let needle = Array(
                    from[start..<start + 1 + Int(random.next() % UInt64(length - start))])
                let isAtStart = random.next() % 2 == 0
                let isAtEnd = random.next() % 2 == 0
                let search = try #require(
                    DigitSearch(needle, isAtStart: isAtStart, isAtEnd: isAtEnd))
                let expected = texts.indices.filter { index in
                    (0...length - needle.count).contains { place in
                        texts[index][place..<place + needle.count].elementsEqual(needle)
                            && (!isAtStart || place == 0)
                            && (!isAtEnd || place + needle.count == length)
                    }
                }
                #expect(search.places(in: numbers, length: length) == expected)
            }
        }
        #expect(DigitSearch(Array("12g".utf8), isAtStart: true, isAtEnd: true) == nil)
        #expect(DigitSearch.value(ofDecimal: 0x0123_4567_8901_2345) == 123_456_789_012_345)
        #expect(DigitSearch.digits(ofValue: 9_876_543_210_123_456) == 0x9876_5432_1012_3456)
    }
}
