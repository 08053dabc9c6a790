import Foundation
import Platform
import Raft
import Replication
import Simulator
import Testing

/// A journal as this version wrote it: every later version must still read it. `scripts/golden`
/// writes it anew after a change of the format.
struct GoldenJournalTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Golden")

    /// By group: payloads in order.
    private static let payloads: [(group: GroupID, bytes: [UInt8])] = (0..<12).map { number in
        (GroupID(UInt32(number % 3)), [UInt8](repeating: UInt8(number), count: 1 + number * 40))
    }

    private static func open(_ disk: any Disk) throws -> Replicator {
        var options = Replicator.Options()
        options.journal.segmentBytes = 8 * JournalFormat.pageBytes
        return try Replicator(
            disk: disk, directory: "journal", node: NodeID(1), options: options,
            random: SeededRandom(seed: 1), time: ManualTime(), telemetry: Telemetry())
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["VARVE_WRITE_GOLDEN"] != nil))
    func writesGoldenFiles() throws {
        if FileManager.default.fileExists(atPath: Self.folder.path) {
            try FileManager.default.removeItem(at: Self.folder)
        }
        let replicator = try Self.open(try LocalDisk(root: Self.folder.path))
        for (tag, payload) in Self.payloads.enumerated() {
            try replicator.propose(payload.group, payload: payload.bytes, tag: UInt64(tag))
            if tag % 4 == 3 { _ = try replicator.commit() }
        }
    }

    @Test func theGoldenJournalIsReadAsItWasWritten() throws {
        let root = NSTemporaryDirectory() + "varve-journal-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: root) }
        try FileManager.default.copyItem(at: Self.folder, to: URL(fileURLWithPath: root))
        let replicator = try Self.open(try LocalDisk(root: root))
        for group in (0..<3).map(GroupID.init) {
            var found: [[UInt8]] = []
            try replicator.replay(group, after: 0) { found.append($0.payload) }
            #expect(found == Self.payloads.filter { $0.group == group }.map(\.bytes))
        }
    }
}
