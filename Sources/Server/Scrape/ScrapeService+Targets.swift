internal import Ingest
internal import Model
internal import Platform
internal import Synchronization

/// Which targets there are.
extension ScrapeService {
    /// Makes the pools those of the configuration; what goes on is kept.
    func takeJobs(in state: inout State, now: Int64) {
        let old = state.pools
        state.pools = state.configuration.jobs.map { job in
            guard var pool = old.first(where: { $0.job.name == job.name }) else {
                return ScrapePool(job, now: now)
            }
            pool.reconfigure(job, now: now)
            return pool
        }
        for job in state.configuration.jobs where state.figures[job.name] == nil {
            state.figures[job.name] = ScrapeFigures(job.name, world.telemetry)
        }
        for place in state.pools.indices { sync(place, in: &state, now: now) }
        let names = Set(state.pools.map(\.job.name))
        for pool in old where !names.contains(pool.job.name) {
            orphan(pool.loops, in: &state, now: now)
            state.figures[pool.job.name] = nil
            ScrapeFigures.remove(pool.job.name, world.telemetry)
        }
    }

    /// Reads the files of a discovery and takes what they name.
    func look(
        _ job: String, _ index: Int, _ discovery: FileDiscovery, _ figures: ScrapeFigures
    ) {
        var paths: [String] = []
        for path in discovery.patterns.flatMap(world.expand) where !paths.contains(path) {
            paths.append(path)
        }
        var files: [(path: String, groups: [TargetGroup]?)] = []
        for path in paths {
            do {
                files.append((path, try DiscoveryFile(path: path, text: world.read(path)).groups))
            } catch {
                figures.noteDiscoveryFailure()
                world.warn("scrape job \(job): \(error)")
                files.append((path, nil))
            }
        }
        let now = world.time.wallNanos()
        state.withLock { state in
            guard
                let place = state.pools.firstIndex(where: { $0.job.name == job }),
                state.pools[place].job.discoveries.indices.contains(index),
                state.pools[place].job.discoveries[index] == discovery
            else { return }
            if state.pools[place].discovered(index, files, now: now) {
                sync(place, in: &state, now: now)
            }
        }
    }

    private func sync(_ place: Int, in state: inout State, now: Int64) {
        let maker = ScrapePool.Maker(
            tenant: state.configuration.tenant, seed: world.seed
        ) { [world] job in
            ScrapeRequests(
                job: job, version: world.version, limits: world.limits.value, read: world.read)
        }
        let known = state.pools[place].problems
        let gone = state.pools[place].sync(maker, now: now)
        orphan(gone, in: &state, now: now)
        let pool = state.pools[place]
        state.figures[pool.job.name]?.set(pool)
        for problem in pool.problems where !known.contains(problem) {
            world.warn("scrape job \(pool.job.name): \(problem)")
        }
    }

    private func orphan(_ loops: [TargetLoop], in state: inout State, now: Int64) {
        for loop in loops {
            let interval = loop.status.target.intervalNanos
            state.orphans.append(
                Orphan(
                    loop: loop, endedAt: Timestamp(nanos: now),
                    dueNanos: now + Self.intervalsUntilStale * interval))
        }
    }
}
