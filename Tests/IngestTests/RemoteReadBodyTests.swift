import Model
import Testing

@testable import Ingest

/// Requests of Prometheus remote read, from bytes.
@Suite struct RemoteReadBodyTests {
    private static func matcher(
        _ query: inout ProtobufBytes, _ type: UInt64, _ name: String, _ value: String
    ) {
        query.message(3) {
            $0.varint(1, type)
            $0.text(2, name)
            $0.text(3, value)
        }
    }

    private static let request = ProtobufBytes { request in
        request.message(1) { query in
            query.varint(1, signed: -5)
            query.varint(2, signed: 1_750_000_000_000)
            for (type, value) in ["a", "b", "c.*", "d"].enumerated() {
                matcher(&query, UInt64(type), "l\(type)", value)
            }
            query.message(4) { $0.varint(1, 15_000) }
        }
        request.message(1) { _ in }
        request.data(2, [1, 0])
    }.bytes

    @Test func queriesAreReadWithTheirMatchers() throws {
        let queries = try RemoteReadBody.parse(Self.request)
        try #require(queries.count == 2)
        #expect(queries[0].startMillis == -5 && queries[0].endMillis == 1_750_000_000_000)
        #expect(
            queries[0].matchers.map(\.description) == [
                #"l0="a""#, #"l1!="b""#, #"l2=~"c.*""#, #"l3!~"d""#,
            ])
        #expect(queries[1] == RemoteReadBody.Query())
    }

    @Test func whatCanNotBeAnsweredIsRefused() throws {
        let chunksOnly = ProtobufBytes { $0.varint(2, 1) }.bytes
        #expect(throws: IngestError.self) { try RemoteReadBody.parse(chunksOnly) }
        for (type, value, word) in [(4, "a", "type 4"), (2, "(", "l")] as [(UInt64, String, String)]
        {
            let body = ProtobufBytes { $0.message(1) { Self.matcher(&$0, type, "l", value) } }.bytes
            let error = #expect(throws: IngestError.self) { try RemoteReadBody.parse(body) }
            #expect(error?.description.contains(word) == true)
        }
        for end in 1..<Self.request.count - 4 {
            _ = try? RemoteReadBody.parse(Array(Self.request[..<end]))
        }
    }
}
