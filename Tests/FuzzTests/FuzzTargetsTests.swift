import Foundation
import Fuzz
import Testing

/// Every parser over its seeds and over what a seeded mutator makes of them: some hundred inputs,
/// or for VARVE_FUZZ_SECONDS each. A trap ends the process; the last target printed is the one.
@Suite(.serialized) struct FuzzTargetsTests {
    static let seconds =
        ProcessInfo.processInfo.environment["VARVE_FUZZ_SECONDS"].flatMap(Double.init) ?? 0
    static let seed =
        ProcessInfo.processInfo.environment["VARVE_FUZZ_SEED"].flatMap(UInt64.init) ?? 1

    @Test(arguments: FuzzTargets.all.indices)
    func refusesOrReadsButNeverTraps(number: Int) {
        let target = FuzzTargets.all[number]
        for bytes in target.seeds + [[]] { target.run(bytes) }
        var mutator = FuzzMutator(seeds: target.seeds, seed: Self.seed)
        let end = Date().addingTimeInterval(Self.seconds)
        var count = 0
        if Self.seconds > 0 { print("fuzz \(target.name) seed \(Self.seed)") }
        while count < 300 || (Self.seconds > 0 && Date() < end) {
            target.run(mutator.next())
            count += 1
        }
        if Self.seconds > 0 { print("fuzz \(target.name): \(count) inputs, no finding") }
        #expect(count >= 300)
    }

    @Test func findsTheCanary() async {
        await #expect(processExitsWith: .failure) {
            var mutator = FuzzMutator(seeds: FuzzTargets.canary.seeds, seed: 1)
            for _ in 0..<1_000_000 { FuzzTargets.canary.run(mutator.next()) }
        }
    }
}
