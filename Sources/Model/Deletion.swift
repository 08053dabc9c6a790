package import Encoding

/// What is to be forgotten: samples or lines that were written before, of the selected series or
/// streams of one tenant, with start ≤ timestamp < end. What comes later stays.
package struct Deletion: Sendable, Hashable {
    package var tenant: Tenant
    package var signal: SignalKind
    package var selector: Selector
    package var start: Timestamp
    package var end: Timestamp
    /// Of lines only: those that pass all of them.
    package var filters: [LineFilter]

    package init(
        tenant: Tenant, signal: SignalKind, selector: Selector,
        start: Timestamp = .distantPast, end: Timestamp = .distantFuture,
        filters: [LineFilter] = []
    ) {
        self.tenant = tenant
        self.signal = signal
        self.selector = selector
        self.start = start
        self.end = end
        self.filters = filters
    }
}

/// Layout in docs/format/shard-command.md.
extension Deletion {
    package func write(to writer: inout ByteWriter) {
        writer.text(tenant.name)
        writer.u8(signal.rawValue)
        writer.i64(start.nanos)
        writer.i64(end.nanos)
        writer.selector(selector)
        writer.filters(filters)
    }

    /// Reads what `write` wrote, of bytes that may be anything. Errors: `EncodingError`, and
    /// `ModelError` for an expression that does not compile.
    package init(from reader: inout ByteReader) throws {
        guard let tenant = Tenant(try reader.text()) else {
            throw EncodingError.corrupt(what: "tenant", offset: reader.offset)
        }
        guard let signal = SignalKind(rawValue: try reader.u8()) else {
            throw EncodingError.corrupt(what: "signal", offset: reader.offset)
        }
        let start = Timestamp(nanos: try reader.i64())
        let end = Timestamp(nanos: try reader.i64())
        self.init(
            tenant: tenant, signal: signal, selector: try reader.selector(), start: start,
            end: end, filters: try reader.filters())
    }
}
