internal import Model

/// How the body of an answer is read.
enum ScrapeFormat: String {
    case text, openMetrics, protobuf

    /// What the answer says it is, else what the job falls back to.
    init(contentType: String?, fallback: ScrapeProtocol?) throws(ScrapeFailure) {
        guard let found = ScrapeProtocol(contentType: contentType) ?? fallback else {
            throw ScrapeFailure(
                .contentType,
                (contentType ?? "").isEmpty
                    ? "the answer has no Content-Type, and there is no fallback_scrape_protocol"
                    : "Content-Type \"\(contentType ?? "")\" is not known, and there is no "
                        + "fallback_scrape_protocol")
        }
        switch found {
        case .text0, .text1: self = .text
        case .openMetrics0, .openMetrics1: self = .openMetrics
        case .protobuf: self = .protobuf
        }
    }

    /// A body that was read as far as it could be.
    struct Outcome {
        var parsed: ParsedBody
        var taken: ScrapeIntake
        /// The body is not in its format, or passes a limit of the job: nothing of it is used.
        var failure: ScrapeFailure?
    }

    /// Reads all of `body`. What is beyond the store's own limits is left out.
    func read(
        _ body: [UInt8], _ intake: ScrapeIntake, tenant: Tenant, now: Timestamp,
        limits: IngestLimits, _ cache: inout SeriesCache
    ) -> Outcome {
        var outcome: Outcome
        switch self {
        case .text, .openMetrics:
            let dialect: PrometheusTextBody.Dialect = self == .text ? .prometheus : .openMetrics
            var reader = PrometheusTextReader(
                dialect: dialect, tenant: tenant, now: now.nanos, limits: limits, scrape: intake)
            reader.read(body, &cache)
            outcome = Outcome(parsed: reader.parsed, taken: reader.scrape ?? intake)
            if dialect == .openMetrics, !ScrapeFormat.hasEnd(body) {
                outcome.failure = ScrapeFailure(
                    .malformed, "the body does not end with # EOF")
            }
        case .protobuf:
            var reader = ProtobufExposition(
                tenant: tenant, now: now.nanos, limits: limits, scrape: intake)
            var failure: ScrapeFailure?
            do throws(IngestError) {
                try reader.read(body, &cache)
            } catch {
                failure = ScrapeFailure(.malformed, error.description)
            }
            outcome = Outcome(parsed: reader.parsed, taken: reader.scrape, failure: failure)
        }
        outcome.failure = outcome.failure ?? ScrapeFormat.failure(of: outcome)
        return outcome
    }

    private static func failure(of outcome: Outcome) -> ScrapeFailure? {
        if let failure = outcome.taken.failure { return failure }
        if let fault = outcome.parsed.firstFault {
            return ScrapeFailure(.malformed, fault.description)
        }
        let limit = outcome.taken.sampleCountMax
        let kept = outcome.parsed.sampleCount
        guard limit > 0, kept > limit else { return nil }
        return ScrapeFailure(
            .sampleCount, "\(kept) samples after relabelling, sample_limit is \(limit)")
    }

    private static func hasEnd(_ body: [UInt8]) -> Bool {
        let end = body.last == 0x0A ? body.dropLast() : body[...]
        return end.suffix(5).elementsEqual("# EOF".utf8)
            && (end.count == 5 || end.dropLast(5).last == 0x0A)
    }
}
