package import Model

/// What a body holds: what is to be appended, and what was left out and why.
///
/// A caller appends `batch` first. Then `refusal` says whether the client is told of an error: only
/// when nothing could be used, because a client that is refused sends the good part again.
package struct ParsedBody: Sendable {
    package var batch: WriteBatch
    package var skips = SkipCounts()
    /// The first item that was left out for being wrong, for a person.
    package var firstSkip: IngestError?
    /// What was taken: samples, histograms, log lines and metadata; of Influx whole lines, those
    /// of string fields only among them.
    package var acceptedCount = 0

    package init(tenant: Tenant) { batch = WriteBatch(tenant: tenant) }

    /// The error to answer with, if any.
    package var refusal: IngestError? { acceptedCount == 0 ? firstSkip : nil }

    mutating func skip(
        _ reason: SkipReason, _ what: @autoclosure () -> String, at place: IngestError.Place
    ) {
        skips.add(reason)
        if firstSkip == nil { firstSkip = .malformed(what: what(), place: place) }
    }
}
