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

    /// Reads all of `body`. A body that is not in its format, or that passes a limit of the job, is
    /// a failure as a whole; what is beyond the store's own limits is left out.
    func read(
        _ body: [UInt8], _ intake: ScrapeIntake, tenant: Tenant, now: Timestamp,
        limits: IngestLimits, _ cache: inout SeriesCache
    ) throws(ScrapeFailure) -> (ParsedBody, ScrapeIntake) {
        let parsed: ParsedBody
        let taken: ScrapeIntake
        switch self {
        case .text, .openMetrics:
            let dialect: PrometheusTextBody.Dialect = self == .text ? .prometheus : .openMetrics
            var reader = PrometheusTextReader(
                dialect: dialect, tenant: tenant, now: now.nanos, limits: limits, scrape: intake)
            reader.read(body, &cache)
            if dialect == .openMetrics, !ScrapeFormat.hasEnd(body) {
                throw ScrapeFailure(.malformed, "the body does not end with # EOF")
            }
            (parsed, taken) = (reader.parsed, reader.scrape ?? intake)
        case .protobuf:
            var reader = ProtobufExposition(
                tenant: tenant, now: now.nanos, limits: limits, scrape: intake)
            do throws(IngestError) {
                try reader.read(body, &cache)
            } catch {
                throw ScrapeFailure(.malformed, error.description)
            }
            (parsed, taken) = (reader.parsed, reader.scrape)
        }
        if let failure = taken.failure { throw failure }
        if let fault = parsed.firstFault {
            throw ScrapeFailure(.malformed, fault.description)
        }
        let limit = intake.sampleCountMax
        let kept = parsed.batch.samples.count + parsed.batch.histograms.count
        if limit > 0, kept > limit {
            throw ScrapeFailure(
                .sampleCount, "\(kept) samples after relabelling, sample_limit is \(limit)")
        }
        return (parsed, taken)
    }

    private static func hasEnd(_ body: [UInt8]) -> Bool {
        let end = body.last == 0x0A ? body.dropLast() : body[...]
        return end.suffix(5).elementsEqual("# EOF".utf8)
            && (end.count == 5 || end.dropLast(5).last == 0x0A)
    }
}
