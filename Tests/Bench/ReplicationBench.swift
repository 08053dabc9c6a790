import Encoding
import Glibc
import Platform
import Raft
import Replication

/// The journal: CPU of writing, syncing and committing, and how quickly it is read again.
func replicationBench() -> [BenchRow] {
    let isSmall = unsafe getenv("BENCH_SMALL") != nil
    let size = isSmall ? 16 : 512
    do {
        // A journal that grows, and one whose entries are sealed after a while, as a node's are.
        return try JournalLoad(megabyteCount: size).measure()
            + JournalLoad(megabyteCount: size, keptMegabytes: isSmall ? 4 : 160).measure()
    } catch {
        print("replication bench: \(error)")
        return []
    }
}

/// Payloads of 64 KiB for sixteen groups in turn, each synced before the next.
private struct JournalLoad {
    let megabyteCount: Int
    /// What is behind is released; nil: nothing is.
    var keptMegabytes: Int?
    private static let payloadBytes = 64 << 10
    private static let directory: DiskPath = "journal"

    func measure() throws -> [BenchRow] {
        let disk = try LocalDisk(root: "/tmp/varve-bench-journal-\(getpid())")
        defer { do { try disk.removeTree(Self.directory) } catch { print("\(error)") } }
        let payloads = RandomPayloads.make(count: 64, byteCount: Self.payloadBytes)
        let count = megabyteCount << 20 / Self.payloadBytes
        let replicator = try open(disk)
        let before = (cpu: Stopwatch.cpuSeconds(), wall: SystemTime().monotonicNanos())
        var committed = 0
        for number in 0..<count {
            try replicator.propose(
                GroupID(UInt32(1 + number % 16)), payload: payloads[number % payloads.count],
                tag: UInt64(number))
            committed += try replicator.commit().committed.count
            release(replicator, after: number)
        }
        let cpu = Stopwatch.cpuSeconds() - before.cpu
        let wall = Double(SystemTime().monotonicNanos() - before.wall) / 1e9
        precondition(committed == count, "BUG: \(committed) of \(count) committed")
        let size = Double(megabyteCount)
        let files = keptMegabytes == nil ? "new files" : "files used again"
        let written = BenchRow(
            room: "Replication", name: "journalled and committed, 64 KiB per sync, \(files)",
            unit: "CPU ms/MiB", goal: 1.5, reached: cpu * 1_000 / size, higherIsBetter: false,
            note: "\(Int(size / wall)) MiB/s with this disk's syncs")
        return keptMegabytes == nil ? [written, try recovery(disk, count)] : [written]
    }

    /// What sealing does: once per 16 MiB, all but the newest entries of each group.
    private func release(_ replicator: Replicator, after number: Int) {
        guard let keptMegabytes, number % 256 == 255 else { return }
        let kept = UInt64(keptMegabytes << 20 / Self.payloadBytes / 16)
        for group in replicator.groups {
            let last = replicator.commitIndex(of: group)
            if last > kept { replicator.release(group, through: last - kept) }
        }
    }

    private func recovery(_ disk: LocalDisk, _ count: Int) throws -> BenchRow {
        let before = (cpu: Stopwatch.cpuSeconds(), wall: SystemTime().monotonicNanos())
        let replicator = try open(disk)
        var hash: UInt64 = 0
        var found = 0
        for group in replicator.groups {
            try replicator.replay(group, after: 0) { entry in
                found += 1
                hash = hash &* 31 &+ UInt64(entry.payload[0])
            }
        }
        precondition(found == count, "BUG: \(found) of \(count) replayed")
        let cpu = Stopwatch.cpuSeconds() - before.cpu
        let wall = Double(SystemTime().monotonicNanos() - before.wall) / 1e9
        let gibibytes = Double(megabyteCount) / 1_024
        return BenchRow(
            room: "Replication", name: "recovery of a journal, all entries replayed",
            unit: "s/GiB", goal: 2, reached: wall / gibibytes, higherIsBetter: false,
            note: "wall; CPU \((cpu / gibibytes * 100).rounded() / 100) s/GiB, hash \(hash)")
    }

    private func open(_ disk: LocalDisk) throws -> Replicator {
        try Replicator(
            disk: disk, directory: Self.directory, node: NodeID(1), telemetry: Telemetry())
    }
}

/// Bytes that no compressor makes smaller, the same in every run.
enum RandomPayloads {
    static func make(count: Int, byteCount: Int) -> [[UInt8]] {
        var state: UInt64 = 7
        return (0..<count).map { _ in
            (0..<byteCount).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            }
        }
    }
}
