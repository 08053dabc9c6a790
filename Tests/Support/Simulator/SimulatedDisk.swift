package import Platform
internal import Synchronization

/// A disk in memory that behaves as badly as a real one may.
///
/// It keeps two worlds: what the running process sees, and what is durable. Bytes become durable
/// by `sync` of their file, names by `syncDirectory`; at a power cut what was not synced survives
/// in part, torn and out of order, as the seed wills. Nothing else is random: the same calls with
/// the same seed give the same disk. Names the seed's choices to the test by `seed`.
package final class SimulatedDisk: Disk {
    /// To be printed with a failure.
    package let seed: UInt64

    private let world: Mutex<DiskWorld>
    private let syncHook = Mutex<SyncHook?>(nil)

    private struct SyncHook {
        let synced: @Sendable (String) -> Void
    }

    package init(seed: UInt64) {
        self.seed = seed
        world = Mutex(DiskWorld(seed: seed))
    }

    /// Calls that changed something, or tried to.
    package var callCount: Int { world.withLock { $0.callCount } }

    /// What each of these calls was, in order.
    package var calls: [DiskFaults.Call] { world.withLock { $0.calls } }

    /// What goes wrong from now on.
    package var faults: DiskFaults {
        get { world.withLock { $0.faults } }
        set { world.withLock { $0.faults = newValue } }
    }

    /// Called after each sync of a file with its path, before the caller goes on: what the time that
    /// it took is for.
    package var onSync: (@Sendable (String) -> Void)? {
        get { syncHook.withLock { $0 }?.synced }
        set { syncHook.withLock { $0 = newValue.map { SyncHook(synced: $0) } } }
    }

    /// Whether the power is gone.
    package var isPowerOff: Bool { world.withLock { $0.isPowerOff } }

    /// Cuts the power, if it is not gone yet, and turns it on again: what was not durable is torn,
    /// files that were open are closed, faults are gone.
    package func powerCycle() { world.withLock { $0.powerCycle() } }

    /// Damages what is stored: flips one bit, in both worlds.
    package func flipBit(_ path: DiskPath, byte: Int, bit: Int = 0) {
        world.withLock { $0.flipBit(path.string, byte: byte, bit: bit) }
    }

    /// Damages what is stored as a write that went to the wrong place does: `bytes` lie over what
    /// was there, in both worlds; the file does not grow.
    package func misdirect(_ bytes: [UInt8], to path: DiskPath, at offset: Int) {
        world.withLock { $0.misdirect(bytes, path.string, at: offset) }
    }

    /// Cuts a file to `byteCount`, in both worlds, as damage does: no call is counted.
    package func cut(_ path: DiskPath, to byteCount: Int) {
        world.withLock { $0.cut(path.string, to: byteCount) }
    }

    package func open(_ path: DiskPath, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        let (file, generation) = try world.withLock { (world) throws(DiskError) -> (Int, Int) in
            (try world.open(path.string, mode), world.generation)
        }
        return SimulatedFile(disk: self, path: path.string, id: file, generation: generation)
    }

    package func list(_ directory: DiskPath) throws(DiskError) -> [DiskEntry] {
        try world.withLock { (world) throws(DiskError) in try world.list(directory.string) }
    }

    package func makeDirectories(_ path: DiskPath) throws(DiskError) {
        var parents = [path]
        while let last = parents.last, last != .root { parents.append(last.parent) }
        for parent in parents.reversed() where parent != .root {
            try world.withLock { (world) throws(DiskError) in
                try world.makeDirectory(parent.string)
            }
        }
    }

    package func rename(_ path: DiskPath, to target: DiskPath) throws(DiskError) {
        try world.withLock { (world) throws(DiskError) in
            try world.rename(path.string, to: target.string)
        }
    }

    package func link(_ path: DiskPath, to target: DiskPath) throws(DiskError) {
        try world.withLock { (world) throws(DiskError) in
            try world.link(path.string, to: target.string)
        }
    }

    package func remove(_ path: DiskPath) throws(DiskError) {
        try world.withLock { (world) throws(DiskError) in try world.remove(path.string) }
    }

    package func syncDirectory(_ directory: DiskPath) throws(DiskError) {
        try world.withLock { (world) throws(DiskError) in
            try world.syncDirectory(directory.string)
        }
    }

    package func exists(_ path: DiskPath) -> Bool {
        world.withLock { $0.exists(path.string) }
    }

    package func space() throws(DiskError) -> DiskSpace {
        world.withLock { world in
            let total = world.faults.capacityBytes ?? 1 << 40
            return DiskSpace(freeBytes: max(0, total - world.allocatedBytes), totalBytes: total)
        }
    }

    package func localPath(_ path: DiskPath) -> String? { nil }

    fileprivate func access<R>(
        _ file: SimulatedFile, _ body: (inout DiskWorld) throws(DiskError) -> R
    ) throws(DiskError) -> R {
        try world.withLock { (world) throws(DiskError) -> R in
            guard world.generation == file.generation else {
                throw DiskError.closed(file: file.path)
            }
            return try body(&world)
        }
    }
}

/// An open file of a `SimulatedDisk`.
private final class SimulatedFile: DiskFile {
    let path: String
    let generation: Int
    private let disk: SimulatedDisk
    private let id: Int
    private let isClosed = Mutex(false)

    init(disk: SimulatedDisk, path: String, id: Int, generation: Int) {
        self.disk = disk
        self.path = path
        self.id = id
        self.generation = generation
    }

    func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        try check()
        return try disk.access(self) { (world) throws(DiskError) in
            world.read(id, at: offset, count: count)
        }
    }

    func write(_ bytes: Span<UInt8>, at offset: Int) throws(DiskError) {
        try check()
        let copy = [UInt8](copying: bytes)
        try disk.access(self) { (world) throws(DiskError) in
            try world.write(id, copy, at: offset, path)
        }
    }

    func size() throws(DiskError) -> Int {
        try check()
        return try disk.access(self) { (world) throws(DiskError) in world.size(id) }
    }

    func preallocate(_ byteCount: Int) throws(DiskError) {
        try check()
        try disk.access(self) { (world) throws(DiskError) in
            try world.preallocate(id, byteCount, path)
        }
    }

    func truncate(to byteCount: Int) throws(DiskError) {
        try check()
        try disk.access(self) { (world) throws(DiskError) in
            try world.truncate(id, to: byteCount, path)
        }
    }

    func sync() throws(DiskError) {
        try check()
        try disk.access(self) { (world) throws(DiskError) in try world.sync(id, path) }
        disk.onSync?(path)
    }

    func close() throws(DiskError) { isClosed.withLock { $0 = true } }

    private func check() throws(DiskError) {
        guard !isClosed.withLock({ $0 }) else { throw DiskError.closed(file: path) }
    }
}
