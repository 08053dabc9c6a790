package import Model
package import Query

/// An answer that is an error: status, Prometheus' error type and one sentence that names the
/// field, the value and what is allowed.
package struct HTTPFailure: Error, Sendable, Equatable {
    package var status: Int
    /// Of the Prometheus API: bad_data, execution, timeout, canceled, unavailable, not_found …
    package var type: String
    package var message: String
    package var retryAfterSeconds: Int?
    /// Methods for the header Allow.
    package var allowed: [String] = []

    package init(status: Int, type: String, message: String, retryAfterSeconds: Int? = nil) {
        self.status = status
        self.type = type
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
    }

    package static func badData(_ message: String) -> HTTPFailure {
        HTTPFailure(status: 400, type: "bad_data", message: message)
    }

    /// `invalid parameter "step": …`, as Prometheus says it.
    package static func invalid(_ name: String, _ why: String) -> HTTPFailure {
        badData("invalid parameter \"\(name)\": \(why)")
    }

    package static func notFound(_ message: String) -> HTTPFailure {
        HTTPFailure(status: 404, type: "not_found", message: message)
    }

    /// What a query's failure is over HTTP.
    package init(_ error: QueryError) {
        let message = error.description
        switch error {
        case .parse, .unsupported: self = .badData(message)
        case .execution, .limit:
            self.init(status: 422, type: "execution", message: message)
        case .timeout: self.init(status: 503, type: "timeout", message: message)
        case .cancelled: self.init(status: 499, type: "canceled", message: message)
        }
    }

    /// What a refused write is over HTTP.
    package init(_ error: AppendError) {
        switch error {
        case .overloaded(let seconds):
            self.init(
                status: 429, type: "overloaded", message: "too many writes in flight",
                retryAfterSeconds: seconds)
        case .diskFull(let detail):
            self.init(
                status: 503, type: "disk_full", message: "the disk is full: \(detail)",
                retryAfterSeconds: 10)
        case .unavailable(let detail):
            self.init(
                status: 503, type: "unavailable", message: detail, retryAfterSeconds: 1)
        case .tooLarge(let limit, let bytes, let bytesMax):
            self.init(
                status: 413, type: "bad_data",
                message: "\(bytes) bytes pass the limit \(limit) of \(bytesMax)")
        }
    }

    /// Whatever an endpoint threw.
    package init(wrapping error: any Error) {
        switch error {
        case let failure as HTTPFailure: self = failure
        case let error as QueryError: self.init(error)
        case let error as QueryLimitError: self.init(QueryError(error))
        case let error as AppendError: self.init(error)
        case let error as ModelError: self = .badData(error.description)
        default:
            self.init(status: 500, type: "internal", message: String(describing: error))
        }
    }

    /// `{"status":"error","errorType":…,"error":…}`
    package var answer: HTTPAnswer {
        var json = JSONWriter()
        json.raw("{\"status\":\"error\",\"errorType\":")
        json.string(type)
        json.raw(",\"error\":")
        json.string(message)
        json.raw("}")
        var answer = HTTPAnswer.json(json.bytes, status: status)
        if let retryAfterSeconds {
            answer.headers.append(("Retry-After", "\(retryAfterSeconds)"))
        }
        if !allowed.isEmpty {
            answer.headers.append(("Allow", allowed.joined(separator: ", ")))
        }
        return answer
    }
}
