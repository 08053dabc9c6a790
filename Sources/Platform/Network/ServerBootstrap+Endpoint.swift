internal import NIOCore
internal import NIOPosix

extension ServerBootstrap {
    /// Binds to `endpoint`: the channel, and the endpoint with the port that the system chose. Every
    /// address of the machine is IPv6's wildcard where there is IPv6, else IPv4's.
    func bind(to endpoint: Endpoint) async throws(NetworkError) -> (any Channel, Endpoint) {
        do {
            switch endpoint {
            case .inet(let host, let port):
                let channel = try await bind(host, port)
                let bound = channel.localAddress?.port ?? port
                return (channel, .inet(host: host, port: bound))
            case .unix(let path):
                let channel = try await bind(
                    unixDomainSocketPath: path, cleanupExistingSocketFile: true
                ).get()
                return (channel, endpoint)
            }
        } catch {
            throw NetworkError.cannotListen(
                endpoint: endpoint.description, reason: SystemError.text(of: error))
        }
    }

    private func bind(_ host: String, _ port: Int) async throws -> any Channel {
        guard host.isEmpty else { return try await bind(host: host, port: port).get() }
        do {
            return try await bind(host: "::", port: port).get()
        } catch let error as IOError where error.errnoCode != SystemError.addressInUse {
            return try await bind(host: "0.0.0.0", port: port).get()
        }
    }
}
