package import Cluster
package import Ingest
package import Model
package import Platform

/// All that a server is started with; made by the binary from flags, environment and file.
package struct ServerConfiguration: Sendable {
    package var node = NodeConfiguration()
    /// Nil: no HTTP.
    package var http: Endpoint?
    package var statsd = StatsdEndpoints()
    package var syslog: Endpoint?
    package var statsdOptions = StatsdOptions()
    package var flushIntervalNanos: Int64 = 10_000_000_000
    package var syslogOptions = SyslogOptions()
    package var ingestLimits = IngestLimits()
    package var queryLimits = QueryContext.Limits()
    /// Queries at a time.
    package var queriesMax = 32
    /// Of one request, still compressed.
    package var bodyBytesMax = 64 << 20
    package var version = "0.1.0"

    /// Where statsd listens.
    package struct StatsdEndpoints: Sendable, Hashable {
        /// UDP and TCP; nil: neither.
        package var network: Endpoint?
        /// Path of a unix datagram socket.
        package var unixPath: String?

        package init() {}
    }

    package init() {}
}

/// What keeps a server from starting, as one line for a person.
package struct ServerError: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
