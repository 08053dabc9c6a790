import Encoding
import Testing

@Suite struct WordScanTests {
    private static let words = [
        "trace", "debug", "fatal", "critical", "error", "err", "warning", "warn", "info",
    ]
    private static let scan = WordScan(words)

    /// Word by word and byte by byte.
    private static func plainly(_ text: ArraySlice<UInt8>) -> UInt32 {
        var found: UInt32 = 0
        let runs = text.split { byte in
            !((byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x5F || byte >= 0x80)
        }
        for run in runs {
            let lower = run.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
            if let place = words.firstIndex(where: { lower.elementsEqual($0.utf8) }) {
                found |= 1 << UInt32(place)
            }
        }
        return found
    }

    @Test(arguments: [
        ("", 0), ("err", 0x20), ("ERR", 0x20), ("errx", 0), ("xerr", 0), ("err_", 0), ("_err", 0),
        ("9err", 0), ("err\u{E9}", 0), ("[err]", 0x20), ("err:info", 0x120), ("a.warn.b", 0x80),
        ("Critical", 8), ("criticality", 0), ("warning warn", 0xC0), ("@rr eRR`", 0x20),
    ]) func wordsStandByThemselves(_ text: String, _ want: UInt32) {
        #expect(Self.scan.found(in: Array(text.utf8)[...]) == want)
    }

    /// At every place of texts of every length around the width of a window.
    @Test func placesDoNotMatter() {
        for count in 0...200 {
            for (number, word) in Self.words.enumerated() where word.utf8.count <= count {
                for start in stride(from: 0, through: count - word.utf8.count, by: 1) {
                    var text = [UInt8](repeating: 0x20, count: count)
                    text.replaceSubrange(start..<(start + word.utf8.count), with: word.utf8)
                    let found = Self.scan.found(in: text[...])
                    #expect(found == 1 << UInt32(number), "\(word) at \(start) of \(count)")
                    guard found == 1 << UInt32(number) else { return }
                }
            }
        }
    }

    @Test func texts() {
        var random = SplitMix(seed: 5)
        let pieces =
            Self.words + Self.words.map { $0.uppercased() } + [
                " ", "_", "9", "-", ":", "x", "\u{E9}", "  ", "errors", "something longer ",
            ]
        for _ in 0..<3_000 {
            var text: [UInt8] = Array("err".utf8)
            for _ in 0..<(random.next() % 40) {
                text += Array(pieces[Int(random.next() % UInt64(pieces.count))].utf8)
            }
            text += Array("err".utf8)
            let inside = text[3..<(text.count - 3)]
            let found = Self.scan.found(in: inside)
            #expect(
                found == Self.plainly(inside), "\(String(decoding: inside, as: UTF8.self))")
        }
    }
}
