internal import Platform
internal import Synchronization

/// One of a shard's parts that lie on the disk.
package enum ShardPart: Sendable {
    case checkpoint(Manifest.FileRecord)
    case segment(SegmentRecord)

    package var name: String {
        switch self {
        case .checkpoint(let file): file.name
        case .segment(let segment): segment.name
        }
    }

    private var fileNames: [String] {
        switch self {
        case .checkpoint(let file): [file.name]
        case .segment(let segment): [segment.data.name, segment.index.name]
        }
    }

    func has(anyOf names: Set<String>) -> Bool { fileNames.contains(where: names.contains) }
}

/// Names of a shard's files in which somebody met damage, or is said to have. Nobody has looked yet:
/// whoever meets it has no time to read all of a file.
final class SuspectFiles: Sendable {
    private let names = Mutex<Set<String>>([])

    func add(_ name: String) { names.withLock { _ = $0.insert(name) } }

    func take() -> Set<String> {
        names.withLock { names in
            defer { names = [] }
            return names
        }
    }
}

extension Shard {
    /// All that is on the disk now besides the manifest, ascending by name.
    package var parts: [ShardPart] { Shard.parts(of: manifest) }

    private static func parts(of manifest: Manifest) -> [ShardPart] {
        var parts = manifest.segments.map(ShardPart.segment)
        if !manifest.checkpoint.name.isEmpty { parts.append(.checkpoint(manifest.checkpoint)) }
        return parts.sorted { $0.name < $1.name }
    }

    /// A file of this name may be damaged: to be looked at soon.
    package func suspect(_ fileName: String) { suspects.add(fileName) }

    /// What was suspected since the last call and is still there.
    package func takeSuspects() -> [ShardPart] {
        let names = suspects.take()
        return names.isEmpty ? [] : parts.filter { $0.has(anyOf: names) }
    }

    /// Segments that a compaction could not read, or that were looked at and found damaged.
    package var damagedSegments: [SegmentRecord] {
        state.withLock { state in
            state.manifest.segments.filter { state.damaged.contains($0.name) }
        }
    }

    /// Somebody looked at all of the segment.
    package func note(_ segment: SegmentRecord, isDamaged: Bool) {
        state.withLock { state in
            guard state.manifest.segments.contains(segment) else { return }
            if isDamaged {
                state.damaged.insert(segment.name)
            } else {
                state.damaged.remove(segment.name)
            }
            figures.damagedSegments.set(Double(state.damaged.count))
        }
    }
}
