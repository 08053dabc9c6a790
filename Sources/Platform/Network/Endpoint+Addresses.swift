internal import CSocket
internal import Glibc

extension Endpoint {
    /// The endpoint once for each address that its name has now, in the resolver's order; a unix
    /// socket's is itself. Asks the resolver, which may take seconds.
    package func addresses() throws(NetworkError) -> [Endpoint] {
        guard case .inet(_, let port) = self else { return [self] }
        var found: [Endpoint] = []
        for address in try SocketCalls.resolve(self, socketType: Int32(SOCK_STREAM.rawValue)) {
            guard let host = SocketCalls.numericHost(address.storage) else { continue }
            let endpoint = Endpoint.inet(host: host, port: port)
            if !found.contains(endpoint) { found.append(endpoint) }
        }
        return found
    }

    /// Every address of the machine: where one can listen, but nobody can connect to.
    package var isWildcard: Bool {
        guard case .inet(let host, _) = self else { return false }
        return host.isEmpty || host == "0.0.0.0" || host == "::"
    }
}
