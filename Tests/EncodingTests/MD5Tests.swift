import Encoding
import Testing

/// Vectors of RFC 1321, A.5, and lengths around the padding.
@Suite struct MD5Tests {
    @Test(arguments: [
        ("", "d41d8cd98f00b204e9800998ecf8427e"), ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        (
            String(repeating: "1234567890", count: 8), "57edf4a22be3c955ac49da2e2107b67a"
        ),
        (String(repeating: "a", count: 55), "ef1772b6dff9a122358552954ad0df65"),
        (String(repeating: "a", count: 56), "3b0c8ac703f828b04c6c197006d17218"),
        (String(repeating: "a", count: 64), "014842d480b571495a4a0363793f7367"),
    ])
    func digests(message: String, want: String) {
        let hex = MD5.digest(Array(message.utf8)).map {
            ($0 < 16 ? "0" : "") + String($0, radix: 16)
        }
        #expect(hex.joined() == want)
    }
}
