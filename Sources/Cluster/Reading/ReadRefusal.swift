internal import Encoding
internal import Model

/// Why a node does not answer a `ReadQuestion`, or not to the end: the codes of `refused`.
enum ReadRefusal: Error, Sendable, Equatable {
    /// The query has spent all it may; the name as in the configuration.
    case limit(name: String)
    case timeout
    case cancelled
    /// Too many questions at once.
    case busy
    /// Lines that were to be followed came in another way, from about this time on, ns.
    case gap(sinceNanos: Int64)
    /// Something else, for a person.
    case failed(String)

    private enum Code {
        static let failed: UInt8 = 0
        static let limit: UInt8 = 1
        static let timeout: UInt8 = 2
        static let cancelled: UInt8 = 3
        static let busy: UInt8 = 4
        static let gap: UInt8 = 5
    }

    /// What a reader threw.
    init(_ error: any Error) {
        switch error {
        case let refusal as ReadRefusal: self = refusal
        case QueryLimitError.exceeded(let name, _): self = .limit(name: name)
        case QueryLimitError.timeout: self = .timeout
        case QueryLimitError.cancelled: self = .cancelled
        default: self = .failed("\(error)")
        }
    }

    init(code: UInt8, detail: [UInt8]) {
        let text = String(decoding: detail, as: UTF8.self)
        switch code {
        case Code.limit: self = .limit(name: text)
        case Code.timeout: self = .timeout
        case Code.cancelled: self = .cancelled
        case Code.busy: self = .busy
        case Code.gap where detail.count == 8:
            let bits = detail.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            self = .gap(sinceNanos: Int64(bitPattern: bits))
        default: self = .failed(text)
        }
    }

    func refuse(_ question: PeerQuestion) {
        switch self {
        case .limit(let name): question.refuse(code: Code.limit, name)
        case .timeout: question.refuse(code: Code.timeout, sentence)
        case .cancelled: question.refuse(code: Code.cancelled, sentence)
        case .busy: question.refuse(code: Code.busy, sentence)
        case .gap(let sinceNanos):
            var writer = ByteWriter(reserving: 8)
            writer.i64(sinceNanos)
            question.refuse(code: Code.gap, writer.bytes)
        case .failed(let sentence): question.refuse(code: Code.failed, sentence)
        }
    }

    /// For a person.
    var sentence: String {
        switch self {
        case .limit(let name): "\(name) is exceeded"
        case .timeout: "it ran out of time"
        case .cancelled: "it was cancelled"
        case .busy: "it answers too many questions already"
        case .gap: "an image took the place of a replica there"
        case .failed(let sentence): sentence
        }
    }

    /// The error that the query ends with, as if it had been spent here; nil for what another
    /// node may do better.
    func ending(_ limits: QueryBudget.Limits) -> QueryLimitError? {
        switch self {
        case .limit(let name):
            switch name {
            case "query.samples_max": .exceeded(limit: name, allowed: limits.samplesMax)
            case "query.series_max": .exceeded(limit: name, allowed: limits.seriesMax)
            case "query.bytes_max": .exceeded(limit: name, allowed: limits.bytesMax)
            default: nil
            }
        case .timeout: .timeout
        case .cancelled, .busy, .gap, .failed: nil
        }
    }
}
