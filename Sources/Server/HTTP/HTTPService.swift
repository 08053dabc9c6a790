internal import Encoding
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
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
        /// `body-max`: of one request, still compressed.
        var bodyBytesMax = 64 << 20
        /// Of all requests in hand.
        var bodiesBytesMax = 512 << 20
        /// `query-concurrency`
        var queriesMax = 32
        /// Connections at a time; more wait in the backlog.
        var connectionsMax = 8_192
        var deadlines = RequestDeadline.Limits()
    }

    private let table: RouteTable
    private let adjustableLimits: Adjustable<Limits>
    private let executor: QueryExecutor
    private let telemetry: Telemetry
    private let time: any TimeSource
    private let logger: Logger
    private let bodyBytesHeld = Atomic<Int>(0)
    private let slots: QuerySlots
    private let watch = ConnectionWatch()
    private let group = Mutex<ServiceGroup?>(nil)

    init(
        table: RouteTable, limits: Limits, executor: QueryExecutor, telemetry: Telemetry,
        time: any TimeSource, logger: Logger
    ) {
        self.table = table
        adjustableLimits = Adjustable(limits)
        slots = QuerySlots(telemetry)
        self.executor = executor
        self.telemetry = telemetry
        self.time = time
        self.logger = logger
    }

    /// Listens until `stop`. `onReady` is called with the bound port once connections are taken.
    func run(
        host: String, port: Int, onReady: @escaping @Sendable (Int) -> Void
    ) async throws {
        let responder = CallbackResponder<ConnectionContext> { [self] request, context in
            await respond(to: request, on: context.channel)
        }
        let (deadlines, telemetry, watch) = (limits.deadlines, telemetry, watch)
        let application = Application(
            responder: responder,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [
                        RequestDeadline(limits: deadlines, telemetry: telemetry, watch: watch)
                    ])),
            configuration: .init(
                address: .hostname(host.isEmpty ? "0.0.0.0" : host, port: port),
                serverName: "varve",
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connectionsMax)),
            onServerRunning: { onReady($0.localAddress?.port ?? port) },
            logger: logger)
        var configuration = ServiceGroupConfiguration(services: [application], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(Self.stopSeconds)
        let group = ServiceGroup(configuration: configuration)
        self.group.withLock { $0 = group }
        try await group.run()
    }

    /// How long requests in hand may take when it stops.
    private static let stopSeconds: Int64 = 10

    /// Takes no more connections, ends what would go on for ever and lets requests in hand finish.
    func stop() async {
        watch.endEndless()
        let group = group.withLock { $0 }
        await group?.triggerGracefulShutdown()
    }

    private var limits: Limits { adjustableLimits.value }

    /// Takes effect with the next request; connections and deadlines stay.
    func setLimits(bodyBytesMax: Int, queriesMax: Int) {
        var limits = adjustableLimits.value
        limits.bodyBytesMax = bodyBytesMax
        limits.queriesMax = queriesMax
        adjustableLimits.value = limits
    }

    private func respond(to request: Request, on channel: any Channel) async -> Response {
        let started = time.monotonicNanos()
        let isHead = request.method == .head
        let path = FormParameters.decoded(
            Array(request.uri.path.utf8).map { $0 == UInt8(ascii: "+") ? 0x2B : $0 })
        var answer: HTTPAnswer
        do {
            answer = try await handle(request, path: path, channel)
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

    private func handle(
        _ request: Request, path: String, _ channel: any Channel
    ) async throws -> HTTPAnswer {
        guard let method = HTTPCall.Method(rawValue: request.method.rawValue) else {
            throw HTTPFailure(
                status: 405, type: "bad_data", message: "method \(request.method) is not known")
        }
        let route: RouteTable.Route
        let values: [String: String]
        switch table.match(method, path) {
        case .found(let found, let pathValues): (route, values) = (found, pathValues)
        case .wrongMethod(let allowed):
            if method == .options {
                return HTTPAnswer(
                    status: 204, headers: [("Allow", allowed.joined(separator: ", "))])
            }
            var failure = HTTPFailure(
                status: 405, type: "bad_data",
                message: "\(path) takes \(allowed.joined(separator: ", ")), not \(method.rawValue)")
            failure.allowed = allowed
            throw failure
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
        return try await run(route, call, channel)
    }

    /// Queries run on their own threads, within their number, until the client goes away. The rest
    /// of an answer that is streamed counts.
    private func run(
        _ route: RouteTable.Route, _ call: HTTPCall, _ channel: any Channel
    ) async throws -> HTTPAnswer {
        switch route.work {
        case .quick, .write: return try await route.endpoint(call)
        case .follow:
            var answer = try await route.endpoint(call)
            if answer.status == 101 { try await takeOver(channel) }
            if case .stream(let produce) = answer.body {
                let watch = watch
                answer.body = .stream { write in
                    try await watch.run(on: channel, isEndless: true) { try await produce(write) }
                }
            }
            return answer
        case .query: return try await query(route, call, channel)
        }
    }

    /// From here on the client speaks WebSocket; the answer's head says so to it.
    private func takeOver(_ channel: any Channel) async throws {
        let watch = watch
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(
                WebSocketInput(watch: watch), position: .first)
        }.get()
    }

    private func query(
        _ route: RouteTable.Route, _ call: HTTPCall, _ channel: any Channel
    ) async throws -> HTTPAnswer {
        let slot = try slots.take(upTo: limits.queriesMax)
        let executor = executor
        var answer = try await watch.run(on: channel) {
            try await withTaskExecutorPreference(executor) { try await route.endpoint(call) }
        }
        if case .stream(let produce) = answer.body {
            let watch = watch
            answer.body = .stream { write in
                defer { slot.release() }
                try await watch.run(on: channel) {
                    try await withTaskExecutorPreference(executor) { try await produce(write) }
                }
            }
        } else {
            slot.release()
        }
        return answer
    }

    private func collect(_ request: Request, held: inout Int) async throws -> [UInt8] {
        let declared = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        try checkBody(declared)
        var body: [UInt8] = []
        body.reserveCapacity(declared)
        var parts = request.body.makeAsyncIterator()
        while let part = try await next(&parts) {
            let total = bodyBytesHeld.add(part.readableBytes, ordering: .relaxed).newValue
            held += part.readableBytes
            guard total <= limits.bodiesBytesMax else {
                throw HTTPFailure(
                    status: 429, type: "overloaded",
                    message: "bodies of \(limits.bodiesBytesMax) bytes are in hand already",
                    retryAfterSeconds: 1)
            }
            try checkBody(held)
            body.append(contentsOf: part.readableBytesView)
        }
        return body
    }

    private func next(
        _ parts: inout RequestBody.AsyncIterator
    ) async throws -> ByteBuffer? {
        do {
            return try await parts.next()
        } catch let error as CancellationError {
            throw error
        } catch {
            throw HTTPFailure.badData("the body cannot be read: \(error)")
        }
    }

    private func checkBody(_ count: Int) throws(HTTPFailure) {
        let limits = limits
        guard count > limits.bodyBytesMax else { return }
        throw HTTPFailure(
            status: 413, type: "bad_data",
            message: "the body passes body-max of \(limits.bodyBytesMax) bytes")
    }

    private func headers(of request: Request) -> [String: String] {
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        return headers
    }

    private func tenant(of call: HTTPCall) throws(HTTPFailure) -> Tenant {
        guard let name = call.headers["x-scope-orgid"], !name.isEmpty else { return .standard }
        guard let tenant = Tenant(name), !tenant.holdsExemplars else {
            throw HTTPFailure.badData(
                "X-Scope-OrgID \"\(name.prefix(160))\" is not a tenant: 1 to 150 of "
                    + "a-z A-Z 0-9 ! - _ . * ' ( ), not ending in !exemplars")
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
            @escaping @Sendable (@escaping @Sendable ([UInt8]) async throws -> Void) async throws
            -> Void,
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
