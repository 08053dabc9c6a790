/// Which endpoint answers which method and path. Patterns are `/`-separated; a part `{name}`
/// takes one part of the path and hands it on. Literal parts win over named ones,
/// whatever the method.
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
        let known = routes.compactMap { route in
            RouteTable.values(of: route.parts, in: parts).map { (route: route, values: $0) }
        }
        guard let fewest = known.map(\.values.count).min() else { return .unknown }
        let nearest = known.filter { $0.values.count == fewest }
        let found = nearest.first { one in
            let takesHead = method == .head && one.route.methods.contains(.get)
            return one.route.methods.contains(method) || takesHead
        }
        if let found { return .found(found.route, values: found.values) }
        let allowed = Set(nearest.flatMap(\.route.methods))
        return .wrongMethod(allowed: allowed.map(\.rawValue).sorted())
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
