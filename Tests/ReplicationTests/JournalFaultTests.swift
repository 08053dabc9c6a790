import Platform
import Raft
import Replication
import Simulator
import Testing

@Suite struct JournalFaultTests {
    private static let tears: [DiskFaults.Tear] = [.dropAll, .keepAll, .prefix, .sectors, .pages]

    /// The number of disk calls of an undisturbed run.
    private func callCount(rounds: Int) throws -> Int {
        let disk = SimulatedDisk(seed: 1)
        var workload = JournalWorkload(disk: disk, seed: 42)
        try workload.run(try workload.open(), rounds: rounds)
        return disk.callCount
    }

    @Test(arguments: tears, [1] as [UInt64])
    func aPowerCutAtAnyCallLosesNothingAcknowledged(
        tear: DiskFaults.Tear, seed: UInt64
    ) throws {
        let calls = try callCount(rounds: 12)
        #expect(calls > 40)
        for call in 1...calls {
            let comment: Comment = "seed \(seed), \(tear), power cut at call \(call)"
            let disk = SimulatedDisk(seed: seed &* 1000 &+ UInt64(call))
            disk.faults.powerCutAtCall = call
            disk.faults.tear = tear
            var workload = JournalWorkload(disk: disk, seed: 42)
            #expect(throws: (any Error).self, comment) {
                try workload.run(try workload.open(), rounds: 12)
            }
            try #require(disk.isPowerOff, comment)
            disk.powerCycle()
            let again = try workload.open()
            try workload.verify(again, comment)
            try workload.adopt(again)
            // Life goes on, and a second crash finds both.
            disk.faults.powerCutAtCall = disk.callCount + 3 + call % 5
            disk.faults.tear = tear
            do { try workload.run(again, rounds: 6) } catch is ReplicationError {}
            disk.powerCycle()
            try workload.verify(try workload.open(), "\(comment), then again")
        }
    }

    @Test(arguments: [DiskError.ioError, DiskError.noSpace])
    func aFailureOfAnyCallLosesNothingAcknowledged(code: Int32) throws {
        let calls = try callCount(rounds: 12)
        for call in 1...calls {
            let comment: Comment = "errno \(code) at call \(call)"
            let disk = SimulatedDisk(seed: UInt64(call))
            disk.faults.failures = [call: code]
            var workload = JournalWorkload(disk: disk, seed: 42)
            do {
                let replicator = try workload.open()
                for _ in 0..<12 {
                    do {
                        try workload.round(replicator)
                        workload.release(replicator)
                        try replicator.rest()
                    } catch ReplicationError.journal(.syncFailed) {
                        break
                    } catch is ReplicationError {
                        // What failed is tried again by the next commit.
                    }
                }
            } catch is ReplicationError {
                // Not even opened.
            }
            disk.faults.tear = .sectors
            disk.powerCycle()
            try workload.verify(try workload.open(), comment)
        }
    }

    @Test func theLastBatchMayBeCutAtAnyByte() throws {
        let disk = SimulatedDisk(seed: 5)
        var workload = JournalWorkload(disk: disk, seed: 9)
        let replicator = try workload.open()
        try workload.run(replicator, rounds: 3)
        let path = try lastSegment(disk)
        let before = try JournalRecord.decodeAll(disk.readAll(path))
        try replicator.propose(GroupID(1), payload: [UInt8](repeating: 7, count: 4500), tag: 1)
        try replicator.propose(GroupID(2), payload: [1, 2, 3], tag: 2)
        #expect(try replicator.commit().committed.count == 2)
        let whole = try disk.readAll(path)
        let after = try JournalRecord.decodeAll(whole)
        #expect(after.count == before.count + 2)
        let start = try #require(after.dropLast(2).last?.payload.upperBound)
        let end = try #require(after.last?.payload.upperBound)
        // From the end, so that each byte is lost once; a torn write may also leave the length.
        var zeroed = whole
        for count in (start...end + 8).reversed() {
            let found = try JournalRecord.decodeAll(Array(whole[..<count]))
            #expect(found == (count < end ? before : after), "cut at byte \(count)")
            zeroed.overwrite(at: count, with: [UInt8](repeating: 0, count: 16))
            let kept = try JournalRecord.decodeAll(zeroed)
            #expect(kept == (kept.count == after.count ? after : before), "zeros from \(count)")
        }
    }

    @Test func aFlippedBitAnywhereIsFoundOrHarmless() throws {
        let seed: UInt64 = 11
        let disk = SimulatedDisk(seed: seed)
        var workload = JournalWorkload(disk: disk, seed: seed)
        let replicator = try workload.open()
        try workload.run(replicator, rounds: 10)
        // The marker protects the last batch too.
        try replicator.rest()
        let directory = JournalWorkload.directory
        var detected = 0
        for entry in try disk.list(directory) where entry.name.hasSuffix(".journal") {
            for byte in stride(from: 0, to: entry.byteCount, by: 211) {
                let copy = try clone(disk)
                copy.flipBit(directory / entry.name, byte: byte, bit: byte % 8)
                let again = JournalWorkload(disk: copy, seed: 1)
                do {
                    let opened = try again.open()
                    for (group, promised) in workload.acknowledged {
                        let start = workload.released[group] ?? 0
                        var found: [UInt64: [UInt8]] = [:]
                        try opened.replay(group, after: start) { found[$0.index] = $0.payload }
                        #expect(
                            found == promised.filter { $0.key > start },
                            "\(entry.name) byte \(byte) was not noticed")
                    }
                } catch ReplicationError.journal(.corrupt) {
                    detected += 1
                }
            }
        }
        #expect(detected > 100)
    }

    @Test func damageBeforeTheLastBatchIsNeverCut() throws {
        let disk = SimulatedDisk(seed: 3)
        var workload = JournalWorkload(disk: disk, seed: 4)
        let replicator = try workload.open()
        try workload.round(replicator)
        try workload.round(replicator)
        let path = try lastSegment(disk)
        let record = try #require(JournalRecord.decodeAll(disk.readAll(path)).first)
        disk.flipBit(path, byte: record.payload.upperBound - 1)
        #expect {
            _ = try workload.open()
        } throws: { error in
            guard case ReplicationError.journal(.corrupt(let file, _, _)) = error else {
                return false
            }
            return file == path.string
        }
    }

    @Test func aFullDiskRefusesAndGoesOnWhenThereIsSpace() throws {
        let disk = SimulatedDisk(seed: 8)
        var workload = JournalWorkload(disk: disk, seed: 8)
        let replicator = try workload.open()
        try replicator.rest()
        // No further segment fits.
        disk.faults.capacityBytes = try disk.space().totalBytes - disk.space().freeBytes + 8192
        var refused = 0
        for _ in 0..<40 {
            do {
                try workload.round(replicator)
            } catch ReplicationError.journal(.full) {
                refused += 1
                #expect(!replicator.withdraw().isEmpty)
                #expect(replicator.pendingBytes == 0)
            }
        }
        #expect(refused > 0)
        // What leads to space being freed still goes through, by the reserve.
        let segments = replicator.journal.segmentCount
        try replicator.propose(GroupID(0), payload: [9], tag: 1, isUrgent: true)
        try workload.commit(replicator)
        #expect(replicator.journal.segmentCount == segments + 1)
        disk.faults.capacityBytes = nil
        try workload.run(replicator, rounds: 8)
        try workload.verify(replicator, "after space came back")
        disk.powerCycle()
        try workload.verify(try workload.open(), "after a restart")
    }

    @Test func aFailedSyncIsFinal() throws {
        let disk = SimulatedDisk(seed: 2)
        var workload = JournalWorkload(disk: disk, seed: 2)
        let replicator = try workload.open()
        try workload.run(replicator, rounds: 2)
        disk.faults.syncsFailFromCall = disk.callCount + 1
        #expect(throws: ReplicationError.self) { try workload.round(replicator) }
        disk.faults = DiskFaults()
        for _ in 0..<2 {
            #expect {
                _ = try replicator.commit()
            } throws: { error in
                guard case ReplicationError.journal(.syncFailed) = error else { return false }
                return true
            }
        }
        disk.faults.tear = .dropAll
        disk.powerCycle()
        try workload.verify(try workload.open(), "after the failed sync")
    }

    @Test func aNewerVersionIsRefused() throws {
        let disk = SimulatedDisk(seed: 2)
        let workload = JournalWorkload(disk: disk, seed: 2)
        _ = try workload.open()
        let path = try lastSegment(disk)
        var bytes = try disk.readAll(path)
        bytes[4] = 9
        let checksum = softwareCRC32C(bytes[4..<64])
        for index in 0..<4 {
            bytes[index] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt32(index)))
        }
        try disk.open(path, .write).write(bytes, at: 0)
        let refusal = JournalError.newerVersion(
            file: path.string, found: 9, known: JournalFormat.version)
        #expect(throws: ReplicationError.journal(refusal)) { _ = try workload.open() }
    }

    @Test func aMissingSegmentIsNoticed() throws {
        let disk = SimulatedDisk(seed: 2)
        var workload = JournalWorkload(disk: disk, seed: 6)
        let replicator = try workload.open()
        for _ in 0..<30 { try workload.round(replicator) }
        let segments = try disk.list(JournalWorkload.directory)
            .filter { $0.name.hasSuffix(".journal") }
        try #require(segments.count > 3)
        try disk.remove(JournalWorkload.directory / segments[1].name)
        #expect(throws: ReplicationError.self) { _ = try workload.open() }
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func garbageIsDecodedWithoutATrap(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let disk = SimulatedDisk(seed: seed)
        var workload = JournalWorkload(disk: disk, seed: seed)
        try workload.run(try workload.open(), rounds: 3)
        var bytes = try disk.readAll(try lastSegment(disk))
        for _ in 0..<Int.random(in: 1...20, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            bytes[place] = UInt8.random(in: 0...255, using: &random)
        }
        if seed.isMultiple(of: 3) {
            bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
        }
        do {
            for record in try JournalRecord.decodeAll(bytes) {
                #expect(record.payload.upperBound <= bytes.count)
            }
        } catch {}
    }

    /// Batches of one shape, so that records of a segment's earlier life lie exactly where the torn
    /// end of the last batch would have been: a second record at the second page's beginning.
    @Test func whatASegmentsEarlierLifeLeftIsNothing() throws {
        for seed in 0..<80 as Range<UInt64> {
            let disk = SimulatedDisk(seed: seed)
            var workload = JournalWorkload(disk: disk, seed: seed)
            let replicator = try workload.open()
            let page = JournalFormat.pageBytes
            // Behind the header of the batch (docs/format/journal.md).
            let first = page - 48 - JournalBatch.recordBytes(payloadBytes: 0)
            for _ in 0..<30 + seed % 7 {
                try workload.round(replicator, byteCounts: [first, 100])
                workload.release(replicator, allBut: 6)
            }
            disk.faults.tear = .pages
            disk.faults.powerCutAtCall = disk.callCount + 2
            #expect(throws: ReplicationError.self) {
                try workload.round(replicator, byteCounts: [first, 100])
            }
            disk.powerCycle()
            try workload.verify(try workload.open(), "seed \(seed)")
        }
    }

    /// Entries behind the image are those of a leader that the group left behind.
    @Test func anImageEndsTheLogThatWasThere() throws {
        let disk = SimulatedDisk(seed: 7)
        try disk.makeDirectoriesDurably(JournalWorkload.directory)
        func open() throws -> Journal {
            try Journal.open(
                disk: disk, directory: JournalWorkload.directory, random: SeededRandom(seed: 7),
                time: ManualTime(), telemetry: Telemetry())
        }
        let group = GroupID(1)
        let journal = try open()
        var batch = JournalBatch()
        for index in 1...10 as ClosedRange<UInt64> {
            batch.add(Entry(noOperationAt: index, term: 1), group: group, payload: [])
        }
        try journal.commit(&batch)
        let image = ImageReference(
            index: 5, term: 2,
            configuration: GroupConfiguration(index: 5, voters: [NodeID(1)]))
        try journal.install(image, hardState: HardState(term: 2, vote: nil), group: group)
        for journal in [journal, try open()] {
            #expect(journal.lastIndex(of: group) == 5)
            #expect(journal.term(of: group, at: 5) == 2)
            #expect(journal.term(of: group, at: 6) == nil)
            #expect(journal.configuration(of: group) == image.configuration)
        }
    }

    private func lastSegment(_ disk: SimulatedDisk) throws -> DiskPath {
        let names = try disk.list(JournalWorkload.directory).map(\.name)
        let last = try #require(names.last { $0.hasSuffix(".journal") })
        return JournalWorkload.directory / last
    }

    private func clone(_ disk: SimulatedDisk) throws -> SimulatedDisk {
        let copy = SimulatedDisk(seed: disk.seed)
        try copy.makeDirectoriesDurably(JournalWorkload.directory)
        for entry in try disk.list(JournalWorkload.directory) {
            let path = JournalWorkload.directory / entry.name
            let file = try copy.open(path, .create)
            try file.write(try disk.readAll(path), at: 0)
            try file.sync()
        }
        try copy.syncDirectory(JournalWorkload.directory)
        return copy
    }

    private func softwareCRC32C(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var state: UInt32 = ~0
        for byte in bytes {
            state ^= UInt32(byte)
            for _ in 0..<8 { state = state & 1 == 1 ? (state >> 1) ^ 0x82f6_3b78 : state >> 1 }
        }
        return ~state
    }
}
