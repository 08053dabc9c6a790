internal import Ingest
internal import Model
internal import Platform
internal import Synchronization

/// One scrape, and the end of a target.
extension ScrapeService {
    /// A scrape that begins so late after its slot, and by at most a hundredth of the interval, has
    /// the slot's time: equal distances take no room in the store.
    private static let lateNanosMax: Int64 = 100_000_000

    func scrape(
        _ loop: TargetLoop, _ due: TargetLoop.Due, _ figures: ScrapeFigures
    ) async {
        let began = world.time.wallNanos()
        let start = world.time.monotonicNanos()
        let late = began - due.slot.nanos
        let isOnTime = late <= min(Self.lateNanosMax, due.target.intervalNanos / 100)
        let time = Timestamp(nanos: isOnTime ? due.slot.nanos : began)
        let answer = await fetch(due)
        // Nobody waited for the answer: that says nothing of the target.
        guard !Task.isCancelled else { return loop.abandon() }
        let scraped = loop.take(answer, at: time) { world.time.monotonicNanos() - start }
        let duration = world.time.monotonicNanos() - start
        figures.note(
            scraped, durationNanos: duration, missedCount: due.slot.missedCount)
        let problem = await append(scraped, figures)
        loop.finish(
            TargetStatus.Outcome(
                at: Timestamp(nanos: began), durationNanos: duration,
                failure: scraped.failure?.description ?? problem))
    }

    private func fetch(
        _ due: TargetLoop.Due
    ) async -> Result<TargetScraper.Answer, ScrapeFailure> {
        if let refusal = due.refusal { return .failure(refusal) }
        do throws(ScrapeFailure) {
            return .success(
                try await world.fetcher.fetch(due.requests.request(for: due.target)))
        } catch {
            return .failure(error)
        }
    }

    /// What kept samples from being written, for a person.
    private func append(_ scraped: Scraped, _ figures: ScrapeFigures) async -> String? {
        do throws(AppendError) {
            var receipt = try await world.appender.append(scraped.batch)
            if let exemplars = scraped.exemplars?.batch {
                receipt.rejections += try await world.appender.append(exemplars).rejections
            }
            for rejection in receipt.rejections {
                figures.note(rejected: rejection.itemCount, reason: rejection.reason)
            }
            return nil
        } catch {
            figures.noteAppendFailure()
            return "what it brought could not be written: \(HTTPFailure(error).message)"
        }
    }

    func end(_ orphan: Orphan) async {
        let labels = orphan.loop.identity.labels
        let heirs = state.withLock { state in
            state.pools.flatMap { pool in
                // With other labels only what a target says itself can be the same series.
                pool.loops.filter { $0.identity.labels == labels || pool.job.honorsLabels }
            }
        }
        guard !orphan.loop.isBusy else {
            // What it brings is to be ended too.
            return state.withLock { $0.orphans.append(orphan) }
        }
        let spared = Set(heirs.flatMap(\.liveSeries))
        guard let batch = orphan.loop.end(at: orphan.endedAt, spared: spared) else { return }
        do throws(AppendError) {
            _ = try await world.appender.append(batch)
        } catch {
            world.warn(
                "\(batch.series.count) series of a target that is no more could not be ended: "
                    + HTTPFailure(error).message)
        }
    }
}
