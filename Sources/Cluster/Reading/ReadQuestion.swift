internal import Encoding
internal import Model

/// What a node asks another of a query: which shards, what of them, and what it may still cost.
/// Layout in docs/format/peer-messages.md.
package struct ReadQuestion: Sendable, Equatable {
    static let formatVersion: UInt8 = 1
    /// Bytes of a question: no query that a server takes is as long.
    static let byteCountMax = 32 << 20

    var tenant: Tenant
    /// Ascending.
    var shards: [Int]
    /// What was acknowledged so many ms before the question must be in the answer; `.max`:
    /// whatever is there will do.
    var stalenessMillis: UInt32 = 0
    var rest = QueryRest()
    var subject: Subject

    /// What is to be read.
    enum Subject: Sendable, Equatable {
        /// `plan`: how they are to be reduced, see `Reducer`; nil: as they are.
        case series(ReadRange, plan: [UInt8]? = nil)
        case lines(ReadRange, LineForm, plan: [UInt8]? = nil)
        case labels(LabelForm, SignalKind, ReadRange, limit: Int?)
        /// Of one metric, or of all.
        case metadata(metric: String?)
        /// Lines from now on, until the call is cancelled.
        case follow
    }

    /// Which series or streams, and when: start ≤ t < end.
    struct ReadRange: Sendable, Equatable {
        var selector: Selector
        var start: Timestamp
        var end: Timestamp
    }

    /// How lines are wanted.
    struct LineForm: Sendable, Equatable {
        var filters: [LineFilter]
        var order: LineRequest.Order
        var limit: Int?
    }

    /// Which listing.
    enum LabelForm: Sendable, Equatable {
        case names
        case values(String)
        case sets
    }
}

/// What a query may still cost.
struct QueryRest: Sendable, Equatable {
    var millis: UInt32 = .max
    var samples = Int.max
    var series = Int.max
    var bytes = Int.max

    init() {}

    init(of budget: QueryBudget, millis: UInt32) {
        self.millis = millis
        samples = max(0, budget.limits.samplesMax - budget.samplesCharged)
        series = max(0, budget.limits.seriesMax - budget.seriesCharged)
        bytes = max(0, budget.limits.bytesMax - budget.bytesCharged)
    }

    var limits: QueryBudget.Limits {
        QueryBudget.Limits(samplesMax: samples, seriesMax: series, bytesMax: bytes)
    }
}

extension ReadQuestion {
    private enum Kind: UInt8 {
        case series = 1
        case lines = 2
        case labelNames = 3
        case labelValues = 4
        case labelSets = 5
        case metadata = 6
        case follow = 7
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(ReadQuestion.formatVersion)
        writer.text(tenant.name)
        writer.varint(UInt64(shards.count))
        for shard in shards { writer.varint(UInt64(shard)) }
        writer.u32(stalenessMillis)
        writer.u32(rest.millis)
        writer.varint(UInt64(rest.samples))
        writer.varint(UInt64(rest.series))
        writer.varint(UInt64(rest.bytes))
        switch subject {
        case .series(let range, let plan):
            writer.u8(Kind.series.rawValue)
            writer.range(range)
            writer.lengthPrefixed(plan ?? [])
        case .lines(let range, let form, let plan):
            writer.u8(Kind.lines.rawValue)
            writer.range(range)
            writer.order(form.order)
            writer.optionalCount(form.limit)
            writer.filters(form.filters)
            writer.lengthPrefixed(plan ?? [])
        case .labels(let form, let signal, let range, let limit):
            switch form {
            case .names: writer.u8(Kind.labelNames.rawValue)
            case .values: writer.u8(Kind.labelValues.rawValue)
            case .sets: writer.u8(Kind.labelSets.rawValue)
            }
            writer.u8(signal.rawValue)
            writer.range(range)
            writer.optionalCount(limit)
            if case .values(let name) = form { writer.text(name) }
        case .metadata(let metric):
            writer.u8(Kind.metadata.rawValue)
            writer.u8(metric == nil ? 0 : 1)
            writer.text(metric ?? "")
        case .follow: writer.u8(Kind.follow.rawValue)
        }
        return writer.bytes
    }

    /// Reads what `encoded` wrote, of bytes that may be anything. Errors: `EncodingError`, and
    /// `ModelError` for an expression that does not compile.
    package init(decoding bytes: [UInt8]) throws {
        guard bytes.count <= ReadQuestion.byteCountMax else {
            throw EncodingError.tooLarge(limit: ReadQuestion.byteCountMax)
        }
        var reader = ByteReader(bytes)
        try reader.version(upTo: ReadQuestion.formatVersion)
        guard let tenant = Tenant(try reader.text()) else {
            throw EncodingError.corrupt(what: "tenant", offset: reader.offset)
        }
        var shards: [Int] = []
        for _ in 0..<(try reader.count(limit: DataDirectory.shardCountMax)) {
            let shard = try reader.count(limit: DataDirectory.shardCountMax - 1)
            guard shard > shards.last ?? -1 else {
                throw EncodingError.corrupt(what: "shard", offset: reader.offset)
            }
            shards.append(shard)
        }
        self.init(tenant: tenant, shards: shards, subject: .follow)
        stalenessMillis = try reader.u32()
        rest.millis = try reader.u32()
        rest.samples = try reader.count(limit: .max)
        rest.series = try reader.count(limit: .max)
        rest.bytes = try reader.count(limit: .max)
        subject = try ReadQuestion.readSubject(&reader)
        guard reader.isAtEnd else {
            throw EncodingError.corrupt(what: "bytes after the end", offset: reader.offset)
        }
    }

    private static func readSubject(_ reader: inout ByteReader) throws -> Subject {
        guard let kind = Kind(rawValue: try reader.u8()) else {
            throw EncodingError.corrupt(what: "question", offset: reader.offset)
        }
        switch kind {
        case .series: return .series(try reader.range(), plan: try reader.plan())
        case .lines:
            let range = try reader.range()
            let order = try reader.order()
            let limit = try reader.optionalCount()
            let form = LineForm(filters: try reader.filters(), order: order, limit: limit)
            return .lines(range, form, plan: try reader.plan())
        case .labelNames, .labelValues, .labelSets:
            guard let signal = SignalKind(rawValue: try reader.u8()) else {
                throw EncodingError.corrupt(what: "signal", offset: reader.offset)
            }
            let range = try reader.range()
            let limit = try reader.optionalCount()
            let form: LabelForm =
                switch kind {
                case .labelValues: .values(try reader.text())
                case .labelSets: .sets
                default: .names
                }
            return .labels(form, signal, range, limit: limit)
        case .metadata:
            let isOne = try reader.flag()
            let metric = try reader.text()
            return .metadata(metric: isOne ? metric : nil)
        case .follow: return .follow
        }
    }
}
