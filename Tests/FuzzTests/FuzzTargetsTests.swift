import Foundation
import Fuzz
import Testing

/// Every parser over its corpus, its seeds and what a seeded mutator makes of them; the long search
/// is `make fuzz`. A trap ends the process; the target is the test that began last.
@Suite(.serialized) struct FuzzTargetsTests {
    static let mutationCount = 200
    static let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fuzz/Corpus")

    /// The files of a target, by name.
    static func files(_ target: String) throws -> [[UInt8]] {
        let folder = corpus.appendingPathComponent(target)
        guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map {
            Array(try Data(contentsOf: folder.appendingPathComponent($0)))
        }
    }

    @Test(arguments: FuzzTargets.all.map(\.name))
    func refusesOrReadsButNeverTraps(name: String) throws {
        let target = try #require(FuzzTargets.named(name))
        let known = target.seeds + (try Self.files(name))
        try #require(!known.isEmpty, "a target without a corpus")
        for bytes in known + [[]] { target.run(bytes) }
        var mutator = FuzzMutator(seeds: known, seed: 1)
        for _ in 0..<Self.mutationCount { target.run(mutator.next()) }
    }

    @Test func theCorpusIsOfTargetsAndSmall() throws {
        var byteCount = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: Self.corpus.path) {
            #expect(FuzzTargets.named(name) != nil, "\(name) is no target")
            byteCount += try Self.files(name).reduce(0) { $0 + $1.count }
        }
        #expect(byteCount < 200_000)
    }

    @Test func findsTheCanary() async {
        await #expect(processExitsWith: .failure) {
            guard let canary = FuzzTargets.named("canary") else { return }
            var mutator = FuzzMutator(seeds: canary.seeds, seed: 1)
            for _ in 0..<1_000_000 { canary.run(mutator.next()) }
        }
    }
}
