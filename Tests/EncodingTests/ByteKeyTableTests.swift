import Encoding
import Testing

@Suite("ByteKeyTable")
struct ByteKeyTableTests {
    private struct Record: BitwiseCopyable { var value = 0.0 }

    /// Scans `text`, adds what is missing with ids from `next` on, and returns the ids.
    private static func ids(
        _ text: String, _ table: inout ByteKeyTable, _ scan: inout LineScan, adding: Bool = true
    ) -> [UInt32] {
        let bytes = Array(text.utf8)
        let records = [Record](repeating: Record(), count: 100_000)
        var ids: [UInt32] = []
        scan.begin()
        while scan.fill(bytes, ranges: [0..<bytes.count]) {
            table.find(&scan, in: bytes, near: records)
            for index in 0..<scan.count {
                let line = scan[index]
                ids.append(line.id)
                if line.id == ScannedLine.missing, adding {
                    let id = UInt32(table.count)
                    table.insert(
                        line, of: bytes, id: id, first: Double(id), second: Double(id) * 2)
                } else if line.id != ScannedLine.missing {
                    #expect(line.first == Double(line.id))
                    #expect(line.second == Double(line.id) * 2)
                }
            }
        }
        return ids
    }

    @Test("the name and the rest are the key, the value is not")
    func keyParts() {
        var table = ByteKeyTable()
        var scan = LineScan(seed: 7)
        let missing = ScannedLine.missing
        #expect(Self.ids("a:1|c", &table, &scan) == [missing])
        #expect(
            Self.ids("a:2|c\nb:1|c\na:1|g\na:xyz|c\na:1|c|@0.5", &table, &scan)
                == [0, missing, missing, 0, missing])
        #expect(Self.ids("a|c:1|g", &table, &scan, adding: false) == [missing])
        #expect(Self.ids("a:9|g", &table, &scan) == [2])
    }

    @Test("the border between name and rest is part of the key")
    func border() {
        var table = ByteKeyTable()
        var scan = LineScan(seed: 7)
        _ = Self.ids("a:1|c|x", &table, &scan)
        #expect(Self.ids("a|c:1|x", &table, &scan) == [ScannedLine.missing])
    }

    @Test("keys survive growth, and what is retired goes with its bytes")
    func growthAndRetirement() {
        var table = ByteKeyTable()
        var scan = LineScan(seed: 99)
        let names = (0..<20_000).map { "some.metric.\($0 % 100).\($0):1|c|#host:h\($0)" }
        let text = names.joined(separator: "\n")
        _ = Self.ids(text, &table, &scan)
        #expect(table.count == 20_000)
        #expect(Self.ids(text, &table, &scan) == (0..<20_000).map(UInt32.init))
        let before = table.byteCount
        table.retain((0..<20_000).map { $0 % 10 == 0 })
        #expect(table.count == 2_000)
        #expect(table.byteCount < before / 4)
        let after = Self.ids(text, &table, &scan, adding: false)
        for (index, id) in after.enumerated() {
            #expect(id == (index % 10 == 0 ? UInt32(index) : ScannedLine.missing))
        }
        table.removeAll()
        #expect(Self.ids("a:1|c", &table, &scan, adding: false) == [ScannedLine.missing])
    }

    @Test("a key that is too long is never kept")
    func longKey() {
        var table = ByteKeyTable()
        var scan = LineScan(seed: 1)
        let long = String(repeating: "x", count: ByteKeyTable.keyBytesMax) + ":1|c"
        #expect(Self.ids(long, &table, &scan) == [ScannedLine.missing])
        #expect(Self.ids(long, &table, &scan) == [ScannedLine.missing])
        #expect(table.count == 0)
    }
}
