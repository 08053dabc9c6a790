internal import Model

/// Splits a batch by the shard that owns each series and stream. Order within a shard is the
/// order of the batch. Pure.
struct BatchSplitter {
    let shardCount: Int

    /// One batch per shard that gets anything, by shard number ascending; each with the stamp.
    func split(_ batch: WriteBatch) -> [(shard: Int, batch: WriteBatch)] {
        let seriesHomes = batch.series.map { UInt32($0.id.shard(of: shardCount)) }
        let streamHomes = batch.streams.map { UInt32($0.id.shard(of: shardCount)) }
        if let only = singleHome(batch, seriesHomes, streamHomes) { return [(only, batch)] }

        var parts = (0..<shardCount).map { _ in
            WriteBatch(tenant: batch.tenant, stamp: batch.stamp)
        }
        let seriesPlaces = place(batch.series, seriesHomes, into: &parts, \.series)
        let streamPlaces = place(batch.streams, streamHomes, into: &parts, \.streams)
        splitSamples(batch, seriesHomes, seriesPlaces, into: &parts)
        splitIncrements(batch, seriesHomes, seriesPlaces, into: &parts)
        splitLines(batch, streamHomes, streamPlaces, into: &parts)
        for entry in batch.metadata {
            parts[home(of: entry, tenant: batch.tenant)].metadata.append(entry)
        }
        return parts.enumerated().filter { !$0.element.isEmpty }.map { ($0.offset, $0.element) }
    }

    /// The shard that keeps what is known of a metric.
    func home(of metadata: MetricMetadata, tenant: Tenant) -> Int {
        let labels = Labels([("__name__", metadata.metric)])
        return SeriesID(tenant: tenant, labels: labels).shard(of: shardCount)
    }

    private func singleHome(
        _ batch: WriteBatch, _ seriesHomes: [UInt32], _ streamHomes: [UInt32]
    ) -> Int? {
        if shardCount == 1 { return batch.isEmpty ? nil : 0 }
        guard batch.metadata.isEmpty, let first = seriesHomes.first ?? streamHomes.first,
            seriesHomes.allSatisfy({ $0 == first }), streamHomes.allSatisfy({ $0 == first }),
            !batch.isEmpty
        else { return nil }
        return Int(first)
    }

    /// Moves references to their shards; the result is each one's index there.
    private func place(
        _ references: [SeriesReference], _ homes: [UInt32], into parts: inout [WriteBatch],
        _ column: WritableKeyPath<WriteBatch, [SeriesReference]>
    ) -> [UInt32] {
        var places: [UInt32] = []
        places.reserveCapacity(references.count)
        for (reference, home) in zip(references, homes) {
            places.append(UInt32(parts[Int(home)][keyPath: column].count))
            parts[Int(home)][keyPath: column].append(reference)
        }
        return places
    }

    private func splitSamples(
        _ batch: WriteBatch, _ homes: [UInt32], _ places: [UInt32],
        into parts: inout [WriteBatch]
    ) {
        let samples = batch.samples
        var columns = [SampleColumns](repeating: SampleColumns(), count: shardCount)
        let expected = samples.count / shardCount + samples.count / (4 * shardCount) + 8
        for shard in columns.indices where !samples.isEmpty {
            columns[shard].seriesIndexes.reserveCapacity(expected)
            columns[shard].timestamps.reserveCapacity(expected)
            columns[shard].values.reserveCapacity(expected)
        }
        for i in 0..<samples.count {
            let series = Int(samples.seriesIndexes[i])
            columns[Int(homes[series])].append(
                seriesIndex: places[series], timestamp: samples.timestamps[i],
                value: samples.values[i])
        }
        for shard in columns.indices { parts[shard].samples = columns[shard] }
        for sample in batch.histograms {
            let series = Int(sample.seriesIndex)
            parts[Int(homes[series])].histograms.append(sample.moved(to: places[series]))
        }
    }

    private func splitIncrements(
        _ batch: WriteBatch, _ homes: [UInt32], _ places: [UInt32],
        into parts: inout [WriteBatch]
    ) {
        let increments = batch.increments
        if !increments.isEmpty {
            for shard in parts.indices {
                parts[shard].increments.intervalNanos = increments.intervalNanos
            }
        }
        for i in 0..<increments.count {
            let series = Int(increments.seriesIndexes[i])
            parts[Int(homes[series])].increments.append(
                kind: increments.kinds[i], seriesIndex: places[series],
                timestamp: increments.timestamps[i], value: increments.values[i])
        }
        for sample in batch.histogramIncrements {
            let series = Int(sample.seriesIndex)
            parts[Int(homes[series])].histogramIncrements.append(
                sample.moved(to: places[series]))
        }
        for set in batch.setIncrements {
            let series = Int(set.seriesIndex)
            var moved = set
            moved.seriesIndex = places[series]
            parts[Int(homes[series])].setIncrements.append(moved)
        }
    }

    private func splitLines(
        _ batch: WriteBatch, _ homes: [UInt32], _ places: [UInt32],
        into parts: inout [WriteBatch]
    ) {
        let lines = batch.lines
        for i in 0..<lines.count {
            let stream = Int(lines.streamIndexes[i])
            parts[Int(homes[stream])].lines.append(
                streamIndex: places[stream], timestamp: lines.timestamps[i],
                line: lines.bytes[lines.lineRange(i)],
                metadata: lines.metadataBytes[lines.metadataRange(i)])
        }
    }
}

extension HistogramSample {
    fileprivate func moved(to place: UInt32) -> HistogramSample {
        HistogramSample(seriesIndex: place, timestamp: timestamp, histogram: histogram)
    }
}
