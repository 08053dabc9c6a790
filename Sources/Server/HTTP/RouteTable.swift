/// Which endpoint answers which method and path. Patterns are `/`-separated; a part `{name}`
/// takes one part of the path and hands it on. Literal parts win over named ones.
package struct RouteTable: Sendable {
    package typealias Endpoint = @Sendable (HTTPCall) async throws -> HTTPAnswer

    /// What an endpoint costs, so that slow ones do not hold up the others.
    package enum Work: Sendable, Hashable {
        /// Answers at once.
        case quick
        /// Reads data: runs on the query threads, counted against query concurrency.
        case query
        /// Takes data in.
        case write
        /// Answers until the client goes away or the server stops.
        case follow
    }

    struct Route: Sendable {
        var parts: [String]
        var methods: Set<HTTPCall.Method>
        var work: Work
        var endpoint: Endpoint
    }

    enum Match {
        case found(Route, values: [String: String])
        /// The path is known, for other methods.
        case wrongMethod(allowed: [String])
        case unknown
    }

    private var routes: [Route] = []

    package init() {}

    package mutating func add(
        _ methods: [HTTPCall.Method], _ pattern: String, _ work: Work,
        _ endpoint: @escaping Endpoint
    ) {
        let parts = pattern.split(separator: "/").map(String.init)
        routes.append(
            Route(parts: parts, methods: Set(methods), work: work, endpoint: endpoint))
    }

    func match(_ method: HTTPCall.Method, _ path: String) -> Match {
        let parts = path.split(separator: "/").map(String.init)
        var allowed: Set<HTTPCall.Method> = []
        var best: (route: Route, values: [String: String])?
        for route in routes {
            guard let values = RouteTable.values(of: route.parts, in: parts) else { continue }
            let takesHead = method == .head && route.methods.contains(.get)
            if route.methods.contains(method) || takesHead {
                if let best, best.values.count <= values.count { continue }
                best = (route, values)
            } else {
                allowed.formUnion(route.methods)
            }
        }
        if let best { return .found(best.route, values: best.values) }
        if !allowed.isEmpty { return .wrongMethod(allowed: allowed.map(\.rawValue).sorted()) }
        return .unknown
    }

    private static func values(of pattern: [String], in parts: [String]) -> [String: String]? {
        guard pattern.count == parts.count else { return nil }
        var values: [String: String] = [:]
        for (expected, part) in zip(pattern, parts) {
            if expected.hasPrefix("{") {
                values[String(expected.dropFirst().dropLast())] = part
            } else if expected != part {
                return nil
            }
        }
        return values
    }
}
