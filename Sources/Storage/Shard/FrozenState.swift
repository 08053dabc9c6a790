internal import Model

/// What a seal entry froze: the memtables that its job turns into segments, which stay readable
/// until the job is done, and the checkpoint that goes with them. Immutable.
final class FrozenState: Sendable {
    /// The entry of the seal.
    let index: UInt64
    /// The entry of the seal before.
    let previousIndex: UInt64
    let catalog: SeriesCatalog
    let memtable: MetricMemtable
    let lines: LogMemtable
    let checkpoint: Checkpoint

    init(
        index: UInt64, previousIndex: UInt64, catalog: SeriesCatalog, memtable: MetricMemtable,
        lines: LogMemtable, checkpoint: Checkpoint
    ) {
        self.index = index
        self.previousIndex = previousIndex
        self.catalog = catalog
        self.memtable = memtable
        self.lines = lines
        self.checkpoint = checkpoint
    }
}
