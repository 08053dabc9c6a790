import Platform
import Testing

/// The command line's client against servers that do not behave.
struct HTTPClientTests {
    /// A server that reads a request's head and answers with `answer` as it is.
    private func url(_ answer: String, path: String = "/x?y=1") throws -> String {
        let port = try Loopback.listen { client in
            var request: [UInt8] = []
            while !String(decoding: request, as: UTF8.self).contains("\r\n\r\n") {
                let more = client.receive()
                if more.isEmpty { return }
                request += more
            }
            client.send(answer)
        }
        return "http://127.0.0.1:\(port)\(path)"
    }

    private func lines(_ answer: String) async throws -> [String] {
        var found: [String] = []
        try await HTTPClient().lines(try url(answer)) { line in
            found.append(String(decoding: line, as: UTF8.self))
            return found.count < 3
        }
        return found
    }

    @Test func readsAWholeAnswer() async throws {
        let answer = try await HTTPClient().get(
            try url("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"), bodyBytesMax: 4)
        #expect(answer.status == 404)
        #expect(answer.body == Array("none".utf8))
    }

    @Test func refusesABodyBeyondTheBound() async throws {
        let url = try url("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345")
        let port = Int(url.split(separator: ":")[2].prefix { $0.isNumber }) ?? 0
        let want = NetworkError.tooLarge(endpoint: "127.0.0.1:\(port)", bytesMax: 4)
        await #expect(throws: want) {
            try await HTTPClient().get(url, bodyBytesMax: 4)
        }
    }

    @Test func headersAreFoundInAnyCase() async throws {
        let answer = try await HTTPClient().get(
            try url("HTTP/1.1 200 OK\r\nX-Thing: a\r\nx-thing: b\r\nContent-Length: 0\r\n\r\n"),
            bodyBytesMax: 4)
        #expect(answer.header("x-Thing") == "a")
        #expect(answer.header("y") == nil)
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12"])
    func whatTakesTooLongIsGivenUp(beginning: String) async throws {
        let port = try Loopback.listen { client in
            _ = client.receive()
            client.send(beginning)
            // Until the client has had enough.
            while !client.receive().isEmpty {}
        }
        do {
            _ = try await HTTPClient().get(
                "http://127.0.0.1:\(port)/", headers: [], nanosMax: 50_000_000, bodyBytesMax: 9)
            Issue.record("answered")
        } catch {
            guard case .broken = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test(arguments: [
        // Cut off, no HTTP, nothing at all.
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12", "SSH-2.0-OpenSSH\r\n", "",
    ])
    func aBrokenAnswerIsAnError(answer: String) async throws {
        let url = try url(answer)
        do {
            _ = try await HTTPClient().get(url, bodyBytesMax: 100)
            Issue.record("answered")
        } catch {
            guard case .broken = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test func cutsLinesAcrossChunks() async throws {
        let chunks = "5\r\none\nt\r\n7\r\nwo\nthre\r\n1\r\ne\r\n0\r\n\r\n"
        #expect(
            try await lines("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
                == ["one", "two", "three"])
    }

    @Test func endsWhenNoMoreLinesAreWanted() async throws {
        let body = "1\n2\n3\n4\n5\n"
        #expect(
            try await lines("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + body)
                == ["1", "2", "3"])
    }

    @Test func aRefusalCarriesItsBody() async throws {
        await #expect(throws: NetworkError.refused(status: 400, body: Array("no\nway".utf8))) {
            try await lines("HTTP/1.1 400 Bad Request\r\nContent-Length: 6\r\n\r\nno\nway")
        }
    }

    @Test(arguments: ["https://127.0.0.1/", "127.0.0.1:1", "http://", "http://127.0.0.1:x/"])
    func refusesAddressesItCanNotAsk(url: String) async {
        do {
            _ = try await HTTPClient().get(url, bodyBytesMax: 1)
            Issue.record("answered")
        } catch {
            guard case .invalidRequest = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test func namesWhereNobodyListens() async {
        do {
            // The port of discard: nobody listens there, and nobody may without rights.
            _ = try await HTTPClient().get("http://127.0.0.1:9/", bodyBytesMax: 1)
            Issue.record("answered")
        } catch {
            #expect("\(error)".contains("127.0.0.1:9"), "\(error)")
        }
    }
}
