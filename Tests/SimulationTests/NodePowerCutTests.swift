import Cluster
import Foundation
import Model
import Platform
import Simulator
import Testing

/// The whole node over the simulated disk: whatever was acknowledged before the power went is there
/// afterwards, once. `VARVE_SEEDS` is how many schedules to run.
@Suite(.serialized) struct NodePowerCutTests {
    private static let tears: [DiskFaults.Tear] = [.dropAll, .keepAll, .prefix, .sectors, .pages]
    /// Schedules of a run; each cuts the power at another call, with another tear.
    private static let scheduleCount =
        ProcessInfo.processInfo.environment["VARVE_SEEDS"].flatMap { Int($0) } ?? 40

    /// With a retention of half the run, the first rounds expire while it goes on.
    @Test(arguments: [nil, 6 * NodeScenario.roundNanos] as [Int64?])
    func acknowledgedBatchesSurviveAPowerCutExactlyOnce(retention: Int64?) async throws {
        let callCount = try await undisturbedCallCount(retention)
        #expect(callCount > 60)
        for number in 0..<Self.scheduleCount {
            // Spread over all calls, whatever the number of schedules.
            let call = 1 + number * 7_919 % callCount
            let tear = Self.tears[number % Self.tears.count]
            try await cutPower(at: call, tear, seed: UInt64(number), retention)
        }
    }

    @Test func aFullDiskRefusesAndRecovers() async throws {
        let disk = SimulatedDisk(seed: 3)
        var scenario = NodeScenario(disk: disk, seed: 3)
        let node = try scenario.start()
        _ = try await node.appender.append(scenario.batch(0))
        disk.faults.capacityBytes = 0
        var refusal: AppendError?
        for round in 1..<4_000 {
            var batch = scenario.batch(round)
            batch.lines.append(
                streamIndex: 0, timestamp: 5,
                line: [UInt8](repeating: UInt8(ascii: "x"), count: 64 << 10)[...])
            do {
                _ = try await node.appender.append(batch)
            } catch {
                refusal = error
                break
            }
        }
        guard case .diskFull? = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(node.diskIsFull)
        #expect(try await scenario.lines(node)[0] == 1)
        disk.faults.capacityBytes = nil
        _ = try await node.appender.append(scenario.batch(5_000))
        #expect(!node.diskIsFull)
        await scenario.run(node)
        node.stop()
    }

    /// With a seal in its log that finds no space, too.
    @Test func aNodeComesUpOnAFullDiskToBeRead() async throws {
        let disk = SimulatedDisk(seed: 4)
        let scenario = NodeScenario(disk: disk, seed: 4)
        // The journal makes its reserve when it rests, at a stop at the latest.
        try scenario.start().stop()
        let node = try scenario.start()
        for round in 0..<3 { _ = try await node.appender.append(scenario.batch(round)) }
        disk.faults.capacityBytes = 0
        await #expect(throws: AppendError.self) { try await node.flush() }
        node.stop()

        let again = try scenario.start()
        #expect(try await scenario.lines(again) == [0: 1, 1: 1, 2: 1])
        disk.faults.capacityBytes = nil
        try await again.flush()
        #expect(try await scenario.lines(again) == [0: 1, 1: 1, 2: 1])
        again.stop()
    }

    private func undisturbedCallCount(_ retention: Int64?) async throws -> Int {
        let disk = SimulatedDisk(seed: 1)
        var scenario = NodeScenario(disk: disk, seed: 1, retentionNanos: retention)
        let node = try scenario.start()
        await scenario.run(node)
        #expect(scenario.acknowledged.count == NodeScenario.roundCount)
        // Expiry comes after a flush: when the next one is done, so is it.
        try await node.flush()
        let lines = try await scenario.lines(node)
        #expect((lines.count < NodeScenario.roundCount) == (retention != nil))
        node.stop()
        return disk.callCount
    }

    private func cutPower(
        at call: Int, _ tear: DiskFaults.Tear, seed: UInt64, _ retention: Int64?
    ) async throws {
        let comment: Comment = "seed \(seed), \(tear), power cut at call \(call)"
        let disk = SimulatedDisk(seed: seed)
        disk.faults.powerCutAtCall = call
        disk.faults.tear = tear
        var scenario = NodeScenario(disk: disk, seed: seed, retentionNanos: retention)
        do {
            let node = try scenario.start()
            await scenario.run(node)
            node.stop()
        } catch is NodeError {
            // The power went while it started.
        }
        disk.powerCycle()
        let node = try scenario.start()
        let lines = try await scenario.lines(node)
        let samples = try await scenario.samples(node, NodeScenario.gauge)
        for round in scenario.acknowledged where scenario.isPromised(round) {
            #expect(lines[round] == 1, comment)
            #expect(samples[round] == Double(round), comment)
        }
        for (round, count) in lines {
            #expect(scenario.attempted.contains(round) && count == 1, comment)
        }
        // Sent again, as a sender does that got no answer: applied once all the same.
        for round in scenario.attempted {
            _ = try await node.appender.append(scenario.batch(round))
        }
        let counter = try await scenario.samples(node, NodeScenario.counter)
        let timer = try await scenario.samples(node, NodeScenario.timer)
        let again = try await scenario.lines(node)
        for round in scenario.attempted where scenario.isPromised(round) {
            #expect(counter[round] == Double(round + 1), comment)
            #expect(timer[round] == Double(2 * (round + 1)), comment)
            #expect(again[round] == 1, comment)
        }
        node.stop()
    }
}
