package import Model

/// One request as the endpoints see it: whole, decoded, with its tenant. Endpoints are functions
/// from this to an `HTTPAnswer`; sockets are the service's business.
package struct HTTPCall: Sendable {
    package enum Method: String, Sendable, Hashable, CaseIterable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case delete = "DELETE"
        case head = "HEAD"
        case options = "OPTIONS"
    }

    package var method: Method
    /// Without the query string, percent-decoded.
    package var path: String
    /// Values of the `{name}` parts of the route.
    package var pathValues: [String: String] = [:]
    /// Of the query string, then of a form body.
    package var parameters: FormParameters
    /// By lower-case name.
    package var headers: [String: String]
    /// Still in its Content-Encoding.
    package var body: [UInt8]
    package var tenant: Tenant

    package init(
        method: Method, path: String, parameters: FormParameters = FormParameters(),
        headers: [String: String] = [:], body: [UInt8] = [], tenant: Tenant = .standard
    ) {
        self.method = method
        self.path = path
        self.parameters = parameters
        self.headers = headers
        self.body = body
        self.tenant = tenant
    }

    /// The media type of the body, lower case, without its parameters.
    package var contentType: String {
        let value = headers["content-type"] ?? ""
        let bare = value.prefix { $0 != ";" }.lowercased()
        return String(bare.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    package var acceptsGzip: Bool { headers["accept-encoding"]?.contains("gzip") ?? false }
}

/// What goes back.
package struct HTTPAnswer: Sendable {
    package enum Body: Sendable {
        case bytes([UInt8])
        /// Written piece by piece; a failure ends the connection, so that it cannot be taken for
        /// the end of the answer.
        case stream(
            @Sendable (_ write: @escaping @Sendable ([UInt8]) async throws -> Void) async throws ->
                Void)
    }

    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: Body

    package init(
        status: Int = 200, contentType: String? = nil,
        headers: [(name: String, value: String)] = [], body: Body = .bytes([])
    ) {
        self.status = status
        self.headers = headers
        if let contentType { self.headers.insert(("Content-Type", contentType), at: 0) }
        self.body = body
    }

    /// `application/json`.
    package static func json(_ bytes: [UInt8], status: Int = 200) -> HTTPAnswer {
        HTTPAnswer(status: status, contentType: "application/json", body: .bytes(bytes))
    }

    /// `text/plain`, with a newline at the end.
    package static func text(_ text: String, status: Int = 200) -> HTTPAnswer {
        HTTPAnswer(
            status: status, contentType: "text/plain; charset=utf-8",
            body: .bytes(Array("\(text)\n".utf8)))
    }

    package static let noContent = HTTPAnswer(status: 204)
}
