internal import Platform
internal import Storage

/// The node's figures for `/metrics`, read when somebody looks.
enum NodeFigures {
    static func register(
        shards: ShardTable, queue: ProposalQueue, loop: NodeLoop, paces: PaceBoard?,
        telemetry: Telemetry
    ) {
        telemetry.computed(
            "varve_series", help: "Series that shards know now.",
            read: { Double(shards.hosted.reduce(0) { $0 + $1.shard.seriesCount }) })
        telemetry.computed(
            "varve_shard_memory_bytes", help: "Bytes in memtables, labels and totals.",
            read: { Double(shards.hosted.reduce(0) { $0 + $1.shard.memoryBytes }) })
        telemetry.computed(
            "varve_segment_bytes", help: "Bytes of all segments and their indexes.",
            read: {
                let sizes = shards.hosted.flatMap { $0.shard.segmentSizes }
                return Double(sizes.reduce(0) { $0 + $1.byteCount })
            })
        telemetry.computed(
            "varve_append_bytes_in_flight", help: "Bytes of proposals not yet applied.",
            read: { Double(queue.bytesInFlight) })
        telemetry.computed(
            "varve_disk_full", help: "1 while the disk refuses writes for want of space.",
            read: { loop.diskIsFull ? 1 : 0 })
        telemetry.computed(
            "varve_journal_segments", help: "Files of the journal.",
            read: { Double(loop.journalPressure.segmentCount) })
        guard let paces else { return }
        telemetry.computed(
            "varve_election_patience",
            help: "How many times longer than usual elections wait: 1 to 10.",
            read: { Double(paces.patience) })
        telemetry.computed(
            "varve_disk_slow",
            help: "1 while the node is to lead nothing because its disk is slow beside others.",
            read: { paces.isSlow ? 1 : 0 })
    }
}
