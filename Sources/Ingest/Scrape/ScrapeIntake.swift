internal import Model

/// What a scrape asks of a reader beyond what a push does: every series is shaped, samples of one
/// series are taken once, and it is known which series are to be ended when they vanish.
struct ScrapeIntake: Sendable {
    let shaper: SeriesShaper
    let honorsTimestamps: Bool
    let tracksTimestamps: Bool
    let takesNativeHistograms: Bool
    let alwaysTakesClassicHistograms: Bool
    let sampleCountMax: Int

    /// Samples that the body holds.
    private(set) var scrapedCount = 0
    /// Samples of a series that the body had already, without times to tell them apart.
    private(set) var duplicateCount = 0
    /// What the scrape fails of.
    private(set) var failure: ScrapeFailure?
    /// Of each series of the batch: whether it is ended when it vanishes.
    private(set) var isTracked: [Bool] = []

    init(_ target: ScrapeTarget, of job: ScrapeJob) {
        shaper = SeriesShaper(target, of: job)
        honorsTimestamps = job.honorsTimestamps
        tracksTimestamps = job.tracksTimestampsStaleness
        takesNativeHistograms = job.takesNativeHistograms
        alwaysTakesClassicHistograms = job.alwaysTakesClassicHistograms
        sampleCountMax = job.limits.sampleCountMax
    }

    /// The labels that the cache is to learn; nil when they make the scrape fail.
    mutating func shaped(_ sent: Labels, isSent: (String) -> Bool) -> Labels? {
        do {
            return try shaper.shaped(sent, isSent: isSent)
        } catch {
            scrapedCount += 1
            if failure == nil { failure = error }
            return nil
        }
    }

    /// Takes a sample of the series `number`: its index in the batch, or nil when it is left out.
    mutating func place(
        _ number: UInt32, hasTimestamp: Bool, _ cache: inout SeriesCache,
        in series: inout [SeriesReference]
    ) -> UInt32? {
        scrapedCount += 1
        guard !cache.labels(number).isEmpty else { return nil }
        let before = series.count
        let index = cache.index(number, in: &series)
        let counts = !hasTimestamp || tracksTimestamps
        if index == before {
            isTracked.append(counts)
            return index
        }
        guard hasTimestamp else {
            duplicateCount += 1
            return nil
        }
        if counts { isTracked[Int(index)] = true }
        return index
    }
}
