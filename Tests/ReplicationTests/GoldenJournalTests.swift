import Foundation
import Platform
import Raft
import Replication
import Simulator
import Testing

/// Journals as each version wrote them: every later one must still read them. `scripts/golden`
/// writes that of the current version anew.
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

    /// Who is in a group of version 2, behind an image.
    private static let image = ImageReference(
        index: 70, term: 9,
        configuration: GroupConfiguration(
            index: 70, voters: [NodeID(1), NodeID(2), NodeID(3)], learners: [NodeID(9)]))
    private static let imageGroup = GroupID(7)

    @Test(.enabled(if: ProcessInfo.processInfo.environment["VARVE_WRITE_GOLDEN"] != nil))
    func writesGoldenFiles() throws {
        let folder = Self.folder.appendingPathComponent("v\(JournalFormat.version)")
        if FileManager.default.fileExists(atPath: folder.path) {
            try FileManager.default.removeItem(at: folder)
        }
        let replicator = try Self.open(try LocalDisk(root: folder.path))
        for (tag, payload) in Self.payloads.enumerated() {
            try replicator.propose(payload.group, payload: payload.bytes, tag: UInt64(tag))
            if tag % 4 == 3 { _ = try replicator.commit() }
        }
        try replicator.recover(Self.imageGroup, image: Self.image)
    }

    @Test(arguments: 1...JournalFormat.version)
    func theGoldenJournalIsReadAsItWasWritten(version: UInt32) throws {
        let root = NSTemporaryDirectory() + "varve-journal-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: root) }
        try FileManager.default.copyItem(
            at: Self.folder.appendingPathComponent("v\(version)"), to: URL(fileURLWithPath: root))
        let replicator = try Self.open(try LocalDisk(root: root))
        for group in (0..<3).map(GroupID.init) {
            var found: [[UInt8]] = []
            try replicator.replay(group, after: 0) { found.append($0.payload) }
            #expect(found == Self.payloads.filter { $0.group == group }.map(\.bytes))
        }
        guard version >= 2 else { return }
        let journal = replicator.journal
        #expect(journal.configuration(of: Self.imageGroup) == Self.image.configuration)
        #expect(journal.state(of: Self.imageGroup).releasedIndex == Self.image.index)
        #expect(journal.term(of: Self.imageGroup, at: Self.image.index) == Self.image.term)
    }
}
