import Encoding
import Testing

struct LinePatternsTests {
    private static func patterns(of lines: [String]) -> (texts: [String], numbers: [UInt32]) {
        var bytes: [UInt8] = []
        var ends: [UInt32] = []
        for line in lines {
            bytes += Array(line.utf8)
            ends.append(UInt32(bytes.count))
        }
        let found = LinePatterns(bytes, lineEnds: ends[...])
        return (found.patterns.map { String(decoding: $0, as: UTF8.self) }, found.numbers)
    }

    @Test func numbersAndIdsBecomeWildcards() {
        let (texts, numbers) = Self.patterns(of: [
            "GET /users/17 took 3ms", "", "GET /users/4711 took 250ms",
            "id 3f2b8c1e-0000-4a6b-9f00-123456789abc is deadbeef01", "no figures", "",
        ])
        #expect(texts == ["GET /users/<_> took <_>ms", "", "id <_> is <_>", "no figures"])
        #expect(numbers == [0, 1, 0, 2, 3, 1])
    }

    /// A line may hold what a wildcard is written as.
    @Test func linesThatLookLikePatternsAreTheSamePattern() {
        let (texts, numbers) = Self.patterns(of: ["a 7", "a <_>"])
        #expect(texts == ["a <_>"])
        #expect(numbers == [0, 0])
    }

    @Test func noLinesHaveNone() {
        let (texts, numbers) = Self.patterns(of: [])
        #expect(texts.isEmpty && numbers.isEmpty)
    }
}
