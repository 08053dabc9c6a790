package import Model

/// What one scrape brought: what is to be appended, and how it went.
package struct Scraped: Sendable {
    package var batch: WriteBatch
    /// Appended behind the batch.
    package let exemplars: ExemplarLines?
    /// What of the body was left out for being beyond the store's own limits.
    package let skips: SkipCounts
    /// Nil for a success.
    package internal(set) var failure: ScrapeFailure?
    /// Samples that the body held.
    package let scrapedCount: Int
    /// Samples of a series that the body had already.
    package let duplicateCount: Int
    /// Samples that are left after relabelling.
    package let keptCount: Int
    /// Series that the scrape before did not bring.
    package internal(set) var addedCount = 0
    /// Of the body, decompressed.
    package let bodyBytes: Int

    init(
        _ parsed: ParsedBody, scrapedCount: Int = 0, duplicateCount: Int = 0, bodyBytes: Int = 0
    ) {
        batch = parsed.batch
        exemplars = parsed.exemplars
        skips = parsed.skips
        keptCount = parsed.batch.samples.count + parsed.batch.histograms.count
        self.scrapedCount = scrapedCount
        self.duplicateCount = duplicateCount
        self.bodyBytes = bodyBytes
    }
}
