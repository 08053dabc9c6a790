internal import Encoding
package import Model
internal import Synchronization

/// Reading logs: the sources of one moment, handed to `LogSearch`.
extension Shard {
    /// The selected lines of this shard in the request's order. The sink returns false to stop.
    /// Throws `QueryLimitError` and what `sink` throws; what can not be read is named.
    package func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) throws -> Completeness {
        let (sources, missing) = logSources(request)
        var completeness = missing
        completeness.merge(try LogSearch(request, sources: sources).run(sink))
        return completeness
    }

    /// What a search for the lines would read of this shard, and why not the rest.
    package func planLines(_ request: LineRequest, shard number: Int) throws -> LogShardPlan {
        let (sources, missing) = logSources(request)
        let total = manifest.segments.count { $0.signal == .logs }
        let opened = sources.count { if case .segment = $0.lines { true } else { false } }
        var plan = LogShardPlan(
            shard: number, segmentsOutOfTime: total - opened - missing.missing.count,
            sources: try LogSearch(request, sources: sources).plan())
        plan.sources += missing.missing.map { LogSourcePlan(problem: $0) }
        return plan
    }

    /// The words that an index is asked for, as a person may read it.
    package static func requiredWords(_ filters: [LineFilter]) -> String {
        TokenCondition(filters).description
    }

    /// Where the request's lines are, oldest first, and what could not be opened: for a search
    /// over several shards at once.
    package func logSources(_ request: LineRequest) -> ([LogSource], Completeness) {
        let (segments, memtables) = logParts(request.tenant, request.start, request.end)
        var completeness = Completeness()
        var sources: [LogSource] = []
        for (segment, mask) in segments {
            do throws(StorageError) {
                sources.append(
                    LogSource(
                        lines: .segment(try segment.logs()), deleted: mask, live: segment))
            } catch {
                segment.suspect()
                completeness.note(error)
            }
        }
        sources += memtables.map { LogSource(lines: .memtable($0), deleted: $1) }
        return (sources, completeness)
    }

    /// Segments and memtables, oldest first, that may hold lines of the tenant in the range, and
    /// what is deleted of each.
    private func logParts(
        _ tenant: Tenant, _ start: Timestamp, _ end: Timestamp
    ) -> (segments: [(LiveSegment, DeletionMask)], memtables: [(LogMemtable, DeletionMask)]) {
        state.withLock { state in
            var segments: [(LiveSegment, DeletionMask)] = []
            for record in state.manifest.segments
            where record.signal == .logs && record.start < end && record.end >= start {
                guard let live = state.live[record.name],
                    let mask = state.mask(tenant, of: record, start, end)
                else { continue }
                segments.append((live, mask))
            }
            var memtables: [(LogMemtable, DeletionMask)] = state.frozen.compactMap { frozen in
                state.mask(tenant, .logs, writtenUpTo: frozen.index, start, end)
                    .map { (frozen.lines, $0) }
            }
            memtables.append((state.logs.memtable, DeletionMask([])))
            memtables.removeAll { lines, _ in
                guard let bounds = lines.bounds else { return true }
                return bounds.lowerBound >= end.nanos || bounds.upperBound < start.nanos
            }
            return (segments, memtables)
        }
    }

    /// What listings of label names and values look at.
    func logView(_ request: LabelRequest) -> ShardView {
        let (segments, memtables) = logParts(request.tenant, request.start, request.end)
        var view = ShardView()
        view.segments = segments.map(\.0)
        view.masks = segments.map(\.1)
        for (lines, mask) in memtables {
            let (first, last) = (lines.bounds?.lowerBound ?? 0, lines.bounds?.upperBound ?? -1)
            view.streams += lines.series(
                of: lines.select(tenant: request.tenant, selector: request.selector)
            ).filter { !mask.spans(of: $0.labels).cover(first, last) }
        }
        return view
    }

    /// The selected streams, ascending, each once.
    func streams(_ request: LabelRequest) throws -> ([IndexedSeries], Completeness) {
        let view = logView(request)
        var found: [SeriesID: IndexedSeries] = [:]
        var completeness = Completeness()
        for stream in view.streams { found[stream.id] = stream }
        for (segment, mask) in zip(view.segments, view.masks) {
            try request.budget.check()
            let (first, last) = (segment.record.start.nanos, segment.record.end.nanos)
            do throws(StorageError) {
                let index = try segment.index()
                let ordinals = try index.select(
                    tenant: request.tenant, selector: request.selector)
                for stream in try index.series(of: ordinals)
                where !mask.spans(of: stream.labels).cover(first, last) {
                    found[stream.id] = stream
                }
            } catch {
                segment.suspect()
                completeness.note(error)
            }
        }
        try request.budget.charge(series: found.count)
        return (found.values.sorted(), completeness)
    }
}
