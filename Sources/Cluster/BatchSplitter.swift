internal import Model

/// Splits a batch by the shard that owns each series and stream. Order within a shard is the
/// order of the batch. Pure.
struct BatchSplitter {
    /// Which of a shard's series or streams, by fingerprint, need not be named by their labels.
    typealias Knowledge = (_ shard: Int, _ ids: [SeriesID], _ signal: SignalKind) -> [Bool]

    let shardCount: Int

    /// One batch per shard that gets anything, by shard number ascending; each with the stamp.
    /// What `knows` is true of goes without labels; without `knows` all go with what they have.
    func split(
        _ batch: WriteBatch, leavingOut knows: Knowledge? = nil
    ) -> [(shard: Int, batch: WriteBatch)] {
        let seriesHomes = batch.series.map { UInt32($0.id.shard(of: shardCount)) }
        let streamHomes = batch.streams.map { UInt32($0.id.shard(of: shardCount)) }
        if let only = singleHome(batch, seriesHomes, streamHomes) {
            var whole = batch
            let series = ShardOrder(homes: seriesHomes, shardCount: shardCount)
            let streams = ShardOrder(homes: streamHomes, shardCount: shardCount)
            whole.series = references(batch.series, series, only, .metrics, knows)
            whole.streams = references(batch.streams, streams, only, .logs, knows)
            return [(only, whole)]
        }

        var parts = (0..<shardCount).map { _ in
            WriteBatch(tenant: batch.tenant, stamp: batch.stamp)
        }
        let series = ShardOrder(homes: seriesHomes, shardCount: shardCount)
        let streams = ShardOrder(homes: streamHomes, shardCount: shardCount)
        for shard in parts.indices {
            parts[shard].series = references(batch.series, series, shard, .metrics, knows)
            parts[shard].streams = references(batch.streams, streams, shard, .logs, knows)
        }
        let seriesPlaces = series.places()
        splitSamples(batch, seriesHomes, series, seriesPlaces, into: &parts)
        splitIncrements(batch, seriesHomes, seriesPlaces, into: &parts)
        splitLines(batch, streamHomes, streams.places(), into: &parts)
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

    /// The references of one shard. Labels that are left out are not even touched.
    private func references(
        _ all: [SeriesReference], _ order: ShardOrder, _ shard: Int, _ signal: SignalKind,
        _ knows: Knowledge?
    ) -> [SeriesReference] {
        let items = order.items(of: shard)
        guard !items.isEmpty else { return [] }
        guard let knows else { return items.map { all[Int($0)] } }
        let ids = items.map { all[Int($0)].id }
        let known = knows(shard, ids, signal)
        return items.indices.map { place in
            let index = place - items.startIndex
            let labels = known[index] ? nil : all[Int(items[place])].labels
            return SeriesReference(id: ids[index], labels: labels)
        }
    }

    private func splitSamples(
        _ batch: WriteBatch, _ homes: [UInt32], _ series: ShardOrder, _ places: [UInt32],
        into parts: inout [WriteBatch]
    ) {
        let samples = batch.samples
        // Each series once, in order, is what most senders send: then samples lie as series do.
        let isPlain =
            samples.count == homes.count
            && samples.seriesIndexes.indices.allSatisfy { samples.seriesIndexes[$0] == $0 }
        let order =
            isPlain
            ? series
            : ShardOrder(
                homes: samples.seriesIndexes.map { homes[Int($0)] }, shardCount: shardCount)
        for shard in parts.indices where !samples.isEmpty {
            let items = order.items(of: shard)
            parts[shard].samples.seriesIndexes = items.map {
                places[Int(samples.seriesIndexes[Int($0)])]
            }
            parts[shard].samples.timestamps = items.map { samples.timestamps[Int($0)] }
            parts[shard].samples.values = items.map { samples.values[Int($0)] }
        }
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
        guard !lines.isEmpty else { return }
        var sizes = [(rows: Int, text: Int, metadata: Int)](
            repeating: (0, 0, 0), count: shardCount)
        for row in 0..<lines.count {
            let home = Int(homes[Int(lines.streamIndexes[row])])
            sizes[home].rows += 1
            sizes[home].text += lines.lineRange(row).count
            sizes[home].metadata += lines.metadataRange(row).count
        }
        var columns = [LineColumns](repeating: LineColumns(), count: shardCount)
        for (shard, size) in sizes.enumerated() where size.rows > 0 {
            columns[shard].reserve(
                lineCount: size.rows, textBytes: size.text, metadataBytes: size.metadata)
        }
        // From front to back, not shard by shard: a batch is larger than the nearest caches.
        for row in 0..<lines.count {
            let stream = Int(lines.streamIndexes[row])
            columns[Int(homes[stream])].append(
                streamIndex: places[stream], timestamp: lines.timestamps[row],
                line: lines.bytes[lines.lineRange(row)],
                metadata: lines.metadataBytes[lines.metadataRange(row)])
        }
        for shard in parts.indices { parts[shard].lines = columns[shard] }
    }
}

/// Items sorted by shard, in their own order within each: a counting sort.
private struct ShardOrder {
    /// Indexes of items.
    private var sorted: [UInt32]
    /// Where each shard's begin in `sorted`, and the end.
    private var starts: [Int]

    /// `homes`: the shard of each item.
    init(homes: [UInt32], shardCount: Int) {
        starts = [Int](repeating: 0, count: shardCount + 1)
        for home in homes { starts[Int(home) + 1] += 1 }
        for shard in 0..<shardCount { starts[shard + 1] += starts[shard] }
        var next = starts
        sorted = [UInt32](repeating: 0, count: homes.count)
        for item in homes.indices {
            let home = Int(homes[item])
            sorted[next[home]] = UInt32(truncatingIfNeeded: item)
            next[home] += 1
        }
    }

    func items(of shard: Int) -> ArraySlice<UInt32> { sorted[starts[shard]..<starts[shard + 1]] }

    /// Of each item its place among those of its shard.
    func places() -> [UInt32] {
        var places = [UInt32](repeating: 0, count: sorted.count)
        for shard in 0..<starts.count - 1 {
            for place in starts[shard]..<starts[shard + 1] {
                places[Int(sorted[place])] = UInt32(truncatingIfNeeded: place - starts[shard])
            }
        }
        return places
    }
}

extension HistogramSample {
    fileprivate func moved(to place: UInt32) -> HistogramSample {
        HistogramSample(seriesIndex: place, timestamp: timestamp, histogram: histogram)
    }
}
