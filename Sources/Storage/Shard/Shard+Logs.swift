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

    /// Where the request's lines are, oldest first, and what could not be opened: for a search
    /// over several shards at once.
    package func logSources(_ request: LineRequest) -> ([LogSource], Completeness) {
        let (segments, memtables) = logSources(request.tenant, request.start, request.end)
        var completeness = Completeness()
        var sources: [LogSource] = []
        for segment in segments {
            do throws(StorageError) {
                sources.append(.segment(try segment.logs()))
            } catch {
                completeness.note(error)
            }
        }
        sources += memtables.map { .memtable($0) }
        return (sources, completeness)
    }

    /// Segments and memtables, oldest first, that may hold lines of the tenant in the range.
    private func logSources(
        _ tenant: Tenant, _ start: Timestamp, _ end: Timestamp
    ) -> (segments: [LiveSegment], memtables: [LogMemtable]) {
        state.withLock { state in
            let segments = state.manifest.segments.filter { record in
                record.signal == .logs && record.start < end && record.end >= start
                    && !state.isDeleted(tenant, before: record.lastIndex)
            }
            let frozen = state.frozen.filter { !state.isDeleted(tenant, before: $0.index) }
            let memtables = (frozen.map(\.lines) + [state.logs.memtable]).filter { lines in
                guard let bounds = lines.bounds else { return false }
                return bounds.lowerBound < end.nanos && bounds.upperBound >= start.nanos
            }
            return (segments.compactMap { state.live[$0.name] }, memtables)
        }
    }

    /// What label listings of logs look at.
    func logView(_ request: LabelRequest) -> ShardView {
        let (segments, memtables) = logSources(request.tenant, request.start, request.end)
        var view = ShardView()
        view.segments = segments
        view.isHidden = segments.map { _ in false }
        for lines in memtables {
            view.streams += lines.series(
                of: lines.select(tenant: request.tenant, selector: request.selector))
        }
        return view
    }

    /// The selected streams, ascending, each once.
    func streams(_ request: LabelRequest) throws -> ([IndexedSeries], Completeness) {
        let view = logView(request)
        var found: [SeriesID: IndexedSeries] = [:]
        var completeness = Completeness()
        for stream in view.streams { found[stream.id] = stream }
        for segment in view.segments {
            try request.budget.check()
            do throws(StorageError) {
                let index = try segment.index()
                let ordinals = try index.select(
                    tenant: request.tenant, selector: request.selector)
                for stream in try index.series(of: ordinals) { found[stream.id] = stream }
            } catch {
                completeness.note(error)
            }
        }
        try request.budget.charge(series: found.count)
        return (found.values.sorted(), completeness)
    }
}
