internal import Platform
internal import Synchronization

extension Shard {
    /// What a shard does not list any more. To be let go outside of its lock: that closes and removes
    /// files.
    struct Unlisted {
        fileprivate(set) var segments: [LiveSegment] = []
        fileprivate(set) var files: [ListedFiles] = []
    }

    /// Makes the files of `manifest` those that are listed.
    func list(_ manifest: Manifest, _ state: inout State) -> Unlisted {
        var unlisted = Unlisted()
        let names = Set(manifest.segments.map(\.name))
        for (name, segment) in state.live where !names.contains(name) {
            unlisted.segments.append(segment)
            unlisted.files.append(segment.files)
            state.live[name] = nil
        }
        // A compaction may make the same file, and say more of it.
        for record in manifest.segments where state.live[record.name]?.record != record {
            state.live[record.name] = live(record, state)
        }
        if state.checkpoint?.name != manifest.checkpoint.name {
            if let old = state.checkpoint { unlisted.files.append(old.files) }
            state.checkpoint =
                manifest.checkpoint.name.isEmpty
                ? nil : (manifest.checkpoint.name, files([manifest.checkpoint.name]))
        }
        if let kept = state.kept {
            state.kept = kept + unlisted.files
        } else {
            drop(unlisted.files, &state)
        }
        return unlisted
    }

    /// The segment's files were put right: whoever reads it from now on opens them anew.
    package func reopen(_ name: String) {
        state.withLock { state in
            guard let record = state.manifest.segments.first(where: { $0.name == name }) else {
                return
            }
            state.live[name] = live(record, state)
            state.damaged.remove(name)
            figures.damagedSegments.set(Double(state.damaged.count))
        }
    }

    /// What is sealed now, with its files, which stay while it is held; nil before the first seal.
    package func holdImage() -> HeldImage? {
        state.withLock { state in
            guard state.manifest.durableIndex > 0 else { return nil }
            let files =
                state.live.values.map(\.files) + [state.checkpoint?.files].compactMap(\.self)
            return HeldImage(image: ShardImage(state.manifest), files: files)
        }
    }

    /// Until `letFilesGo` no file is removed: an image is on its way into the directory, which may
    /// have files of the same names. Opening the shard anew removes those that it does not list.
    package func keepFiles() {
        state.withLock { state in
            var kept = state.kept ?? []
            for files in state.leaving.compactMap(\.files) {
                files.keep()
                kept.append(files)
            }
            state.leaving = []
            state.kept = kept
        }
    }

    /// The image did not come.
    package func letFilesGo() {
        _ = state.withLock { state -> [ListedFiles] in
            let listed = Set(
                state.live.values.flatMap(\.files.names) + (state.checkpoint?.files.names ?? []))
            let kept = state.kept ?? []
            state.kept = nil
            drop(kept.filter { listed.isDisjoint(with: $0.names) }, &state)
            return kept
        }
    }

    /// Within the lock, so that `keepFiles` takes back all that was dropped before it.
    private func drop(_ files: [ListedFiles], _ state: inout State) {
        for files in files { files.drop() }
        state.leaving.removeAll { $0.files == nil }
        state.leaving += files.map { Leaving(files: $0) }
    }

    private func live(_ record: SegmentRecord, _ state: State) -> LiveSegment {
        LiveSegment(
            record,
            files: state.live[record.name]?.files ?? files([record.data.name, record.index.name]),
            suspects: suspects, disk: disk, directory: directory)
    }

    private func files(_ names: [String]) -> ListedFiles {
        ListedFiles(
            names, disk: disk, directory: directory, removalFailures: figures.removalFailures)
    }
}

/// An image whose files stay on the disk, whatever becomes of the shard, until it is let go.
package final class HeldImage: Sendable {
    package let image: ShardImage
    private let files: [ListedFiles]

    init(image: ShardImage, files: [ListedFiles]) {
        self.image = image
        self.files = files
    }
}
