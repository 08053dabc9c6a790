import Ingest
import Testing

/// One frame as a test wants to see it.
struct SeenFrame: Equatable, CustomStringConvertible {
    var text: String
    var part = 0
    var isLast = true
    var isCut = false

    init(_ text: String, part: Int = 0, isLast: Bool = true, isCut: Bool = false) {
        self.text = text
        self.part = part
        self.isLast = isLast
        self.isCut = isCut
    }

    var description: String { "\(text.debugDescription)/\(part)\(isLast ? "" : "…")\(isCut)" }
}

@Suite struct SyslogFramerTests {
    static func frames(_ pieces: [[UInt8]], frameBytesMax: Int = 1000) -> [SeenFrame] {
        var framer = SyslogFramer(frameBytesMax: frameBytesMax)
        var seen: [SeenFrame] = []
        func collect(isOver: Bool) {
            while let frame = framer.next(isOver: isOver) {
                seen.append(
                    SeenFrame(
                        String(decoding: framer.bytes[frame.range], as: UTF8.self),
                        part: frame.part, isLast: frame.isLast, isCut: frame.isCut))
            }
        }
        for piece in pieces {
            framer.append(piece)
            collect(isOver: false)
        }
        collect(isOver: true)
        #expect(framer.pendingCount == 0)
        return seen
    }

    static let streams: [(bytes: String, frames: [SeenFrame])] = [
        ("", []),
        ("\n\r\n\0\n", []),
        ("<1>a\n<2>b\n", [.init("<1>a"), .init("<2>b")]),
        ("<1>a\r\n<2>b\0<3>c\n", [.init("<1>a"), .init("<2>b"), .init("<3>c")]),
        ("<1>a\n<2>b", [.init("<1>a"), .init("<2>b", isCut: true)]),
        ("4 <1>a4 <2>b", [.init("<1>a"), .init("<2>b")]),
        ("5 <1>a\n5 <2>b\n", [.init("<1>a"), .init("<2>b")]),
        // A count without the LF that follows it.
        ("4 <1>a\n4 <2>b\n", [.init("<1>a"), .init("<2>b")]),
        ("4 <1>a\r\n <2>b\n", [.init("<1>a"), .init("<2>b")]),
        ("4 <1>a 4 <2>b", [.init("<1>a"), .init("<2>b")]),
        // The count is of bytes.
        ("6 <1>äa<2>b\n", [.init("<1>äa"), .init("<2>b")]),
        // Line feeds inside of a counted frame.
        ("8 <1>a\nb\nc<2>d\n", [.init("<1>a\nb\nc"), .init("<2>d")]),
        ("8 <1>a\0b\0c<2>d\n", [.init("<1>a\0b\0c"), .init("<2>d")]),
        // Lines that begin with a number.
        (
            "2026-11-22 10:00 x\n404 12 y\n0 <1>z\n12345678 <1>w\n7\n12 <\n12 <1\n12 <1234>x\n",
            [
                .init("2026-11-22 10:00 x"), .init("404 12 y"), .init("0 <1>z"),
                .init("12345678 <1>w"), .init("7"), .init("12 <"), .init("12 <1"),
                .init("12 <1234>x"),
            ]
        ),
        // Blanks are text unless a PRI follows.
        ("    at foo()\n  <1>x\n <1>y\n", [.init("    at foo()"), .init("  <1>x"), .init("<1>y")]),
        // Mixed framing on one connection.
        (
            "<1>a\n4 <2>b<3>c\n7 <4>defg<5>h\n",
            [
                .init("<1>a"), .init("<2>b"), .init("<3>c"), .init("<4>defg"), .init("<5>h"),
            ]
        ),
        // Cut.
        ("10 <1>abc", [.init("<1>abc", isCut: true)]),
        ("10 <1", [.init("10 <1", isCut: true)]),
        ("10", [.init("10", isCut: true)]),
        (" ", [.init(" ", isCut: true)]),
        // A half frame, then LF framing: the count takes what it says.
        ("6 <1>\n\n\n<2>b\n", [.init("<1>\n\n"), .init("<2>b")]),
        ("3 <1><2>b\n", [.init("<1>"), .init("<2>b")]),
    ]

    @Test(arguments: streams.indices)
    func framesOfAStream(index: Int) {
        let stream = Self.streams[index]
        #expect(Self.frames([Array(stream.bytes.utf8)]) == stream.frames)
    }

    static let long = [
        "<1>" + String(repeating: "x", count: 37) + "\n<2>b\n",
        "<1>" + String(repeating: "x", count: 37) + "\r\n<2>b\r\n",
        "<1>" + String(repeating: "x", count: 17) + "\n",
        "<1>" + String(repeating: "x", count: 7) + "\n<1>" + String(repeating: "x", count: 8),
        "<1>" + String(repeating: "x", count: 7) + "\r\n<1>" + String(repeating: "x", count: 27),
        "43 <1>" + String(repeating: "x", count: 40) + "<2>b\n",
        "44 <1>" + String(repeating: "x", count: 40) + "\n<2>b\n",
        "11 <1>1234567\n<2>b\n",
        "12 <1>1234567\r\n<2>b\n",
        "12 <1>12345678\n<2>b\n",
        "99 <1>" + String(repeating: "x", count: 18),
        "99 <1>" + String(repeating: "x", count: 17),
        String(repeating: "é", count: 21) + "\n",
    ]

    @Test(arguments: long)
    func longFramesComeInPartsThatJoin(text: String) {
        let whole = Self.frames([Array(text.utf8)], frameBytesMax: 1000)
        // Parts are bytes, not characters: join them as bytes.
        var framer = SyslogFramer(frameBytesMax: 10)
        framer.append(Array(text.utf8))
        var joined: [[UInt8]] = []
        var part = 0
        for isOver in [false, true] {
            while let frame = framer.next(isOver: isOver) {
                let bytes = Array(framer.bytes[frame.range])
                #expect(!bytes.isEmpty && bytes.count <= 10)
                if part == 0 { joined.append(bytes) } else { joined[joined.count - 1] += bytes }
                #expect(
                    frame.isLast
                        ? frame.part == (part == 0 ? 0 : part + 1)
                        : frame.part == part + 1)
                part = frame.isLast ? 0 : frame.part
            }
        }
        #expect(part == 0)
        #expect(joined == whole.map { Array($0.text.utf8) })
    }

    @Test func everySplitGivesTheSameFrames() {
        for text in Self.streams.map(\.bytes) + Self.long {
            let bytes = Array(text.utf8)
            for limit in [4, 10, 1000] {
                let whole = Self.frames([bytes], frameBytesMax: limit)
                for split in 0...bytes.count {
                    let pieces = [Array(bytes[..<split]), Array(bytes[split...])]
                    #expect(Self.frames(pieces, frameBytesMax: limit) == whole, "\(text) \(split)")
                }
                #expect(Self.frames(bytes.map { [$0] }, frameBytesMax: limit) == whole, "\(text)")
            }
        }
    }

    @Test func aHugeCountHoldsNoMoreThanAPart() {
        var framer = SyslogFramer(frameBytesMax: 1 << 10)
        framer.append(Array("9999999 <1>".utf8))
        var byteCount = 0
        for _ in 0..<100 {
            framer.append([UInt8](repeating: 0x78, count: 4096))
            while let frame = framer.next() { byteCount += frame.range.count }
            #expect(framer.pendingCount <= 4096 + 1024 + 14)
        }
        #expect(byteCount > 400_000)
    }
}
