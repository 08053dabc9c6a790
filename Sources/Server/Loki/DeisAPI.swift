internal import Model
internal import Query

/// Logs of an app as the loggers of Deis gave them to `deis logs` and to its controller: plain text,
/// oldest first, one line each as `2026-11-27T18:45:00UTC app[web.1]: text`. Both its shapes: version
/// 1 at `/{app}`, version 2 at `/logs/{app}`. Streams are those whose label `app` it is.
/// Source: deis/deis logger/weblog, deis/logger weblog.
struct DeisAPI: Sendable {
    private static let lineCountStandard = 100
    /// Lines that Deis' ring held.
    private static let lineCountMax = 1_000

    let engine: LogQLEngine
    let context: QueryContext
    /// Deletes; throws where that is switched off.
    let delete: @Sendable (Deletion) async throws -> Void

    func addRoutes(to table: inout RouteTable) {
        table.add([.get], "/healthz", .quick) { _ in .text("OK") }
        table.add([.get], "/{app}", .query, logs)
        table.add([.get], "/logs/{app}", .query, logs)
        // Not at `/{app}`, where a slip of any other path would delete an app's logs.
        table.add([.delete], "/logs/{app}", .quick, forget)
    }

    /// `log_lines`: at most 1,000, standard 100. 204 when there are none.
    func logs(_ call: HTTPCall) async throws -> HTTPAnswer {
        let app = try self.app(call)
        let wanted = try call.count("log_lines") ?? DeisAPI.lineCountStandard
        guard 1...DeisAPI.lineCountMax ~= wanted else {
            throw HTTPFailure.invalid("log_lines", "1 to \(DeisAPI.lineCountMax) is expected")
        }
        let query = try LogQLQuery("{\(Matcher("app", equals: app).description)}")
        let request = LogQLRequest(
            tenant: call.tenant, query: query, start: .distantPast,
            end: context.now().advanced(byNanos: 1), limit: wanted, direction: .backward,
            budget: try context.budget(for: call))
        var lines: [[UInt8]] = []
        _ = try await engine.stream(request) { batch in
            for index in 0..<batch.lines.count {
                let stream = batch.streams[Int(batch.lines.streamIndexes[index])]
                lines.append(
                    DeisAPI.line(
                        app, stream.labels, Timestamp(nanos: batch.lines.timestamps[index]),
                        batch.lines.bytes[batch.lines.lineRange(index)]))
            }
            return true
        }
        guard !lines.isEmpty else {
            // Any word is a path of version 1: one that nobody asks like that is none.
            if call.path.split(separator: "/").count == 1, call.parameters["log_lines"] == nil {
                throw HTTPFailure.notFound("no such path: \(call.path)")
            }
            return .noContent
        }
        return HTTPAnswer(
            contentType: "text/plain; charset=utf-8",
            body: .bytes(lines.reversed().flatMap { $0 }))
    }

    func forget(_ call: HTTPCall) async throws -> HTTPAnswer {
        try await delete(
            Deletion(
                tenant: call.tenant, signal: .logs,
                selector: Selector([Matcher("app", equals: try app(call))])))
        return .noContent
    }

    /// Names of apps are lower-case letters, digits, `-` and `_`.
    private func app(_ call: HTTPCall) throws(HTTPFailure) -> String {
        let name = call.pathValues["app"] ?? ""
        let isName = name.utf8.allSatisfy {
            0x30...0x39 ~= $0 || 0x61...0x7A ~= $0 || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: "_")
        }
        guard isName, !name.isEmpty else {
            throw HTTPFailure.notFound("no such path: \(call.path)")
        }
        return name
    }

    private static func line(
        _ app: String, _ labels: Labels, _ time: Timestamp, _ text: ArraySlice<UInt8>
    ) -> [UInt8] {
        let second: Int64 = 1_000_000_000
        let whole = time.advanced(byNanos: -((time.nanos % second + second) % second))
        let stamp = TimeText.format(whole, decimals: 0).dropLast()
        let process = labels["procid"] ?? labels["container"] ?? "-"
        return Array("\(stamp)UTC \(app)[\(process)]: ".utf8) + text + [0x0A]
    }
}
