internal import Platform
internal import Raft

/// The life of segment files: made or taken from the spare, written to, released, recycled.
extension Journal {
    /// The name of segment `number`: sixteen hexadecimal digits.
    static func name(of number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + ".journal"
    }

    /// The number in a segment's name, or nil when it is not one.
    static func number(of name: String) -> UInt64? {
        guard name.hasSuffix(".journal"), name.utf8.count == 24,
            let number = UInt64(name.prefix(16), radix: 16), number > 0,
            Journal.name(of: number) == name
        else { return nil }
        return number
    }

    /// Begins the next segment: header and the state of every group are durable in it before it
    /// gets its name, so that a file with a segment's name is always whole.
    func rotate(mayUseReserve: Bool) throws(JournalError) {
        let number = (segments.last?.number ?? 0) + 1
        let (draft, file) = try freshFile(mayUseReserve: mayUseReserve)
        let header = SegmentHeader(
            number: number, nonce: random.next(), previousSequence: durableSequence,
            segmentBytes: UInt64(options.segmentBytes))
        var states = JournalBatch()
        let recorded = groupIDs
        for group in recorded { addState(of: group, to: &states) }
        sequence += 1
        let first = states.sealed(
            sequence: sequence, previous: durableSequence, nonce: header.nonce)
        let path = directory / Journal.name(of: number)
        do {
            try file.write(header.encoded() + first, at: 0)
            try file.sync()
            try disk.rename(draft, to: path)
            try disk.syncDirectory(directory)
        } catch {
            if case .syncFailed = error { syncFailure = error }
            throw JournalError(error)
        }
        durableSequence = sequence
        segments.append(
            Segment(
                number: number, nonce: header.nonce, path: path, file: file,
                end: JournalFormat.pageBytes + first.count))
        for record in states.records {
            guard apply(record, segmentAt: segments.count - 1, base: JournalFormat.pageBytes)
            else { preconditionFailure("BUG: a state leaves a hole") }
        }
        settle(recorded)
        figures.segments.set(segments.count)
        reclaim()
    }

    /// A preallocated file under a name that is no segment's. Errors: `full`, `disk`.
    private func freshFile(
        mayUseReserve: Bool
    ) throws(JournalError) -> (path: DiskPath, file: any DiskFile) {
        let spare = directory / Journal.spareName
        do {
            let file = try disk.open(spare, .openOrCreate)
            try file.preallocate(options.segmentBytes)
            file.bypassCache()
            return (spare, file)
        } catch {
            guard case .full = error, mayUseReserve,
                disk.exists(directory / Journal.reserveName)
            else {
                figures.failures.add()
                throw JournalError(error)
            }
        }
        do {
            let reserve = directory / Journal.reserveName
            let file = try disk.open(reserve, .write)
            file.bypassCache()
            figures.hasReserve.set(0)
            return (reserve, file)
        } catch {
            throw JournalError(error)
        }
    }

    /// Makes the reserve when it is not there. A full disk is no error: it is tried again later.
    func keepReserve() throws(JournalError) {
        let path = directory / Journal.reserveName
        guard !disk.exists(path) else { return figures.hasReserve.set(1) }
        let draft = directory / "\(Journal.reserveName).new"
        do {
            let file = try disk.open(draft, .replace)
            try file.preallocate(options.segmentBytes)
            try disk.rename(draft, to: path)
            figures.hasReserve.set(1)
        } catch {
            figures.failures.add()
            figures.hasReserve.set(0)
            guard case .full = error else { throw JournalError(error) }
            do {
                // A part of a reserve only takes the space that is missing.
                if disk.exists(draft) { try disk.remove(draft) }
            } catch {
                throw JournalError(error)
            }
        }
    }

    /// Removes segments, oldest first, of which nothing is needed any more. A whole one becomes
    /// the reserve or the spare when that is missing. What can not be removed now is later.
    func reclaim() {
        while segments.count > 1, let oldest = segments.first, oldest.liveCount == 0 {
            do {
                let isWhole = try oldest.file.size() >= options.segmentBytes
                let uses = [directory / Journal.reserveName, directory / Journal.spareName]
                if isWhole, let use = uses.first(where: { !disk.exists($0) }) {
                    try disk.rename(oldest.path, to: use)
                } else {
                    try disk.remove(oldest.path)
                }
                // One by one, so that after a crash the segments have no gap.
                try disk.syncDirectory(directory)
            } catch {
                figures.failures.add()
                return
            }
            segments.removeFirst()
            figures.segments.set(segments.count)
        }
    }
}
