import Encoding
import Server
import Testing

@Suite struct WebSocketFramesTests {
    /// RFC 3174, section 7.3, and RFC 6455, section 1.3.
    @Test func theHandshakeIsTheStandards() {
        #expect(
            SHA1.digest(Array("abc".utf8)) == [
                0xA9, 0x99, 0x3E, 0x36, 0x47, 0x06, 0x81, 0x6A, 0xBA, 0x3E, 0x25, 0x71, 0x78, 0x50,
                0xC2, 0x6C, 0x9C, 0xD0, 0xD8, 0x9D,
            ])
        #expect(
            SHA1.digest([UInt8](repeating: 0x61, count: 64)).prefix(4) == [0x00, 0x98, 0xBA, 0x82])
        #expect(
            WebSocketFrames.accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test func framesSayHowLongTheyAre() {
        #expect(WebSocketFrames.text([1, 2]) == [0x81, 2, 1, 2])
        #expect(
            WebSocketFrames.text([UInt8](repeating: 0, count: 300)).prefix(4)
                == [0x81, 126, 1, 44])
        #expect(
            WebSocketFrames.text([UInt8](repeating: 0, count: 70_000)).prefix(10)
                == [0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70])
    }

    /// A masked frame of a client.
    static func frame(_ code: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let mask: [UInt8] = [1, 2, 3, 4]
        var frame: [UInt8] = [0x80 | code]
        if payload.count < 126 {
            frame.append(0x80 | UInt8(payload.count))
        } else {
            frame += [0xFE, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        }
        frame += mask
        for (place, byte) in payload.enumerated() { frame.append(byte ^ mask[place % 4]) }
        return frame
    }

    @Test func pingsAndTheEndAreHeardByteByByte() {
        var bytes = Self.frame(1, [UInt8](repeating: 7, count: 200))
        let rest: [(code: UInt8, payload: [UInt8])] = [
            (9, [5, 6]), (1, []), (10, [1]), (9, []), (8, [3, 0xE8]), (9, [1]),
        ]
        for one in rest { bytes += Self.frame(one.code, one.payload) }
        let want: [WebSocketFrames.Event] = [.ping([5, 6]), .ping([]), .close]
        var whole = WebSocketFrames()
        #expect(whole.read(bytes) == want)
        var single = WebSocketFrames()
        #expect(bytes.flatMap { single.read([$0]) } == want)
    }

    @Test func whatBreaksTheRulesEndsIt() {
        var unmasked = WebSocketFrames()
        #expect(unmasked.read([0x81, 1, 0]) == [.close])
        var long = WebSocketFrames()
        #expect(long.read([0x89, 0x80 | 126, 1, 0]) == [.close])
    }
}
