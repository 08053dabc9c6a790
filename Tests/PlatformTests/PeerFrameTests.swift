import Platform
import Testing

/// The bytes of frames: layout, limits, and what is cut or wrong.
struct PeerFrameTests {
    private static let frames = [
        PeerFrame(kind: 1, parts: []),
        PeerFrame(kind: 255, parts: [[]]),
        PeerFrame(kind: 3, parts: [[1, 2, 3]]),
        PeerFrame(kind: 7, parts: [[], [9], [], Array(repeating: 5, count: 1_000), []]),
        PeerFrame(kind: 2, parts: (0..<100).map { Array(repeating: UInt8($0), count: $0) }),
    ]

    @Test func theLayoutIsThatOfTheFormatPage() {
        let bytes = PeerFrame(kind: 9, parts: [[0xAA, 0xBB], [0xCC]]).encoded()
        #expect(
            bytes == [
                15, 0, 0, 0, 9, 0, 2, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0xAA, 0xBB, 0xCC,
            ])
    }

    @Test(arguments: frames)
    func aFrameComesBackAsItWas(frame: PeerFrame) throws {
        let bytes = frame.encoded()
        #expect(bytes.count == frame.wireByteCount)
        let decoded = try #require(try PeerFrame.decode(bytes + [1, 2, 3]))
        #expect(decoded.frame == frame)
        #expect(decoded.byteCount == bytes.count)
    }

    @Test(arguments: frames)
    func aFrameThatIsCutAnywhereIsNotWhole(frame: PeerFrame) throws {
        let bytes = frame.encoded()
        for count in 0..<bytes.count {
            #expect(try PeerFrame.decode(Array(bytes.prefix(count))) == nil, "cut at \(count)")
        }
    }

    @Test func lengthsBeyondTheLimitsAreRefusedByTheHeadAlone() {
        let most = UInt32(PeerFrame.byteCountMax)
        #expect(throws: PeerFormatError.frameTooLarge(byteCount: Int(most) + 1)) {
            try PeerFrame.decode(head(byteCount: most + 1, parts: 1))
        }
        #expect(throws: PeerFormatError.tooManyParts(4_097)) {
            try PeerFrame.decode(head(byteCount: most, parts: 4_097))
        }
        #expect(throws: PeerFormatError.partsDoNotAddUp) {
            try PeerFrame.decode(head(byteCount: 3, parts: 0))
        }
        #expect(throws: PeerFormatError.partsDoNotAddUp) {
            try PeerFrame.decode(head(byteCount: 7, parts: 1))
        }
        #expect(throws: PeerFormatError.reservedNotZero) {
            try PeerFrame.decode(head(byteCount: 8, zero: 1, parts: 1))
        }
    }

    @Test(arguments: [0, 2, 4, UInt32.max])
    func partsMustAddUpToTheFrame(length: UInt32) {
        let bytes = head(byteCount: 11, parts: 1) + word(length) + [1, 2, 3]
        #expect(throws: PeerFormatError.partsDoNotAddUp) { try PeerFrame.decode(bytes) }
    }

    @Test func anyBytesAreAnErrorOrAFrame() {
        var state: UInt64 = 1
        for _ in 0..<2_000 {
            let bytes = (0..<24).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                // Small numbers, so that some heads are valid.
                return state >> 62 == 0 ? UInt8(state >> 58 & 15) : 0
            }
            guard let decoded = try? PeerFrame.decode(bytes) else { continue }
            #expect(decoded.frame.encoded() == Array(bytes.prefix(decoded.byteCount)))
        }
    }

    @Test func onlyWhatIsWithinTheLimitsFits() {
        #expect(PeerFrame.fits(Array(repeating: [], count: 4_096)))
        #expect(!PeerFrame.fits(Array(repeating: [], count: 4_097)))
        let room = PeerFrame.byteCountMax - 8
        #expect(PeerFrame.fits([Array(repeating: 0, count: room)]))
        #expect(!PeerFrame.fits([Array(repeating: 0, count: room + 1)]))
    }

    private func head(byteCount: UInt32, zero: UInt8 = 0, parts: Int) -> [UInt8] {
        word(byteCount) + [1, zero, UInt8(parts & 255), UInt8(parts >> 8)]
    }

    private func word(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
