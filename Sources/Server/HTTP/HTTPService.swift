internal import Encoding
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Model
internal import NIOCore
internal import Platform
internal import ServiceLifecycle
internal import Synchronization

/// The route table behind a socket: reads bodies within bounds, finds the tenant, runs endpoints
/// where their work belongs, turns what they throw into answers, and counts.
final class HTTPService: Sendable {
    struct Limits: Sendable, Hashable {
        /// `http.body_bytes_max`: of one request, still compressed.
        var bodyBytesMax = 64 << 20
        /// `http.bodies_bytes_max`: of all requests in hand.
        var bodiesBytesMax = 512 << 20
        /// `query.concurrency_max`
        var queriesMax = 32
    }

    private let table: RouteTable
    private let limits: Limits
    private let executor: QueryExecutor
    private let telemetry: Telemetry
    private let time: any TimeSource
    private let logger: Logger
    private let bodyBytesHeld = Atomic<Int>(0)
    private let queriesRunning = Atomic<Int>(0)
    private let group = Mutex<ServiceGroup?>(nil)

    init(
        table: RouteTable, limits: Limits, executor: QueryExecutor, telemetry: Telemetry,
        time: any TimeSource, logger: Logger
    ) {
        self.table = table
        self.limits = limits
        self.executor = executor
        self.telemetry = telemetry
        self.time = time
        self.logger = logger
    }

    /// Listens until `stop`. `onReady` is called with the bound port once connections are taken.
    func run(
        host: String, port: Int, onReady: @escaping @Sendable (Int) -> Void
    ) async throws {
        let responder = CallbackResponder<BasicRequestContext> { [self] request, _ in
            await respond(to: request)
        }
        let application = Application(
            responder: responder,
            configuration: .init(
                address: .hostname(host.isEmpty ? "0.0.0.0" : host, port: port),
                serverName: "varve"),
            onServerRunning: { onReady($0.localAddress?.port ?? port) },
            logger: logger)
        let group = ServiceGroup(
            configuration: .init(services: [application], logger: logger))
        self.group.withLock { $0 = group }
        try await group.run()
    }

    /// Takes no more connections and lets requests in hand finish.
    func stop() async {
        let group = group.withLock { $0 }
        await group?.triggerGracefulShutdown()
    }

    private func respond(to request: Request) async -> Response {
        let started = time.monotonicNanos()
        let isHead = request.method == .head
        let path = FormParameters.decoded(
            Array(request.uri.path.utf8).map { $0 == UInt8(ascii: "+") ? 0x2B : $0 })
        var answer: HTTPAnswer
        do {
            answer = try await handle(request, path: path)
        } catch {
            let failure = HTTPFailure(wrapping: error)
            if failure.status >= 500 {
                logger.warning("\(request.method) \(path): \(failure.message)")
            }
            answer = failure.answer
        }
        count(request.method, status: answer.status, nanos: time.monotonicNanos() - started)
        if isHead { answer.body = .bytes([]) }
        return response(for: answer, gzip: acceptsGzip(request))
    }

    private func handle(_ request: Request, path: String) async throws -> HTTPAnswer {
        guard let method = HTTPCall.Method(rawValue: request.method.rawValue) else {
            throw HTTPFailure(
                status: 405, type: "bad_data", message: "method \(request.method) is not known")
        }
        let route: RouteTable.Route
        let values: [String: String]
        switch table.match(method, path) {
        case .found(let found, let pathValues): (route, values) = (found, pathValues)
        case .wrongMethod(let allowed):
            throw HTTPFailure(
                status: 405, type: "bad_data",
                message: "\(path) takes \(allowed.joined(separator: ", ")), not \(method.rawValue)")
        case .unknown: throw HTTPFailure.notFound("no such path: \(path)")
        }
        var held = 0
        defer { bodyBytesHeld.subtract(held, ordering: .relaxed) }
        let body = try await collect(request, held: &held)
        var call = HTTPCall(method: method, path: path, headers: headers(of: request), body: body)
        call.pathValues = values
        call.tenant = try tenant(of: call)
        if let query = request.uri.query { try call.parameters.add(encoded: query.utf8) }
        if call.contentType == "application/x-www-form-urlencoded", route.work != .write {
            try call.parameters.add(encoded: body)
        }
        return try await run(route, call)
    }

    private func run(_ route: RouteTable.Route, _ call: HTTPCall) async throws -> HTTPAnswer {
        guard route.work == .query else { return try await route.endpoint(call) }
        let running = queriesRunning.add(1, ordering: .relaxed).newValue
        defer { queriesRunning.subtract(1, ordering: .relaxed) }
        guard running <= limits.queriesMax else {
            telemetry.counter(
                "varve_queries_refused_total", help: "Queries refused at query.concurrency_max."
            ).add()
            throw HTTPFailure(
                status: 429, type: "unavailable",
                message: "query.concurrency_max of \(limits.queriesMax) queries are running",
                retryAfterSeconds: 1)
        }
        return try await withTaskExecutorPreference(executor) { try await route.endpoint(call) }
    }

    private func collect(_ request: Request, held: inout Int) async throws -> [UInt8] {
        let declared = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        try checkBody(declared)
        var body: [UInt8] = []
        body.reserveCapacity(declared)
        for try await part in request.body {
            let total = bodyBytesHeld.add(part.readableBytes, ordering: .relaxed).newValue
            held += part.readableBytes
            guard total <= limits.bodiesBytesMax else {
                throw HTTPFailure(
                    status: 429, type: "overloaded",
                    message: "http.bodies_bytes_max of \(limits.bodiesBytesMax) bytes are in hand",
                    retryAfterSeconds: 1)
            }
            try checkBody(held)
            body.append(contentsOf: part.readableBytesView)
        }
        return body
    }

    private func checkBody(_ count: Int) throws(HTTPFailure) {
        guard count > limits.bodyBytesMax else { return }
        throw HTTPFailure(
            status: 413, type: "bad_data",
            message: "the body passes http.body_bytes_max of \(limits.bodyBytesMax) bytes")
    }

    private func headers(of request: Request) -> [String: String] {
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        return headers
    }

    private func tenant(of call: HTTPCall) throws(HTTPFailure) -> Tenant {
        guard let name = call.headers["x-scope-orgid"], !name.isEmpty else { return .standard }
        guard let tenant = Tenant(name) else {
            throw HTTPFailure.badData(
                "X-Scope-OrgID \"\(name.prefix(160))\" is not a tenant: 1 to 150 of "
                    + "a-z A-Z 0-9 ! - _ . * ' ( )")
        }
        return tenant
    }

    private func acceptsGzip(_ request: Request) -> Bool {
        request.headers[.acceptEncoding]?.contains("gzip") ?? false
    }

    private func count(_ method: HTTPRequest.Method, status: Int, nanos: Int64) {
        telemetry.counter(
            "varve_http_requests_total", help: "HTTP requests answered.",
            labels: [("code", "\(status)"), ("method", method.rawValue)]
        ).add()
        telemetry.latency(
            "varve_http_request_duration_seconds",
            help: "From the request's head to the start of its answer."
        ).record(nanos: nanos)
    }

    /// Smaller answers are not worth compressing.
    private static let gzipBytesMin = 1_024

    private func response(for answer: HTTPAnswer, gzip: Bool) -> Response {
        var fields = HTTPFields()
        for header in answer.headers {
            if let name = HTTPField.Name(header.name) { fields[name] = header.value }
        }
        let status = HTTPResponse.Status(code: answer.status)
        switch answer.body {
        case .bytes(let bytes):
            if gzip, bytes.count >= Self.gzipBytesMin {
                fields[.contentEncoding] = "gzip"
                fields[.vary] = "Accept-Encoding"
                return Response(
                    status: status, headers: fields,
                    body: ResponseBody(byteBuffer: ByteBuffer(bytes: Gzip.compress(bytes))))
            }
            return Response(
                status: status, headers: fields,
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        case .stream(let produce):
            let body = ResponseBody { writer in
                try await HTTPService.stream(produce, to: &writer)
            }
            return Response(status: status, headers: fields, body: body)
        }
    }

    /// The producer is handed a function; pieces cross to the writer through a bounded channel
    /// of one, so that a slow client slows the producer down.
    private static func stream(
        _ produce:
            @escaping @Sendable (@Sendable ([UInt8]) async throws -> Void) async throws ->
            Void,
        to writer: inout any ResponseBodyWriter
    ) async throws {
        let channel = PieceChannel()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await produce { try await channel.send($0) }
                    channel.finish(nil)
                } catch {
                    channel.finish(error)
                }
            }
            do {
                while let piece = try await channel.receive() {
                    try await writer.write(ByteBuffer(bytes: piece))
                }
            } catch {
                channel.close()
                group.cancelAll()
                throw error
            }
        }
        try await writer.finish(nil)
    }
}
