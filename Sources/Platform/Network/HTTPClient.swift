internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// A small HTTP/1.1 client, for the commands that read from a server and for what a server tells
/// others: plain HTTP, one request per connection, answers whole or line by line. Why not a larger
/// one: docs/decisions/001.
package struct HTTPClient: Sendable {
    /// A whole answer.
    package struct Answer: Sendable {
        package var status: Int
        package var headers: [(name: String, value: String)] = []
        package var body: [UInt8]

        /// The first value of a header, whose name may be in any case.
        package func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    /// What is sent, and for how long an answer is waited for.
    private struct Request {
        var method = HTTPMethod.GET
        var headers: [(String, String)] = []
        var body: [UInt8] = []
        /// Of the other side, between two parts of its answer.
        var silenceSecondsMax: Int64?
        /// From the connection to the end of the answer.
        var nanosMax: Int64?
    }

    private let connectTimeout = TimeAmount.seconds(5)
    /// A line of a streamed answer that is longer is an error.
    private static let lineBytesMax = 64 << 20

    package init() {}

    /// GETs `url` (`http://host:port/path?query`). A server that is silent for longer than
    /// `silenceSecondsMax`, if that is given, is thrown as `broken`.
    package func get(
        _ url: String, headers: [(String, String)] = [], silenceSecondsMax: Int64? = nil,
        bodyBytesMax: Int
    ) async throws(NetworkError) -> Answer {
        try await ask(
            url, Request(headers: headers, silenceSecondsMax: silenceSecondsMax),
            bodyBytesMax: bodyBytesMax)
    }

    /// The same; what takes longer than `nanosMax`, connecting included, is thrown as
    /// `broken` or `cannotConnect`.
    package func get(
        _ url: String, headers: [(String, String)], nanosMax: Int64, bodyBytesMax: Int
    ) async throws(NetworkError) -> Answer {
        try await ask(
            url, Request(headers: headers, nanosMax: nanosMax), bodyBytesMax: bodyBytesMax)
    }

    /// The same; `isPost`: POSTs without a body. A server that is silent for longer than
    /// `silenceSecondsMax` is thrown as `broken`.
    package func ask(
        _ url: String, headers: [(String, String)] = [], isPost: Bool, silenceSecondsMax: Int64,
        bodyBytesMax: Int
    ) async throws(NetworkError) -> Answer {
        try await ask(
            url,
            Request(
                method: isPost ? .POST : .GET, headers: headers,
                silenceSecondsMax: silenceSecondsMax),
            bodyBytesMax: bodyBytesMax)
    }

    /// POSTs `body`. What takes longer than `secondsMax` from the connection on is thrown as
    /// `broken`.
    package func post(
        _ url: String, body: [UInt8], contentType: String, secondsMax: Int64, bodyBytesMax: Int
    ) async throws(NetworkError) -> Answer {
        try await ask(
            url,
            Request(
                method: .POST, headers: [("Content-Type", contentType)], body: body,
                nanosMax: secondsMax * 1_000_000_000), bodyBytesMax: bodyBytesMax)
    }

    private func ask(
        _ url: String, _ request: Request, bodyBytesMax: Int
    ) async throws(NetworkError) -> Answer {
        let target = try HTTPTarget(url)
        var answer = Answer(status: 0, body: [])
        try await exchange(target, request) { part in
            switch part {
            case .head(let head):
                answer.status = Int(head.status.code)
                answer.headers = head.headers.map { ($0.name, $0.value) }
            case .body(let bytes):
                guard answer.body.count + bytes.readableBytes <= bodyBytesMax else {
                    throw NetworkError.tooLarge(
                        endpoint: target.authority, bytesMax: bodyBytesMax)
                }
                answer.body.append(contentsOf: bytes.readableBytesView)
            case .end: return false
            }
            return true
        }
        return answer
    }

    /// GETs `url` and calls `onLine` with each line, without its end, until the answer ends or
    /// `onLine` returns false. An answer that is no success is thrown as `refused`, with its body;
    /// a server that is silent for longer than `silenceSecondsMax`, if that is given, as `broken`.
    package func lines(
        _ url: String, headers: [(String, String)] = [], silenceSecondsMax: Int64? = nil,
        onLine: ([UInt8]) -> Bool
    ) async throws(NetworkError) {
        let target = try HTTPTarget(url)
        var status = 0
        var rest: [UInt8] = []
        let request = Request(headers: headers, silenceSecondsMax: silenceSecondsMax)
        try await exchange(target, request) { part in
            switch part {
            case .head(let head):
                status = Int(head.status.code)
            case .body(let bytes):
                rest.append(contentsOf: bytes.readableBytesView)
                guard rest.count <= Self.lineBytesMax else {
                    throw NetworkError.broken(
                        endpoint: target.authority, reason: "a line is too long")
                }
                guard status / 100 == 2 else { return true }
                var start = 0
                while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                    if !onLine(Array(rest[start..<end])) { return false }
                    start = end + 1
                }
                rest.removeFirst(start)
            case .end:
                if status / 100 == 2, !rest.isEmpty { _ = onLine(rest) }
                return false
            }
            return true
        }
        if status / 100 != 2 {
            throw .refused(status: status, body: rest)
        }
    }

    /// Sends the request and calls `onPart` with the parts of the answer until it returns false.
    private func exchange(
        _ target: HTTPTarget, _ request: Request,
        _ onPart: (HTTPClientResponsePart) throws -> Bool
    ) async throws(NetworkError) {
        let (silence, limit) = (request.silenceSecondsMax, request.nanosMax)
        let channel: NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>
        do {
            channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(min(connectTimeout, .nanoseconds(limit ?? .max)))
                .connect(host: target.host, port: target.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        if let silence {
                            try channel.pipeline.syncOperations.addHandlers([
                                IdleStateHandler(readTimeout: .seconds(silence)),
                                SilenceHandler(),
                            ])
                        }
                        if let limit { HTTPClient.close(channel, afterNanos: limit) }
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                    }
                }
        } catch {
            throw .cannotConnect(endpoint: target.authority, reason: HTTPClient.text(of: error))
        }
        do {
            try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(contentsOf: HTTPClient.parts(of: request, to: target))
                for try await part in inbound {
                    if case .end = part { _ = try onPart(part); return }
                    if try !onPart(part) { return }
                }
                throw NetworkError.broken(
                    endpoint: target.authority, reason: "the connection was closed early")
            }
        } catch let error as NetworkError {
            throw error
        } catch {
            throw .broken(endpoint: target.authority, reason: HTTPClient.text(of: error))
        }
    }

    /// As one: a server may answer and close as soon as it has the head.
    private static func parts(
        of request: Request, to target: HTTPTarget
    ) -> [HTTPClientRequestPart] {
        var head = HTTPRequestHead(version: .http1_1, method: request.method, uri: target.uri)
        head.headers.add(name: "Host", value: target.authority)
        head.headers.add(name: "Connection", value: "close")
        if request.method != .GET {
            head.headers.add(name: "Content-Length", value: "\(request.body.count)")
        }
        for (name, value) in request.headers { head.headers.add(name: name, value: value) }
        guard !request.body.isEmpty else { return [.head(head), .end(nil)] }
        return [.head(head), .body(.byteBuffer(ByteBuffer(bytes: request.body))), .end(nil)]
    }

    private static func close(_ channel: any Channel, afterNanos nanos: Int64) {
        let end = channel.eventLoop.scheduleTask(in: .nanoseconds(nanos)) {
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { _ in end.cancel() }
    }

    private static func text(of error: any Error) -> String {
        if let error = error as? NIOConnectionError, let first = error.connectionErrors.first {
            return text(of: first.error)
        }
        if let error = error as? IOError { return SystemError.text(error.errnoCode) }
        return "\(error)"
    }
}

/// Closes a connection on which nothing comes in any more.
private final class SilenceHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}

/// Where a URL points.
private struct HTTPTarget {
    var host: String
    var port: Int
    var uri: String

    init(_ url: String) throws(NetworkError) {
        guard url.hasPrefix("http://") else {
            throw .invalidRequest(reason: "\(url) is not an http:// address")
        }
        let rest = url.dropFirst(7)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard case .inet(let host, let port)? = Endpoint(String(authority), defaultPort: 80),
            !host.isEmpty
        else { throw .invalidRequest(reason: "\(authority) is not HOST:PORT") }
        self.host = host
        self.port = port
        let path = rest.dropFirst(authority.count)
        uri = path.hasPrefix("/") ? String(path) : "/" + path
    }

    var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
