package import Platform
internal import Raft

/// Opening a journal: reads and checks all of it, then begins a segment of its own.
extension Journal {
    /// Opens the journal in `directory` of `disk`, or begins one. What was durable is there; a
    /// torn tail, which nobody was promised, is left behind. Errors: `corrupt`, `newerVersion`,
    /// `full` when not even the reserve is left, `disk`, `syncFailed`.
    ///
    /// Memory for a segment at a time, time for reading all of them once.
    package static func open(
        disk: any Disk, directory: DiskPath, options: Options = Options(),
        random: any RandomSource = SystemRandom(), time: any TimeSource = SystemTime(),
        telemetry: Telemetry
    ) throws(JournalError) -> Journal {
        let journal = Journal(
            disk: disk, directory: directory, options: options, random: random, time: time,
            telemetry: telemetry)
        do {
            try disk.makeDirectoriesDurably(directory)
        } catch {
            throw JournalError(error)
        }
        try journal.readSegments()
        try journal.rotate(mayUseReserve: true)
        return journal
    }

    private func readSegments() throws(JournalError) {
        let found = try listSegments()
        var headers: [SegmentHeader] = []
        for number in found { headers.append(try openSegment(number)) }
        for position in headers.indices {
            let next = position + 1 < headers.count ? headers[position + 1] : nil
            try readSegment(at: position, headers[position], next)
        }
        try checkGroups()
    }

    /// The numbers of the segment files, ascending, without a gap.
    private func listSegments() throws(JournalError) -> [UInt64] {
        let entries: [DiskEntry]
        do {
            entries = try disk.list(directory)
        } catch {
            throw JournalError(error)
        }
        let numbers = entries.compactMap { Journal.number(of: $0.name) }.sorted()
        for (a, b) in zip(numbers, numbers.dropFirst()) where b != a + 1 {
            throw JournalError.corrupt(
                file: (directory / Journal.name(of: a + 1)).string, offset: 0,
                reason: "the segment is missing")
        }
        return numbers
    }

    private func openSegment(_ number: UInt64) throws(JournalError) -> SegmentHeader {
        let path = directory / Journal.name(of: number)
        do {
            let file = try disk.open(path, .write)
            let page = try file.read(at: 0, count: JournalFormat.pageBytes)
            let header = try SegmentHeader(decoding: page, file: path.string)
            guard header.number == number else {
                throw JournalError.corrupt(
                    file: path.string, offset: 0, reason: "it is segment \(header.number)")
            }
            segments.append(
                Segment(
                    number: number, nonce: header.nonce, path: path, file: file,
                    end: JournalFormat.pageBytes))
            return header
        } catch let error as JournalError {
            throw error
        } catch let error as DiskError {
            throw JournalError(error)
        } catch {
            preconditionFailure("BUG: an error of no known kind: \(error)")
        }
    }

    private func readSegment(
        at position: Int, _ header: SegmentHeader, _ next: SegmentHeader?
    ) throws(JournalError) {
        let file = segments[position].path.string
        // Before the first segment that is left there may have been others.
        let before = position == 0 ? header.previousSequence : durableSequence
        guard header.previousSequence == before else {
            throw JournalError.corrupt(
                file: file, offset: 0,
                reason: "it follows batch \(header.previousSequence), found \(before)")
        }
        let bytes: [UInt8]
        do {
            bytes = try segments[position].file.read(
                at: 0, count: try segments[position].file.size())
        } catch {
            throw JournalError(error)
        }
        var scan = SegmentScan(
            bytes: bytes, header: header, file: file, lastSequence: before,
            limit: next?.previousSequence)
        while let records = try scan.next() {
            for record in records where !apply(record, segmentAt: position, base: 0) {
                throw JournalError.corrupt(
                    file: file, offset: record.offset,
                    reason: "an entry of \(record.group) leaves a hole")
            }
        }
        segments[position].end = scan.offset
        durableSequence = scan.lastSequence
        sequence = max(sequence, scan.lastSequence)
        if next == nil { try freeTail(of: position, length: bytes.count) }
    }

    /// Gives back what the last segment never used: it will not be written to again. What stood
    /// there is void by the header of the segment that follows.
    private func freeTail(of position: Int, length: Int) throws(JournalError) {
        guard segments[position].end < length else { return }
        do {
            try segments[position].file.truncate(to: segments[position].end)
        } catch {
            throw JournalError(error)
        }
    }

    /// Every group must have all its entries from the first that was not released.
    private func checkGroups() throws(JournalError) {
        for group in groupIDs {
            guard var log = groups[group] else { continue }
            let released = log.state.releasedIndex
            let isWhole =
                log.count == 0
                || (log.firstIndex <= released + 1 && log.lastIndex >= released)
            guard isWhole else {
                throw JournalError.corrupt(
                    file: directory.string, offset: 0,
                    reason: "\(group): entries from \(released + 1) on, found"
                        + " \(log.firstIndex) to \(log.lastIndex)")
            }
            forget(log.drop(through: released))
            groups[group] = log
        }
    }
}
