internal import Model

/// Range vectors as results of an instant query.
extension PromQLRun {
    /// The samples in the window; an `anchored` or `smoothed` one has a value at both of its ends.
    func rawSamples(_ node: PromQLExpr.MatrixSelector) async throws(QueryError) -> QueryAnswer {
        let end = context.reference(node.selector.shift, grid).grid.endNanos
        let job = LeafJob(
            key: .init(range: node.range, grid: grid), selector: node.selector,
            source: .window(.last, nanos: node.windowNanos, parameters: []), fold: nil,
            range: node.range, reference: StepGrid(atNanos: end), isAnchored: false,
            lookbackNanos: context.lookbackNanos, stage: 0)
        let annotations = PromQLAnnotations(text: text)
        let counter = newCounter(grid)
        var series: [MatrixSeries] = []
        do {
            let completeness = try await querier.selectSeries(
                SeriesRequest(
                    tenant: tenant, selector: node.selector.selector,
                    start: Timestamp(nanos: job.needed.lowerBound),
                    end: Timestamp(nanos: job.needed.upperBound), budget: budget)
            ) { batch in
                for item in batch {
                    let made = try result(of: item, job, annotations)
                    if !made.values.isEmpty || !made.histograms.isEmpty { series.append(made) }
                }
            }
            for made in series {
                let sizes = made.histograms.map(SampleCounter.size)
                counter?.add(made.values.count + sizes.reduce(0, +), at: 0)
            }
            counter?.keep(counter?.total ?? 0)
            series.sort { $0.labels < $1.labels }
            return QueryAnswer(
                value: .matrix(series), warnings: annotations.warnings,
                infos: annotations.infos, completeness: completeness,
                statistics: statisticsNow(counter))
        } catch {
            throw QueryError(wrapping: error)
        }
    }

    private func result(
        of item: SeriesData, _ job: LeafJob, _ annotations: PromQLAnnotations
    ) throws(QueryError) -> MatrixSeries {
        let end = job.reference.endNanos
        let nanos = job.countedWindowNanos ?? 0
        let (start, overflow) = end.subtractingReportingOverflow(nanos)
        let raw = MatrixSeries(raw: item, after: overflow ? .min : start, through: end)
        guard job.selector.boundary != .plain else { return raw }
        guard raw.histograms.isEmpty else {
            throw .execution(
                message: "\(job.selector.boundary.rawValue) range vectors of native histograms "
                    + "can only be used within a function call")
        }
        let floats = WindowEvaluator.withoutStaleMarkers(item)
        let points = ExtendedWindows(
            boundary: job.selector.boundary, grid: job.reference,
            lookbackNanos: job.lookbackNanos, times: floats.column.nanos, values: floats.values,
            series: item, annotations: annotations, range: job.range
        ).points(windowNanos: nanos)
        return MatrixSeries(
            labels: item.labels,
            timestampsMillis: points.nanos.map { Timestamp(nanos: $0).millis },
            values: points.values)
    }

    func subqueryRows(_ node: PromQLExpr.Subquery) async throws(QueryError) -> QueryAnswer {
        let reference = context.reference(node.shift, grid).grid
        let inner = try context.subqueryGrid(node, reference)
        let annotations = PromQLAnnotations(text: text)
        let counter = newCounter(grid)
        guard inner.count > 0 else {
            return QueryAnswer(value: .matrix([]), statistics: statisticsNow(counter))
        }
        let innerCounter = newCounter(inner)
        let (result, completeness) = try await evaluated(
            node.inner, inner, annotations, innerCounter)
        guard case .vector(let matrix) = result else {
            preconditionFailure("BUG: the type was checked")
        }
        if let innerCounter {
            counter?.add(innerCounter.total, at: 0)
            counter?.keep(innerCounter.peak)
        }
        return QueryAnswer(
            value: .matrix(matrix.sortedByLabels().series(millis: inner.millis)),
            warnings: annotations.warnings, infos: annotations.infos, completeness: completeness,
            statistics: statisticsNow(counter))
    }
}

extension MatrixSeries {
    /// The samples of `series` in (start, end], stale markers left out.
    fileprivate init(raw series: SeriesData, after start: Int64, through end: Int64) {
        self.init(labels: series.labels, timestampsMillis: [], values: [])
        for (place, nanos) in series.timestamps.nanos.enumerated()
        where nanos > start && nanos <= end && !series.values[place].isStaleMarker {
            timestampsMillis.append(Timestamp(nanos: nanos).millis)
            values.append(series.values[place])
        }
        for (place, nanos) in series.histogramTimestamps.nanos.enumerated()
        where nanos > start && nanos <= end && !series.histograms[place].isStaleMarker {
            histogramTimestampsMillis.append(Timestamp(nanos: nanos).millis)
            histograms.append(series.histograms[place])
        }
    }
}
