internal import Platform
internal import Raft
internal import Storage
internal import Synchronization

/// Files of a shard on their way in from other replicas, one after the other, in ranges of which a
/// few are on their way at a time, into `NAME.part`; a file gets its name when all of it is durable and
/// holds what it should. A source that has not what is asked for, or has it damaged, is followed by the
/// next. What all of them have damaged gets its name where there is nothing of that name.
final class FileDownload: Sendable {
    private static let askNanosMax: Int64 = 30_000_000_000
    private static let windowCount = 4
    private static let partSuffix = ".part"

    /// What became of it.
    struct End: Sendable {
        /// Why some files are not here; nil when all are.
        fileprivate(set) var trouble: String?
        /// Files that came, all of them and durable.
        fileprivate(set) var finished: Set<ShardImage.File> = []
        /// Those of them that were read, and hold what they should.
        fileprivate(set) var sound: Set<ShardImage.File> = []
        /// Whether somebody who was asked had not what was asked for, or did not answer.
        fileprivate(set) var isLacking = false
    }

    /// One file.
    private struct Current {
        let file: ShardImage.File
        let handle: any DiskFile
        var asked: Int
        var received: Int
        /// Which of the sources is asked.
        var source = 0
        /// Those before it gave damaged bytes, or an earlier attempt's did: who is asked is told.
        var cameDamaged: Bool
    }

    private struct State {
        var missing: [ShardImage.File]
        var current: Current?
        var receivedBytes = 0
        let totalBytes: Int
        var end = End()
    }

    private let group: GroupID
    private let directory: DiskPath
    private let sources: [NodeID]
    /// Which files are not asked for again when they are here with their length, or only behind the
    /// beginning that is: those that an earlier attempt brought.
    private let keeps: @Sendable (ShardImage.File) -> Bool
    /// Files that were damaged when they came before.
    private let damaged: Set<String>
    private let world: ImageFetcher.Surroundings
    private let received: Counter
    private let onEnd: @Sendable (End) -> Void
    private let state: Mutex<State>

    init(
        _ group: GroupID, files: [ShardImage.File], into directory: DiskPath,
        from sources: [NodeID], _ world: ImageFetcher.Surroundings, received: Counter,
        damaged: Set<String> = [],
        keeping keeps: @escaping @Sendable (ShardImage.File) -> Bool = { _ in false },
        onEnd: @escaping @Sendable (End) -> Void
    ) {
        self.group = group
        self.directory = directory
        self.sources = sources
        self.damaged = damaged
        self.keeps = keeps
        self.world = world
        self.received = received
        self.onEnd = onEnd
        state = Mutex(
            State(missing: files, totalBytes: files.reduce(0) { $0 + $1.byteCount }))
    }

    func start() {
        state.withLock { state in
            state.missing.removeAll { keeps($0) && isHere($0) }
            state.receivedBytes =
                state.totalBytes - state.missing.reduce(0) { $0 + $1.byteCount }
        }
        goOn()
    }

    var progressText: String {
        state.withLock { "\($0.receivedBytes >> 20) of \($0.totalBytes >> 20) MiB" }
    }

    private func isHere(_ file: ShardImage.File) -> Bool {
        guard world.disk.exists(directory / file.name) else { return false }
        do {
            return try world.disk.open(directory / file.name, .read).size() == file.byteCount
        } catch {
            return false
        }
    }

    private func end(_ trouble: String?) {
        onEnd(
            state.withLock { state in
                state.end.trouble = trouble
                return state.end
            })
    }

    /// Begins the next file, or ends.
    private func goOn() {
        guard let file = state.withLock({ $0.missing.popLast() }) else { return end(nil) }
        do {
            let handle = try world.disk.open(
                directory / (file.name + Self.partSuffix),
                keeps(file) ? .openOrCreate : .replace)
            // What an earlier attempt left may be older than a crash: its end is asked for again.
            let kept = max(0, min(try handle.size(), file.byteCount) - ImageSource.rangeBytesMax)
            state.withLock {
                $0.receivedBytes += kept
                $0.current = Current(
                    file: file, handle: handle, asked: kept, received: kept,
                    cameDamaged: damaged.contains(file.name))
            }
            for _ in 0..<Self.windowCount { askNext() }
            if file.byteCount == kept { finishFile() }
        } catch {
            end("\(error)")
        }
    }

    private func askNext() {
        let next = state.withLock { state -> (Current, Int, Int)? in
            guard var current = state.current, current.asked < current.file.byteCount else {
                return nil
            }
            let offset = current.asked
            let count = min(ImageSource.rangeBytesMax, current.file.byteCount - offset)
            current.asked += count
            state.current = current
            return (current, offset, count)
        }
        guard let (current, offset, count) = next else { return }
        world.budget.spend(count, nowNanos: world.time.monotonicNanos()) { [self] in
            ask(current, offset, count)
        }
    }

    private func ask(_ current: Current, _ offset: Int, _ count: Int) {
        guard current.source < sources.count else {
            return end("nobody has \(current.file.name)")
        }
        world.calls.ask(
            sources[current.source], .fileRange,
            ImageSource.writeRange(
                group, name: current.file.name, offset: offset, count: count,
                cameDamaged: offset == 0 && current.cameDamaged),
            timeoutNanos: Self.askNanosMax
        ) { [self] result in
            world.work { [self] in
                switch result {
                case .success(let parts) where parts.first?.count == count:
                    write(current, offset, parts[0])
                default: elsewhere(current, offset, count)
                }
            }
        }
    }

    /// Answers to an earlier attempt count for nothing.
    private func isCurrent(_ asked: Current) -> Bool {
        state.withLock { $0.current?.handle === asked.handle }
    }

    private func write(_ asked: Current, _ offset: Int, _ bytes: [UInt8]) {
        guard isCurrent(asked) else { return }
        do {
            try asked.handle.write(bytes, at: offset)
        } catch {
            state.withLock { $0.current = nil }
            return end("\(error)")
        }
        received.add(bytes.count)
        let isWhole = state.withLock { state in
            state.receivedBytes += bytes.count
            state.current?.received += bytes.count
            return (state.current?.received ?? 0) >= asked.file.byteCount
        }
        if isWhole { finishFile() } else { askNext() }
    }

    /// The source has not, or not any more: the next one.
    private func elsewhere(_ asked: Current, _ offset: Int, _ count: Int) {
        guard isCurrent(asked) else { return }
        let next = state.withLock { state -> Current? in
            guard var current = state.current else { return nil }
            state.end.isLacking = true
            if current.source == asked.source { current.source += 1 }
            state.current = current.source < sources.count ? current : nil
            return state.current
        }
        if let next { return ask(next, offset, count) }
        end("nobody has \(asked.file.name) any more")
    }

    private func finishFile() {
        guard
            let current = state.withLock({ state in
                defer { state.current = nil }
                return state.current
            })
        else { return }
        let part = directory / (current.file.name + Self.partSuffix)
        do {
            try current.handle.truncate(to: current.file.byteCount)
            try current.handle.sync()
            try current.handle.close()
            let isSound = isSound(current.file, at: part)
            if !isSound, current.source + 1 < sources.count {
                return try again(current, part)
            }
            if isSound || Mutant.isOn(.damageTakesPlaces)
                || !world.disk.exists(directory / current.file.name)
            {
                try world.disk.rename(part, to: directory / current.file.name)
            } else {
                // What is here may be damaged elsewhere, or not at all.
                try world.disk.remove(part)
            }
            state.withLock { state in
                state.end.finished.insert(current.file)
                if isSound { state.end.sound.insert(current.file) }
            }
        } catch {
            return end("\(error)")
        }
        goOn()
    }

    private func isSound(_ file: ShardImage.File, at path: DiskPath) -> Bool {
        do throws(StorageError) {
            try file.verify(disk: world.disk, at: path)
            return true
        } catch {
            world.note("\(group): \(file.name) came damaged: \(error)")
            return false
        }
    }

    /// All of it from the next source.
    private func again(_ old: Current, _ part: DiskPath) throws {
        let handle = try world.disk.open(part, .replace)
        state.withLock { state in
            state.receivedBytes -= old.file.byteCount
            state.current = Current(
                file: old.file, handle: handle, asked: 0, received: 0, source: old.source + 1,
                cameDamaged: true)
        }
        for _ in 0..<Self.windowCount { askNext() }
    }
}
