import Platform
import Testing

/// The bytes of the handshake.
struct PeerHelloTests {
    private static let hellos = [
        PeerHello(
            clusterID: 0x0102_0304_0506_0708, node: PeerID(9), name: "ost-1", featureLevel: 5),
        PeerHello(clusterID: 0, node: nil, name: "", featureLevel: 0),
        PeerHello(
            clusterID: .max, node: PeerID(.max), name: String(repeating: "ü", count: 127),
            featureLevel: .max),
    ]

    @Test func theLayoutIsThatOfTheFormatPage() {
        let hello = PeerHello(
            clusterID: 0x0102_0304_0506_0708, node: PeerID(9), name: "ab", featureLevel: 5)
        let bytes: [UInt8] =
            Array("VARVEPER".utf8) + [1, 0, 1, 0, 30, 0, 0, 0] + [8, 7, 6, 5, 4, 3, 2, 1]
            + [9, 0, 0, 0, 0, 0, 0, 0] + [5, 0, 0, 0] + [0, 0, 0, 0] + [2, 0, 0, 0] + [97, 98]
        #expect(hello.encoded() == bytes)
        let refusal: [UInt8] =
            Array("VARVENAY".utf8) + [4, 0, 2, 0, 0, 0, 0, 0] + Array("no".utf8)
        #expect(PeerRefusal(.unknownNode, "no").encoded() == refusal)
    }

    @Test(arguments: hellos)
    func aHelloComesBackAsItWas(hello: PeerHello) throws {
        #expect(try PeerHello(decoding: hello.encoded()) == hello)
        #expect(try PeerAnswer.decode(hello.encoded()) == .hello(hello))
    }

    @Test(arguments: hellos)
    func aHelloThatIsCutAnywhereIsNotWhole(hello: PeerHello) throws {
        let bytes = hello.encoded()
        for count in 0..<bytes.count {
            let cut = Array(bytes.prefix(count))
            #expect(try PeerAnswer.decode(cut) == nil, "cut at \(count)")
            #expect(throws: PeerFormatError.malformedHello) { try PeerHello(decoding: cut) }
        }
        #expect(throws: PeerFormatError.malformedHello) { try PeerHello(decoding: bytes + [0]) }
    }

    @Test(arguments: PeerRefusal.Reason.allCases)
    func aRefusalComesBackAsItWas(reason: PeerRefusal.Reason) throws {
        let refusal = PeerRefusal(reason, "node 3 is not among the members")
        let bytes = refusal.encoded()
        #expect(try PeerAnswer.decode(bytes) == .refusal(refusal))
        for count in 0..<bytes.count {
            #expect(try PeerAnswer.decode(Array(bytes.prefix(count))) == nil, "cut at \(count)")
        }
    }

    @Test func aReasonOfALaterVersionKeepsItsText() throws {
        var bytes = PeerRefusal(.garbage, "too old").encoded()
        bytes[8] = 200
        #expect(try PeerAnswer.decode(bytes) == .refusal(PeerRefusal(.other, "too old")))
    }

    @Test func garbageIsKnownByItsFirstByte() {
        #expect(throws: PeerFormatError.notAHello) { try PeerAnswer.decode(Array("G".utf8)) }
        #expect(throws: PeerFormatError.notAHello) { try PeerAnswer.decode(Array("VARVEX".utf8)) }
        #expect(throws: PeerFormatError.securedWherePlain) { try PeerAnswer.decode([0x16, 3, 1]) }
    }

    @Test func otherVersionsAreToldFromGarbage() throws {
        var bytes = PeerHelloTests.hellos[0].encoded()
        bytes[8] = 2
        bytes[10] = 3
        #expect(throws: PeerFormatError.noCommonVersion(oldest: 2, newest: 3)) {
            try PeerHello(decoding: bytes)
        }
        // One that still speaks ours may append to its hello and use what is reserved.
        bytes[8] = 1
        bytes[12] += 2
        bytes[36] = 77
        #expect(try PeerHello(decoding: bytes + [1, 2]) == PeerHelloTests.hellos[0])
        bytes[8] = 4
        #expect(throws: PeerFormatError.malformedHello) { try PeerHello(decoding: bytes) }
    }

    @Test(arguments: [
        (36, PeerFormatError.reservedNotZero), (43, .reservedNotZero),
        (12, .malformedHello), (13, .malformedHello), (14, .malformedHello),
        (40, .malformedHello), (41, .malformedHello),
    ])
    func aChangedByteIsNoticed(place: Int, error: PeerFormatError) {
        var bytes = PeerHelloTests.hellos[0].encoded()
        bytes[place] += 1
        bytes += Array(repeating: 0, count: 5_000)
        #expect(throws: error) { try PeerHello(decoding: bytes) }
    }

    @Test func aNameIsOneShortLine() throws {
        let name = String(repeating: "ä", count: 200)
        let hello = PeerHello(clusterID: 1, node: nil, name: "a\nb\u{85}" + name, featureLevel: 1)
        #expect(hello.name.hasPrefix("a?b?ä"))
        #expect(hello.name.utf8.count == 254)
        #expect(try PeerHello(decoding: hello.encoded()) == hello)
        #expect(PeerRefusal(.other, "x\r\n" + name + name).text.utf8.count == 511)
    }

    @Test func aNameThatIsNoTextIsRefused() {
        var bytes = PeerHelloTests.hellos[0].encoded()
        bytes[bytes.count - 1] = 0xFF
        #expect(throws: PeerFormatError.malformedHello) { try PeerHello(decoding: bytes) }
    }
}
