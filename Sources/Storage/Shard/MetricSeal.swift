internal import Encoding
internal import Model

/// Writes a frozen memtable as a segment: every series in order, hot form.
enum MetricSeal {
    static func write(
        _ frozen: FrozenState, _ files: SegmentFiles
    ) throws(StorageError) -> SegmentRecord? {
        let catalog = frozen.catalog
        let slots = (0..<UInt32(catalog.count)).filter { frozen.memtable.holds(slot: $0) }
        guard !slots.isEmpty else { return nil }
        var order = slots.map { slot in
            (
                series: IndexedSeries(
                    tenant: catalog.tenant(of: slot), id: catalog.ids[Int(slot)],
                    labels: catalog.labels(of: slot)), slot: slot
            )
        }
        order.sort { $0.series < $1.series }
        return try files.writeMetrics(
            tier: .hot, level: 0, firstIndex: frozen.previousIndex + 1, lastIndex: frozen.index
        ) { (writer: inout MetricSegmentWriter) throws(StorageError) in
            var interner = TimestampInterner()
            for (series, slot) in order {
                let memory = frozen.memtable.extract(slot: slot)
                let floats = memory.floatColumns()
                let histograms = memory.histogramColumns()
                let (values, kept) = SampleExclusion.resolve(
                    floats.timestamps, floats.values, histograms.timestamps,
                    memory.histograms == nil)
                try writer.append(
                    SealedSeries(
                        series: series, timestamps: interner.intern(kept), values: values,
                        histogramTimestamps: interner.intern(histograms.timestamps),
                        histograms: histograms.histograms))
            }
        }
    }
}

/// A series holds a float or a histogram at one timestamp, never both: the histogram counts.
enum SampleExclusion {
    /// The float samples at timestamps where there is no histogram.
    static func resolve(
        _ timestamps: [Int64], _ values: [Double], _ histogramTimestamps: [Int64],
        _ hasNoHistograms: Bool
    ) -> (values: [Double], timestamps: [Int64]) {
        if hasNoHistograms || timestamps.isEmpty { return (values, timestamps) }
        let taken = Set(histogramTimestamps)
        let kept = timestamps.indices.filter { !taken.contains(timestamps[$0]) }
        if kept.count == timestamps.count { return (values, timestamps) }
        return (kept.map { values[$0] }, kept.map { timestamps[$0] })
    }
}
