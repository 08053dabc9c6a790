internal import Platform
internal import Synchronization

/// Files that a shard lists, of one segment or its checkpoint. When it lists them no more they are
/// dropped, and go with the last reference: a query or an image under way may still read them. Not
/// durable: what a crash leaves behind is an orphan, which the next start removes.
final class ListedFiles: Sendable {
    let names: [String]
    private let disk: any Disk
    private let directory: DiskPath
    private let removalFailures: Counter
    private let isDropped = Atomic<Bool>(false)

    init(_ names: [String], disk: any Disk, directory: DiskPath, removalFailures: Counter) {
        self.names = names
        self.disk = disk
        self.directory = directory
        self.removalFailures = removalFailures
    }

    deinit {
        guard isDropped.load(ordering: .relaxed) else { return }
        for name in names {
            do throws(DiskError) {
                try disk.remove(directory / name)
            } catch .notFound {
                // With the whole replica, perhaps.
            } catch {
                removalFailures.add(1)
            }
        }
    }

    func drop() { isDropped.store(true, ordering: .relaxed) }

    /// Takes `drop` back: somebody else may list files of the same names by now.
    func keep() { isDropped.store(false, ordering: .relaxed) }
}
