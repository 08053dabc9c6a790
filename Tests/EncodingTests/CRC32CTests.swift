import Encoding
import Testing

@Suite struct CRC32CTests {
    /// RFC 3720 B.4 and the usual check string.
    @Test(
        arguments: [
            ([], 0),
            (Array("123456789".utf8), 0xe306_9283),
            ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
            ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
            (Array(0..<32), 0x46dd_794e),
            (Array((0..<32).reversed()), 0x113f_db5c),
        ] as [([UInt8], UInt32)])
    func knownVectors(_ bytes: [UInt8], _ expected: UInt32) {
        #expect(CRC32C.checksum(of: bytes) == expected)
        #expect(CRC32C.softwareChecksum(of: bytes) == expected)
        let spanned = unsafe CRC32C.checksum(of: bytes.span.bytes)
        #expect(spanned == expected)
    }

    @Test func hardwareAndSoftwareAgreeAndContinue() {
        let bytes = [UInt8](SplitMix(seed: 1).prefixBytes(1_000))
        for cut in 0...bytes.count {
            let head = CRC32C.checksum(of: bytes[..<cut])
            #expect(head == CRC32C.softwareChecksum(of: Array(bytes[..<cut])))
            #expect(
                CRC32C.checksum(of: bytes[cut...], seed: head) == CRC32C.checksum(of: bytes))
        }
    }
}

extension SplitMix {
    fileprivate consuming func prefixBytes(_ count: Int) -> [UInt8] { bytes(count) }
}
