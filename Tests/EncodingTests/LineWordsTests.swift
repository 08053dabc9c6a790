import Encoding
import Testing

/// Pieces of a line compared and searched by words, against one byte after the other.
@Suite struct LineWordsTests {
    @Test func piecesOfEveryLengthAreComparedWhole() {
        let text = (0..<80).map { UInt8($0 * 37 % 251) }
        for count in 0...40 {
            for start in [0, 1, 7] {
                var other = [UInt8](repeating: 1, count: 3) + text[start..<start + count]
                #expect(ByteScan.isEqual(text, at: start, other, at: 3, count: count))
                for place in 3..<3 + count {
                    other[place] ^= 0x80
                    #expect(!ByteScan.isEqual(text, at: start, other, at: 3, count: count))
                    other[place] ^= 0x80
                }
            }
        }
    }

    @Test func firstBlankIsTheFirstByteUpTo20() {
        var text = [UInt8](repeating: 0xA1, count: 30)
        #expect(ByteScan.firstBlank(in: text, from: 0, to: 30) == 30)
        for blank in [0x00, 0x09, 0x20] as [UInt8] {
            for place in 0..<30 {
                text[place] = blank
                if place + 1 < 30 { text[place + 1] = 0x21 }
                for from in 0...place {
                    #expect(ByteScan.firstBlank(in: text, from: from, to: 30) == place)
                }
                #expect(ByteScan.firstBlank(in: text, from: 0, to: place) == place)
                text[place] = 0x21
            }
        }
    }

    @Test(arguments: [0, 1, 63, 64, 65, 200])
    func aCursorFindsWhatALoopFinds(tail: Int) {
        var state: UInt64 = 7
        let text = (0..<300).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 60 == 0
                ? UInt8(ascii: "\\") : state >> 61 == 1 ? 34 : UInt8(state >> 58)
        }
        let end = text.count - tail
        for stride in [1, 2, 9, 70] {
            var cursor = PairCursor(34, UInt8(ascii: "\\"))
            var from = 5
            while from <= end {
                let expected =
                    text[from..<end].firstIndex { $0 == 34 || $0 == UInt8(ascii: "\\") } ?? end
                #expect(cursor.next(in: text, from: from, to: end) == expected)
                from = expected + stride
            }
            #expect(cursor.next(in: text, from: end + 1, to: end) == end)
        }
    }
}
