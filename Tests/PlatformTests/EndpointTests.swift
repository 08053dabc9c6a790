import Platform
import Testing

struct EndpointTests {
    static let good: [(String, Endpoint)] = [
        ("127.0.0.1:8125", .inet(host: "127.0.0.1", port: 8125)),
        ("[::1]:8125", .inet(host: "::1", port: 8125)),
        ("localhost:0", .inet(host: "localhost", port: 0)),
        (":65535", .inet(host: "", port: 65_535)),
        ("unix:/run/varve.sock", .unix(path: "/run/varve.sock")),
        ("/run/varve.sock", .unix(path: "/run/varve.sock")),
    ]

    @Test(arguments: good)
    func isReadAndWritten(text: String, endpoint: Endpoint) {
        #expect(Endpoint(text) == endpoint)
        #expect(Endpoint(endpoint.description) == endpoint)
    }

    @Test(arguments: [
        "", ":", "host", "host:", "host:x", "host:65536", "host:-1", "host:+1", "host: 1", "::1:80",
        "[::1]", "[]:80", "[::1", "[::1]80", "a b:80", "unix:", "/", "unix:/a\u{0}b",
        "h:99999999999",
        "h:１",
    ])
    func anythingElseIsRefused(text: String) { #expect(Endpoint(text) == nil) }

    @Test func aDefaultPortAllowsAHostAlone() {
        #expect(Endpoint("host", defaultPort: 80) == .inet(host: "host", port: 80))
        #expect(Endpoint("[::1]", defaultPort: 80) == .inet(host: "::1", port: 80))
        #expect(Endpoint("", defaultPort: 80) == nil)
        #expect(Endpoint("host:", defaultPort: 80) == nil)
    }
}
