internal import Platform

/// The state of a `SimulatedDisk`: names and contents, as the process sees them and as a power cut
/// would find them.
struct DiskWorld {
    /// A change of a file's content since its last sync.
    enum Change {
        case write(offset: Int, bytes: [UInt8])
        case resize(Int)
    }

    struct Inode {
        var seen: [UInt8] = []
        var durable: [UInt8] = []
        var changes: [Change] = []
        /// Space taken, at least the size.
        var allocatedBytes = 0
        var syncErrno: Int32 = 0
    }

    enum Name: Hashable {
        case file(Int)
        case directory
    }

    /// A change of a directory since its last sync: names that go and come.
    struct NameChange {
        var directory: String
        var removed: String?
        var added: (name: String, what: Name)?
    }

    var faults = DiskFaults()
    private(set) var calls: [DiskFaults.Call] = []
    private(set) var isPowerOff = false
    /// Counts power cycles: files opened before one are closed.
    private(set) var generation = 0
    private var random: SplitMix
    private var inodes: [Int: Inode] = [:]
    private var nextInode = 1
    private var seenNames: [String: Name] = ["": .directory]
    private var durableNames: [String: Name] = ["": .directory]
    private var nameChanges: [NameChange] = []

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    var callCount: Int { calls.count }

    var allocatedBytes: Int {
        seenNames.values.reduce(0) { total, name in
            guard case .file(let id) = name else { return total }
            return total + (inodes[id]?.allocatedBytes ?? 0)
        }
    }

    // MARK: Names

    mutating func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> Int {
        guard !isPowerOff else { throw off(.open, path) }
        switch seenNames[path] {
        case .directory:
            throw DiskError.failed(.open, errno: DiskError.ioError, file: path)
        case .file(let id):
            if mode == .create { throw DiskError.alreadyExists(file: path) }
            if mode == .replace { try truncate(id, to: 0, path) }
            return id
        case nil:
            guard mode != .read && mode != .write else { throw DiskError.notFound(file: path) }
            guard seenNames[parent(path)] == .directory else {
                throw DiskError.notFound(file: path)
            }
            try begin(.create, .open, path)
            let id = nextInode
            nextInode += 1
            inodes[id] = Inode()
            change(NameChange(directory: parent(path), added: (path, .file(id))))
            return id
        }
    }

    func list(_ directory: String) throws(DiskError) -> [DiskEntry] {
        guard !isPowerOff else { throw off(.list, directory) }
        guard let found = seenNames[directory] else { throw DiskError.notFound(file: directory) }
        guard found == .directory else {
            throw DiskError.failed(.list, errno: DiskError.notDirectory, file: directory)
        }
        var entries: [DiskEntry] = []
        for (path, what) in seenNames where !path.isEmpty && parent(path) == directory {
            let name = String(path.dropFirst(directory.isEmpty ? 0 : directory.count + 1))
            switch what {
            case .directory:
                entries.append(DiskEntry(name: name, isDirectory: true, byteCount: 0))
            case .file(let id):
                entries.append(DiskEntry(name: name, isDirectory: false, byteCount: size(id)))
            }
        }
        return entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    mutating func makeDirectory(_ path: String) throws(DiskError) {
        guard seenNames[path] != .directory else { return }
        guard seenNames[path] == nil else {
            throw DiskError.failed(.makeDirectory, errno: DiskError.notDirectory, file: path)
        }
        try begin(.makeDirectory, .makeDirectory, path)
        change(NameChange(directory: parent(path), added: (path, .directory)))
    }

    mutating func rename(_ path: String, to target: String) throws(DiskError) {
        guard let what = seenNames[path] else { throw DiskError.notFound(file: path) }
        guard seenNames[parent(target)] == .directory else {
            throw DiskError.notFound(file: target)
        }
        precondition(
            what != .directory || !seenNames.keys.contains { $0.hasPrefix(path + "/") },
            "the simulated disk moves no directories that hold something")
        try begin(.rename, .rename, path)
        change(
            NameChange(directory: parent(target), removed: path, added: (target, what)))
    }

    mutating func link(_ path: String, to target: String) throws(DiskError) {
        guard case .file? = seenNames[path], let what = seenNames[path] else {
            throw DiskError.notFound(file: path)
        }
        guard seenNames[parent(target)] == .directory else {
            throw DiskError.notFound(file: target)
        }
        guard seenNames[target] == nil else { throw DiskError.alreadyExists(file: target) }
        try begin(.link, .link, path)
        change(NameChange(directory: parent(target), removed: nil, added: (target, what)))
    }

    mutating func remove(_ path: String) throws(DiskError) {
        guard let what = seenNames[path] else { throw DiskError.notFound(file: path) }
        if what == .directory, seenNames.keys.contains(where: { $0.hasPrefix(path + "/") }) {
            throw DiskError.failed(.remove, errno: 39, file: path)
        }
        try begin(.remove, .remove, path)
        change(NameChange(directory: parent(path), removed: path))
    }

    mutating func syncDirectory(_ directory: String) throws(DiskError) {
        guard seenNames[directory] == .directory else {
            throw DiskError.notFound(file: directory)
        }
        try begin(.syncDirectory, .sync, directory)
        for change in nameChanges where change.directory == directory {
            DiskWorld.apply(change, to: &durableNames)
        }
        nameChanges.removeAll { $0.directory == directory }
    }

    func exists(_ path: String) -> Bool { !isPowerOff && seenNames[path] != nil }

    private mutating func change(_ change: NameChange) {
        DiskWorld.apply(change, to: &seenNames)
        nameChanges.append(change)
    }

    private static func apply(_ change: NameChange, to names: inout [String: Name]) {
        if let removed = change.removed { names[removed] = nil }
        if let added = change.added { names[added.name] = added.what }
    }

    private func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return String(path[..<slash])
    }

    // MARK: Contents

    func read(_ id: Int, at offset: Int, count: Int) -> [UInt8] {
        guard let file = inodes[id], offset < file.seen.count else { return [] }
        return Array(file.seen[offset..<min(offset + count, file.seen.count)])
    }

    func size(_ id: Int) -> Int { inodes[id]?.seen.count ?? 0 }

    mutating func write(
        _ id: Int, _ bytes: [UInt8], at offset: Int, _ path: String
    ) throws(DiskError) {
        try refuseAfterLostSync(id, path)
        try begin(.write, .write, path) { world in
            world.put(id, .write(offset: offset, bytes: bytes))
        }
        let wanted = offset + bytes.count
        let room = roomToGrow(id, to: wanted)
        if room < wanted {
            // As much as fits is written, as a real disk does.
            let fitting = max(0, room - offset)
            if fitting > 0 {
                put(id, .write(offset: offset, bytes: Array(bytes.prefix(fitting))))
            }
            throw DiskError.full(file: path)
        }
        put(id, .write(offset: offset, bytes: bytes))
    }

    mutating func preallocate(
        _ id: Int, _ byteCount: Int, _ path: String
    ) throws(DiskError) {
        try refuseAfterLostSync(id, path)
        try begin(.preallocate, .preallocate, path)
        guard roomToGrow(id, to: byteCount) >= byteCount else {
            throw DiskError.full(file: path)
        }
        let held = inodes[id]?.allocatedBytes ?? 0
        inodes[id]?.allocatedBytes = max(byteCount, held)
        if size(id) < byteCount { put(id, .resize(byteCount)) }
    }

    mutating func truncate(_ id: Int, to byteCount: Int, _ path: String) throws(DiskError) {
        try begin(.truncate, .truncate, path)
        put(id, .resize(byteCount))
        inodes[id]?.allocatedBytes = byteCount
    }

    mutating func sync(_ id: Int, _ path: String) throws(DiskError) {
        try refuseAfterLostSync(id, path)
        try begin(.sync, .sync, path)
        guard !faults.syncsLie, var file = inodes[id] else { return }
        if let first = faults.syncsFailFromCall, callCount >= first {
            // The pages stay readable and are clean now: nobody will write them.
            file.changes.removeAll()
            file.syncErrno = DiskError.ioError
            inodes[id] = file
            throw DiskError.syncFailed(errno: DiskError.ioError, file: path)
        }
        inodes[id] = nil
        for change in file.changes { DiskWorld.apply(change, to: &file.durable) }
        file.changes.removeAll()
        inodes[id] = file
    }

    private func refuseAfterLostSync(_ id: Int, _ path: String) throws(DiskError) {
        if let code = inodes[id]?.syncErrno, code != 0 {
            throw DiskError.syncFailed(errno: code, file: path)
        }
    }

    /// Up to where the file can grow towards `end`.
    private func roomToGrow(_ id: Int, to end: Int) -> Int {
        let own = inodes[id]?.allocatedBytes ?? 0
        guard let capacity = faults.capacityBytes, end > own else { return end }
        return own + max(0, min(end - own, capacity - allocatedBytes))
    }

    private mutating func put(_ id: Int, _ change: Change) {
        guard var file = inodes.removeValue(forKey: id) else { return }
        DiskWorld.apply(change, to: &file.seen)
        file.changes.append(change)
        file.allocatedBytes = max(file.allocatedBytes, file.seen.count)
        inodes[id] = file
    }

    private static func apply(_ change: Change, to content: inout [UInt8]) {
        switch change {
        case .resize(let count): content.resize(to: count)
        case .write(let offset, let bytes): content.overwrite(at: offset, with: bytes)
        }
    }

    // MARK: Faults

    /// Counts a call and lets it fail if it is to. `atCut`: what a call that the power cut
    /// interrupts may still have done.
    private mutating func begin(
        _ call: DiskFaults.Call, _ operation: DiskError.Operation, _ path: String,
        atCut: (inout DiskWorld) -> Void = { _ in }
    ) throws(DiskError) {
        guard !isPowerOff else { throw off(operation, path) }
        calls.append(call)
        if faults.powerCutAtCall == callCount {
            atCut(&self)
            isPowerOff = true
            throw off(operation, path)
        }
        if let code = faults.failures[callCount] {
            throw DiskError(operation, errno: code, file: path)
        }
    }

    private func off(_ operation: DiskError.Operation, _ path: String) -> DiskError {
        DiskError(operation, errno: DiskError.ioError, file: "\(path) (the power is off)")
    }

    mutating func powerCycle() {
        // Of each directory's changes a beginning survives: file systems journal them in order.
        var kept: [String: Int] = [:]
        for directory in Set(nameChanges.map(\.directory)).sorted() {
            let count = nameChanges.filter { $0.directory == directory }.count
            switch faults.tear {
            case .dropAll: kept[directory] = 0
            case .keepAll: kept[directory] = count
            default: kept[directory] = Int.random(in: 0...count, using: &random)
            }
        }
        for change in nameChanges {
            guard let left = kept[change.directory], left > 0 else { continue }
            kept[change.directory] = left - 1
            DiskWorld.apply(change, to: &durableNames)
        }
        for id in inodes.keys.sorted() {
            guard var file = inodes.removeValue(forKey: id) else { continue }
            tear(&file)
            inodes[id] = file
        }
        seenNames = durableNames.filter { path, _ in isReachable(path) }
        durableNames = seenNames
        nameChanges = []
        let named = Set(seenNames.values)
        inodes = inodes.filter { named.contains(.file($0.key)) }
        faults = DiskFaults()
        isPowerOff = false
        generation += 1
    }

    private func isReachable(_ path: String) -> Bool {
        var directory = path
        while !directory.isEmpty {
            directory = parent(directory)
            if durableNames[directory] != .directory { return false }
        }
        return true
    }

    /// Leaves of the changes since the last sync what the fault says.
    private mutating func tear(_ file: inout Inode) {
        switch faults.tear {
        case .dropAll: break
        case .keepAll: for change in file.changes { DiskWorld.apply(change, to: &file.durable) }
        case .prefix:
            let whole = Int.random(in: 0...file.changes.count, using: &random)
            for change in file.changes.prefix(whole) {
                DiskWorld.apply(change, to: &file.durable)
            }
            if whole < file.changes.count, case .write(let offset, let bytes) = file.changes[whole]
            {
                let count = Int.random(in: 0...bytes.count, using: &random)
                let part = Change.write(offset: offset, bytes: Array(bytes.prefix(count)))
                DiskWorld.apply(part, to: &file.durable)
            }
        case .sectors: tear(&file, pieceBytes: 512, tearsPieces: false)
        case .pages: tear(&file, pieceBytes: 4096, tearsPieces: true)
        }
        file.changes = []
        file.seen = file.durable
        file.allocatedBytes = max(file.allocatedBytes, file.seen.count)
        file.syncErrno = 0
    }

    private mutating func tear(_ file: inout Inode, pieceBytes: Int, tearsPieces: Bool) {
        // How much survives is drawn once, so that nearly all and nearly nothing both happen.
        let keepOf8 = UInt64.random(in: 0...8, using: &random)
        for change in file.changes {
            guard case .write(let offset, let bytes) = change else {
                if UInt64.random(in: 0..<8, using: &random) < keepOf8 {
                    DiskWorld.apply(change, to: &file.durable)
                }
                continue
            }
            var start = offset
            while start < offset + bytes.count {
                let end = min((start / pieceBytes + 1) * pieceBytes, offset + bytes.count)
                var kept = start..<end
                if tearsPieces, Int.random(in: 0..<4, using: &random) == 0 {
                    kept = start..<Int.random(in: start...end, using: &random)
                }
                if UInt64.random(in: 0..<8, using: &random) < keepOf8 {
                    let part = Array(bytes[kept.lowerBound - offset..<kept.upperBound - offset])
                    DiskWorld.apply(
                        .write(offset: kept.lowerBound, bytes: part), to: &file.durable)
                }
                start = end
            }
        }
    }

    mutating func flipBit(_ path: String, byte: Int, bit: Int) {
        guard case .file(let id) = seenNames[path], var file = inodes.removeValue(forKey: id)
        else { preconditionFailure("no file \(path)") }
        if byte < file.seen.count { file.seen[byte] ^= 1 << UInt8(bit) }
        if byte < file.durable.count { file.durable[byte] ^= 1 << UInt8(bit) }
        inodes[id] = file
    }

    mutating func misdirect(_ bytes: [UInt8], _ path: String, at offset: Int) {
        guard case .file(let id) = seenNames[path], var file = inodes.removeValue(forKey: id)
        else { preconditionFailure("no file \(path)") }
        for (place, byte) in zip(offset..., bytes) {
            if place < file.seen.count { file.seen[place] = byte }
            if place < file.durable.count { file.durable[place] = byte }
        }
        inodes[id] = file
    }

    mutating func cut(_ path: String, to byteCount: Int) {
        guard case .file(let id) = seenNames[path], var file = inodes.removeValue(forKey: id)
        else { preconditionFailure("no file \(path)") }
        DiskWorld.apply(.resize(byteCount), to: &file.seen)
        DiskWorld.apply(.resize(byteCount), to: &file.durable)
        inodes[id] = file
    }
}
