internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Storage
internal import Synchronization

/// One image on its way in. Files come in ranges, a few on their way at a time, into `NAME.part`;
/// what is there already is not asked for again.
final class ImageTransfer: Sendable {
    private static let askNanosMax: Int64 = 30_000_000_000
    private static let windowCount = 4
    private static let partSuffix = ".part"

    private struct Download {
        let file: ShardImage.File
        let handle: any DiskFile
        var asked: Int
        var received: Int
        var source: Int = 0
    }

    private enum Step {
        case idle
        case asking
        case downloading
        /// All files are here and checked; jobs are held.
        case installing
        case over
    }

    private struct State {
        var step = Step.idle
        var reference: ImageReference?
        var image: ShardImage?
        var content: [UInt8] = []
        var missing: [ShardImage.File] = []
        var download: Download?
        var receivedBytes = 0
        var totalBytes = 0
        var sources: [NodeID] = []
        /// Installation that failed and is tried again.
        var retry: (@Sendable () -> Void)?
    }

    private let group: GroupID
    private let leader: NodeID
    private let world: ImageFetcher.Surroundings
    private let received: Counter
    private let onEnd: @Sendable (Bool) -> Void
    private let state = Mutex(State())

    init(
        _ group: GroupID, leader: NodeID, _ world: ImageFetcher.Surroundings, received: Counter,
        onEnd: @escaping @Sendable (Bool) -> Void
    ) {
        self.group = group
        self.leader = leader
        self.world = world
        self.received = received
        self.onEnd = onEnd
    }

    var progressText: String {
        state.withLock { state in
            switch state.step {
            case .idle, .asking: "asks \(leader) for an image"
            case .downloading:
                "has \(state.receivedBytes >> 20) of \(state.totalBytes >> 20) MiB of an image"
            case .installing, .over: "installs an image"
            }
        }
    }

    func start() {
        let mayAsk = state.withLock { state in
            guard case .idle = state.step else { return false }
            state.step = .asking
            return true
        }
        guard mayAsk else { return }
        world.calls.ask(
            leader, .image, ImageSource.writeGroup(group), timeoutNanos: Self.askNanosMax
        ) { [self] result in
            switch result {
            case .success(let parts) where parts.count == 2:
                world.work { [self] in begin(parts) }
            case .success: pause("an answer without an image")
            case .failure(.refused(ImageSource.Code.notYet, _)):
                // Only who leads has a younger image made.
                guard world.leaders.leader(of: group) == leader else { return end(false) }
                pause(nil)
            case .failure(let error):
                // Who leads by now will say again that an image is needed.
                guard world.leaders.leader(of: group) == leader else { return end(false) }
                pause("\(leader): \(error.sentence)")
            }
        }
    }

    /// Tries again what was put off.
    func tick() {
        let retry = state.withLock { state in
            defer { state.retry = nil }
            return state.retry
        }
        if let retry { world.work(retry) } else { start() }
    }

    private func pause(_ reason: String?) {
        if let reason { world.note("image of \(group): \(reason)") }
        state.withLock { $0.step = .idle }
    }

    private func end(_ isInstalled: Bool) {
        state.withLock { $0.step = .over }
        onEnd(isInstalled)
    }

    // MARK: - Files

    private func begin(_ parts: [[UInt8]]) {
        guard let reference = ImageReference(decoding: parts[0]) else {
            return pause("an image of an unknown kind")
        }
        if group == ClusterState.metaGroup {
            state.withLock { state in
                state.step = .installing
                state.reference = reference
                state.content = parts[1]
            }
            return adopt(reference)
        }
        guard let replica = world.shards[ShardGroup.shard(of: group)] else { return end(false) }
        do throws(StorageError) {
            let image = try ShardImage(decoding: parts[1])
            guard image.index == reference.index else { return pause("an image of two minds") }
            let own = Set(replica.shard.image?.files ?? [])
            let missing = image.files.filter { !own.contains($0) }
            state.withLock { state in
                state.step = .downloading
                state.reference = reference
                state.image = image
                state.missing = missing.filter {
                    !isHere($0, replica)
                }
                if Mutant.isOn(.imageLacksFile) { state.missing = Array(state.missing.dropLast()) }
                state.totalBytes = missing.reduce(0) { $0 + $1.byteCount }
                state.receivedBytes =
                    state.totalBytes - state.missing.reduce(0) { $0 + $1.byteCount }
                state.sources = world.sources(group).filter { $0 != leader } + [leader]
            }
            goOn()
        } catch {
            pause(error.description)
        }
    }

    /// Whether a transfer before has brought the file, whole.
    private func isHere(_ file: ShardImage.File, _ replica: ShardReplica) -> Bool {
        guard world.disk.exists(replica.directory / file.name) else { return false }
        do {
            return try world.disk.open(replica.directory / file.name, .read).size()
                == file.byteCount
        } catch {
            return false
        }
    }

    /// Begins the next file, or the installation when all are here.
    private func goOn() {
        guard let replica = world.shards[ShardGroup.shard(of: group)] else { return end(false) }
        guard let file = state.withLock({ $0.missing.popLast() }) else {
            return check(replica)
        }
        do {
            let handle = try world.disk.open(
                replica.directory / (file.name + Self.partSuffix), .openOrCreate)
            // What an earlier attempt left may be older than a crash: its end is asked for again.
            let kept = max(0, min(try handle.size(), file.byteCount) - ImageSource.rangeBytesMax)
            state.withLock {
                $0.receivedBytes += kept
                $0.download = Download(
                    file: file, handle: handle, asked: kept, received: kept)
            }
            for _ in 0..<Self.windowCount { askNext() }
            if file.byteCount == kept { finishFile() }
        } catch {
            pause("\(error)")
        }
    }

    private func askNext() {
        let next = state.withLock { state -> (Download, Int, Int, NodeID)? in
            guard var download = state.download, download.asked < download.file.byteCount,
                download.source < state.sources.count
            else { return nil }
            let count = min(
                ImageSource.rangeBytesMax, download.file.byteCount - download.asked)
            defer {
                download.asked += count
                state.download = download
            }
            return (download, download.asked, count, state.sources[download.source])
        }
        guard let (download, offset, count, source) = next else { return }
        askRange(download, offset, count, source)
    }

    private func askRange(
        _ download: Download, _ offset: Int, _ count: Int, _ source: NodeID
    ) {
        world.calls.ask(
            source, .fileRange,
            ImageSource.writeRange(
                group, name: download.file.name, offset: offset, count: count),
            timeoutNanos: Self.askNanosMax
        ) { [self] result in
            world.work { [self] in
                switch result {
                case .success(let parts) where parts.first?.count == count:
                    write(download, offset, parts[0])
                default: elsewhere(download, offset, count, source)
                }
            }
        }
    }

    /// Answers to an earlier attempt count for nothing.
    private func isCurrent(_ download: Download) -> Bool {
        state.withLock { $0.download?.handle === download.handle }
    }

    private func write(_ download: Download, _ offset: Int, _ bytes: [UInt8]) {
        guard isCurrent(download) else { return }
        do {
            try download.handle.write(bytes, at: offset)
        } catch {
            state.withLock { $0.download = nil }
            return pause("\(error)")
        }
        received.add(bytes.count)
        let isWhole = state.withLock { state in
            state.receivedBytes += bytes.count
            state.download?.received += bytes.count
            return (state.download?.received ?? 0) >= download.file.byteCount
        }
        if isWhole { finishFile() } else { askNext() }
    }

    /// The source has not, or not any more: the next one, the leader last.
    private func elsewhere(
        _ asked: Download, _ offset: Int, _ count: Int, _ source: NodeID
    ) {
        guard isCurrent(asked) else { return }
        let next = state.withLock { state -> NodeID? in
            guard var download = state.download else { return nil }
            if state.sources[download.source] == source { download.source += 1 }
            guard download.source < state.sources.count else {
                state.download = nil
                return nil
            }
            state.download = download
            return state.sources[download.source]
        }
        if let next { return askRange(asked, offset, count, next) }
        // The leader has merged its segments meanwhile: a new image, with what is here already.
        if state.withLock({ $0.download == nil }) { pause(nil) }
    }

    private func finishFile() {
        guard let replica = world.shards[ShardGroup.shard(of: group)],
            let download = state.withLock({ state in
                defer { state.download = nil }
                return state.download
            })
        else { return }
        do {
            try download.handle.truncate(to: download.file.byteCount)
            try download.handle.sync()
            try download.handle.close()
            try world.disk.rename(
                replica.directory / (download.file.name + Self.partSuffix),
                to: replica.directory / download.file.name)
        } catch {
            return pause("\(error)")
        }
        goOn()
    }

    private func check(_ replica: ShardReplica) {
        guard
            let (image, reference) = state.withLock({ state in
                state.image.flatMap { image in state.reference.map { (image, $0) } }
            })
        else { return pause(nil) }
        guard replica.holdJobs() else {
            return state.withLock { $0.retry = { [self] in check(replica) } }
        }
        do throws(StorageError) {
            try image.verify(
                disk: world.disk, directory: replica.directory,
                configuration: world.configuration())
        } catch {
            replica.endJobs()
            remove(damagedFilesOf: image, replica)
            return pause("it is damaged: \(error)")
        }
        state.withLock { $0.step = .installing }
        adopt(reference)
    }

    /// Which file is bad is not worth finding out: those that the replica does not use itself go.
    private func remove(damagedFilesOf image: ShardImage, _ replica: ShardReplica) {
        let own = Set(replica.shard.image?.files ?? [])
        for file in image.files where !own.contains(file) {
            do {
                try world.disk.remove(replica.directory / file.name)
            } catch {
                world.note("image of \(group): \(error)")
            }
        }
    }

    // MARK: - Installation

    private func adopt(_ reference: ImageReference) {
        do {
            let path = ImageReference.path(of: group)
            try world.disk.makeDirectoriesDurably(path.parent)
            try world.disk.replaceDurably(path, with: reference.encoded())
        } catch {
            release()
            return pause("\(error)")
        }
        world.queue.perform { [self] replicator in
            guard replicator.adopt(group, reference) else {
                release()
                return end(false)
            }
            if Mutant.isOn(.tellsCoreBeforeInstall) { tellCore() }
            world.applier.add([.task { [self] in install() }])
        }
    }

    private func release() {
        if group != ClusterState.metaGroup {
            world.shards[ShardGroup.shard(of: group)]?.endJobs()
        }
    }

    /// Between entries, on the apply thread. Tried until it works: the core counts on it.
    private func install() {
        do {
            if group == ClusterState.metaGroup {
                try world.meta.install(state.withLock { $0.content })
            } else if let image = state.withLock({ $0.image }),
                let replica = world.shards[ShardGroup.shard(of: group)]
            {
                try replica.install(image, now: Timestamp(nanos: world.time.wallNanos()))
            }
        } catch {
            world.note("image of \(group): \(error)")
            return state.withLock { state in
                state.retry = { [self] in world.applier.add([.task { [self] in install() }]) }
            }
        }
        tellCore()
    }

    private func tellCore() {
        world.queue.perform { [self] replicator in
            do {
                try replicator.adopted(group)
                release()
                end(true)
            } catch {
                state.withLock { $0.retry = { [self] in tellCore() } }
            }
        }
    }
}
