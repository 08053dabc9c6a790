/// Where to listen or to connect: host and port, or the path of a unix socket.
///
/// Written `127.0.0.1:8125`, `[::1]:8125`, `localhost:8125`, `:8125` (every address of the
/// machine), `unix:/run/varve.sock` or just an absolute path.
package enum Endpoint: Hashable, Sendable {
    /// `host`: a name or a numeric address without brackets; empty for every address. Port 0:
    /// the system chooses.
    case inet(host: String, port: Int)
    case unix(path: String)

    /// Nil when `text` is not one of the forms above. `defaultPort` allows a host alone.
    package init?(_ text: String, defaultPort: Int? = nil) {
        if text.hasPrefix("unix:") || text.hasPrefix("/") {
            let path = text.hasPrefix("/") ? text : String(text.dropFirst(5))
            guard path.count > 1, !path.utf8.contains(0) else { return nil }
            self = .unix(path: path)
            return
        }
        let host: Substring
        let rest: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
            guard !host.isEmpty else { return nil }
        } else {
            let colon = text.lastIndex(of: ":") ?? text.endIndex
            host = text[..<colon]
            rest = text[colon...]
            guard !host.contains(":") else { return nil }
        }
        if rest.isEmpty, let defaultPort, !host.isEmpty {
            self = .inet(host: String(host), port: defaultPort)
            return
        }
        let digits = rest.dropFirst()
        guard rest.first == ":", !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }),
            let port = Int(digits), port <= 65_535,
            host.utf8.allSatisfy({ $0 > 32 && $0 != 0x7F })
        else { return nil }
        self = .inet(host: String(host), port: port)
    }

    /// The port; nil for a unix socket.
    package var port: Int? {
        guard case .inet(_, let port) = self else { return nil }
        return port
    }
}

extension Endpoint: CustomStringConvertible {
    package var description: String {
        switch self {
        case .inet(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// What went wrong on a socket, as one line for a person.
package enum NetworkError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name has no address.
    case unresolvable(host: String, reason: String)
    /// The system refused to listen there: in use, not allowed, no such address.
    case cannotListen(endpoint: String, reason: String)
    case cannotConnect(endpoint: String, reason: String)
    case timedOut(endpoint: String, afterMillis: Int)
    /// The other side closed, reset or spoke nonsense.
    case broken(endpoint: String, reason: String)
    /// An answer beyond what the caller takes.
    case tooLarge(endpoint: String, bytesMax: Int)
    /// An HTTP answer that is no success.
    case refused(status: Int, body: [UInt8])
    /// What the caller asked for can not be sent.
    case invalidRequest(reason: String)

    package var description: String {
        switch self {
        case .unresolvable(let host, let reason): "\(host): no address: \(reason)"
        case .cannotListen(let endpoint, let reason): "can not listen on \(endpoint): \(reason)"
        case .cannotConnect(let endpoint, let reason): "can not connect to \(endpoint): \(reason)"
        case .timedOut(let endpoint, let millis): "\(endpoint): no answer within \(millis) ms"
        case .broken(let endpoint, let reason): "\(endpoint): \(reason)"
        case .tooLarge(let endpoint, let max): "\(endpoint): an answer of more than \(max) bytes"
        case .refused(let status, let body):
            "status \(status): \(String(decoding: body.prefix(200), as: UTF8.self))"
        case .invalidRequest(let reason): "invalid request: \(reason)"
        }
    }
}
