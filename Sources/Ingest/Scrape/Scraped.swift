package import Model

/// What one scrape brought: what is to be appended, and how it went.
package struct Scraped: Sendable {
    package var batch: WriteBatch
    /// Appended behind the batch.
    package private(set) var exemplars: ExemplarLines?
    /// What of the body was left out for being beyond the store's own limits.
    package private(set) var skips = SkipCounts()
    /// Nil for a success; else nothing of the body is in the batch.
    package let failure: ScrapeFailure?
    /// Samples that the body held.
    package private(set) var scrapedCount = 0
    /// Samples of a series that the body had already.
    package private(set) var duplicateCount = 0
    /// Samples that are left after relabelling.
    package private(set) var keptCount = 0
    /// Series that the scrape before did not bring.
    package internal(set) var addedCount = 0
    /// Of the body, decompressed.
    package private(set) var bodyBytes = 0

    /// Of an answer, which `outcome` may call a failure.
    init(_ outcome: ScrapeFormat.Outcome, bodyBytes: Int) {
        failure = outcome.failure
        batch = WriteBatch(tenant: outcome.parsed.batch.tenant)
        scrapedCount = outcome.taken.scrapedCount
        keptCount = outcome.parsed.sampleCount
        self.bodyBytes = bodyBytes
        guard failure == nil else { return }
        batch = outcome.parsed.batch
        exemplars = outcome.parsed.exemplars
        skips = outcome.parsed.skips
        duplicateCount = outcome.taken.duplicateCount
    }

    /// Of no answer.
    init(_ failure: ScrapeFailure, tenant: Tenant) {
        self.failure = failure
        batch = WriteBatch(tenant: tenant)
    }
}
