package import Model

/// What a body holds: what is to be appended, and what was left out and why.
///
/// A caller appends `batch` first, then `exemplars`. Then `refusal` says whether the client is told of an error: only
/// when nothing could be used, because a client that is refused sends the good part again.
package struct ParsedBody: Sendable {
    package var batch: WriteBatch
    /// Exemplars of the batch's series, where there are any.
    package private(set) var exemplars: ExemplarLines?
    package var skips = SkipCounts()
    /// The first item that was left out for being wrong, for a person.
    package var firstSkip: IngestError?
    /// The first that was not in its format, rather than beyond a limit or with a bad exemplar.
    private(set) var firstFault: IngestError?
    /// What was taken: samples, histograms, exemplars, log lines and metadata; of Influx whole lines, those
    /// of string fields only among them.
    package var acceptedCount = 0

    package init(tenant: Tenant) { batch = WriteBatch(tenant: tenant) }

    /// Samples of the batch, those that are histograms included.
    var sampleCount: Int { batch.samples.count + batch.histograms.count }

    /// The error to answer with, if any.
    package var refusal: IngestError? { acceptedCount == 0 ? firstSkip : nil }

    /// Takes an exemplar of one of the batch's series.
    mutating func append(
        _ exemplar: Exemplar, _ limits: IngestLimits, at place: IngestError.Place
    ) {
        var length = 0
        exemplar.labels.forEachSlice { name, value in
            length += IngestLimits.characterCount(name) + IngestLimits.characterCount(value)
            return true
        }
        guard length <= limits.exemplarCharactersMax else {
            return skip(
                .longExemplar,
                "exemplar labels of \(length) characters, "
                    + "\(limits.exemplarCharactersMax) are allowed", at: place)
        }
        guard var lines = exemplars ?? ExemplarLines(of: batch.tenant) else {
            return skip(.exemplarTenant, "no room for exemplars of this tenant", at: place)
        }
        exemplars = nil
        lines.append(exemplar)
        exemplars = lines
        acceptedCount += 1
    }

    mutating func skip(
        _ reason: SkipReason, _ what: @autoclosure () -> String, at place: IngestError.Place
    ) {
        skips.add(reason)
        guard firstSkip == nil || firstFault == nil && reason.isFault else { return }
        let error = IngestError.malformed(what: what(), place: place)
        if firstSkip == nil { firstSkip = error }
        if firstFault == nil, reason.isFault { firstFault = error }
    }
}
