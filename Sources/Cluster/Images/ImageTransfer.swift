internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Storage
internal import Synchronization

/// One image on its way in, in place of what a replica has: because its log ends before what its
/// peers still have, or because the replica was found to differ from them.
final class ImageTransfer: Sendable {
    private static let askNanosMax: Int64 = 30_000_000_000
    /// After damage it waits for 2 ticks, then 4, up to so many; after so many times longer, up to a
    /// minute.
    private static let pauseTicksMax = 16
    private static let quickDamageMax = 10
    private static let laterTicksMax = 600
    /// A tenth of a lease (`ImageLeases`) at the node's ten ticks a second.
    private static let ticksPerLease = 60
    /// How often, once a tick, one is asked for whose image is too old to take its place.
    private static let refusalsMax = 10

    /// Why the image is wanted.
    enum Purpose: Sendable {
        /// The core waits for it.
        case behind
        /// The replica's own files are not to be trusted; its log is.
        case differs
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
        var download: FileDownload?
        /// What earlier attempts brought, for images that were never whole.
        var came: Set<ShardImage.File> = []
        /// Of these, and of what came to be whole, what was read and found to be what it should.
        var sound: Set<ShardImage.File> = []
        /// How often what came was damaged.
        var damageCount = 0
        /// The files that came damaged and are to come again, by name, and since when, ns.
        var damagedSince: [String: Int64] = [:]
        /// Segments that are installed although they are damaged, whoever gives them.
        var taken: [SegmentRecord] = []
        /// Until what came damaged is asked for again.
        var pauseTicks = 0
        /// Until the source hears that its image is still being fetched, from others, perhaps.
        var leaseTicks = 0
        /// How often a younger image was to be made first.
        var refusalCount = 0
        /// Installation that failed and is tried again.
        var retry: (@Sendable () -> Void)?
    }

    private let group: GroupID
    private let leader: NodeID
    private let purpose: Purpose
    private let world: ImageFetcher.Surroundings
    private let received: Counter
    private let onEnd: @Sendable (Bool) -> Void
    private let state = Mutex(State())

    init(
        _ group: GroupID, leader: NodeID, for purpose: Purpose,
        _ world: ImageFetcher.Surroundings, received: Counter,
        onEnd: @escaping @Sendable (Bool) -> Void
    ) {
        self.group = group
        self.leader = leader
        self.purpose = purpose
        self.world = world
        self.received = received
        self.onEnd = onEnd
    }

    var progressText: String {
        state.withLock { state in
            switch state.step {
            case .idle, .asking: "asks \(leader) for an image"
            case .downloading: "has \(state.download?.progressText ?? "nothing") of an image"
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
            case .failure(let error) where purpose == .differs: refused(error)
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

    /// In place of a replica that differs there is no image.
    private func refused(_ error: PeerCallError) {
        if case .refused(ImageSource.Code.notYet, _) = error { return tooOld(error.sentence) }
        world.note("image of \(group): \(leader): \(error.sentence)")
        // Whoever found the difference finds it again.
        end(false)
    }

    /// Nor is there one yet.
    private func tooOld(_ sentence: String) {
        let count = state.withLock { state in
            state.refusalCount += 1
            return state.refusalCount
        }
        if count == 1 { world.note("image of \(group): \(leader): \(sentence)") }
        guard count < Self.refusalsMax else { return end(false) }
        // Only who leads has a younger image made, and that may be the one who needs it.
        if count == 1 { world.sealSoon(group) }
        pause(nil)
    }

    /// Tries again what was put off.
    func tick() {
        let (isPausing, retry) = state.withLock { state -> (Bool, (@Sendable () -> Void)?) in
            guard state.pauseTicks == 0 else {
                state.pauseTicks -= 1
                return (true, nil)
            }
            defer { state.retry = nil }
            return (false, state.retry)
        }
        guard !isPausing else { return }
        extendLease()
        if let retry { world.work(retry) } else { start() }
    }

    private func extendLease() {
        let name = state.withLock { state -> String? in
            guard case .downloading = state.step, !Mutant.isOn(.leasesEnd) else { return nil }
            state.leaseTicks = (state.leaseTicks + 1) % Self.ticksPerLease
            return state.leaseTicks == 0 ? state.image?.files.first?.name : nil
        }
        guard let name else { return }
        world.calls.ask(
            leader, .fileRange, ImageSource.writeRange(group, name: name, offset: 0, count: 0),
            timeoutNanos: Self.askNanosMax
        ) { _ in }
    }

    private func pause(_ reason: String?) {
        if let reason { world.note("image of \(group): \(reason)") }
        state.withLock { $0.step = .idle }
    }

    private func end(_ isInstalled: Bool) {
        state.withLock { $0.step = .over }
        if !isInstalled, group != ClusterState.metaGroup {
            world.shards[ShardGroup.shard(of: group)]?.shard.letFilesGo()
        }
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
            // The log here begins behind what is sealed here.
            if purpose == .differs, image.index < replica.shard.durableIndex {
                // A leader seals again soon; of others the next one may have more.
                guard world.leaders.leader(of: group) == leader else { return end(false) }
                return tooOld("its image is older than what is sealed here")
            }
            state.withLock { state in
                state.refusalCount = 0
                state.taken = []
            }
            replica.shard.keepFiles()
            // What the replica has need not come again, if it can be trusted.
            let own = Set(purpose == .behind ? replica.shard.image?.files ?? [] : [])
            let (anew, came, attempt) = state.withLock {
                (
                    Set($0.damagedSince.keys), Mutant.isOn(.imagesBeginAgain) ? [] : $0.came,
                    $0.damageCount
                )
            }
            let download = FileDownload(
                group,
                files: image.files.filter { !own.contains($0) || anew.contains($0.name) }
                    .dropLast(Mutant.isOn(.imageLacksFile) ? 1 : 0),
                into: replica.directory,
                from: world.sources(group, attempt: attempt, last: leader),
                world, received: received, damaged: anew,
                keeping: { [purpose] file in
                    !anew.contains(file.name) && (purpose == .behind || came.contains(file))
                }
            ) { [self] end in
                state.withLock { state in
                    state.came.formUnion(end.finished)
                    state.sound.formUnion(end.sound)
                }
                if let trouble = end.trouble { return pause(trouble) }
                check(replica)
            }
            state.withLock { state in
                state.step = .downloading
                state.reference = reference
                state.image = image
                state.download = download
            }
            download.start()
        } catch {
            pause(error.description)
        }
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
        let sound = state.withLock { $0.sound }
        if let damage = image.damage(
            disk: world.disk, directory: replica.directory, besides: sound)
        {
            guard mayTake(damage) else {
                replica.endJobs()
                return pause("it is damaged: \(damage.error)")
            }
            world.note(
                "image of \(group): installed with \(damage.segments.count) damaged segments, since"
                    + " nobody has given them whole for \(world.damagePatienceNanos / 1_000_000_000)"
                    + " s: \(damage.error)")
        }
        state.withLock { $0.step = .installing }
        adopt(reference)
    }

    /// Whether what is damaged is installed all the same: the rest of a shard is not kept in one place
    /// for ever because nobody has a part of it whole. That is repaired when somebody has it again.
    private func mayTake(_ damage: ShardImage.Damage) -> Bool {
        let now = world.time.monotonicNanos()
        return state.withLock { state in
            let since = state.damagedSince
            state.damagedSince = [:]
            for file in damage.files { state.damagedSince[file.name] = since[file.name] ?? now }
            // Each for so long: a younger image may have others.
            let youngest = state.damagedSince.values.max() ?? now
            if purpose == .behind, !damage.hasCheckpoint,
                now - youngest >= world.damagePatienceNanos
            {
                state.taken = damage.segments
                return true
            }
            state.damageCount += 1
            state.pauseTicks =
                state.damageCount <= Self.quickDamageMax
                ? min(1 << state.damageCount, Self.pauseTicksMax)
                : min(
                    Self.pauseTicksMax << min(state.damageCount - Self.quickDamageMax, 8),
                    Self.laterTicksMax)
            return false
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
            if purpose == .differs { return replace(replicator) }
            guard replicator.adopt(group, reference) else {
                release()
                return end(false)
            }
            if Mutant.isOn(.tellsCoreBeforeInstall) { tellCore(replicator) }
            world.applier.add([.task { [self] in install() }])
        }
    }

    /// The image first, and then what the log has behind it, before anything newer is applied.
    private func replace(_ replicator: Replicator) {
        let index = state.withLock { $0.reference?.index ?? 0 }
        // What is sealed ahead of the log would be nobody's word after a power cut: the log comes first,
        // or an image for the core.
        guard index <= replicator.commitIndex(of: group) || Mutant.isOn(.imagesAheadOfLog) else {
            world.note("image of \(group): it is ahead of the log here")
            release()
            return end(false)
        }
        var items: [ApplyLoop.Item] = [.task { [self] in install() }]
        do {
            try replicator.replay(group, after: index) { entry in
                items.append(
                    .entry(group, index: entry.index, payload: entry.payload, proposal: nil))
            }
        } catch {
            release()
            return pause("\(error)")
        }
        world.applier.add(items)
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
                // What never applied anything has shown nobody anything.
                let hadEntries = replica.appliedIndex > Replicator.firstImageIndex
                let bringsNews = image.index > replica.appliedIndex
                try replica.install(image, now: Timestamp(nanos: world.time.wallNanos()))
                // Whoever looks for what to repair hears of it.
                for segment in state.withLock({ $0.taken }) {
                    replica.shard.note(segment, isDamaged: true)
                }
                // After it: who asks again because of this finds all of it.
                if hadEntries, bringsNews { world.replaced(replica.number) }
            }
        } catch {
            world.note("image of \(group): \(error)")
            return state.withLock { state in
                state.retry = { [self] in world.applier.add([.task { [self] in install() }]) }
            }
        }
        tellCore()
    }

    private func tellCore() { world.queue.perform { [self] in tellCore($0) } }

    private func tellCore(_ replicator: Replicator) {
        do {
            try replicator.adopted(group)
            release()
            end(true)
        } catch {
            state.withLock { $0.retry = { [self] in tellCore() } }
        }
    }
}
