internal import Glibc
internal import Synchronization

/// A directory of the operating system's file system. `lock` keeps a second process out for as
/// long as this object lives.
package final class LocalDisk: Disk {
    /// The file whose lock stands for the directory; it holds the process id of who has it.
    package static let lockName = "LOCK"

    /// The absolute or working-directory-relative path of the root, without a trailing slash.
    package let root: String

    private let lockDescriptor = Mutex<Int32>(-1)

    /// Makes the directory `root`, and those above it, when it is not there.
    package init(root: String) throws(DiskError) {
        var trimmed = Substring(root)
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        self.root = trimmed.isEmpty ? "." : String(trimmed)
        try LocalDisk.makeDirectories(self.root)
    }

    deinit {
        lockDescriptor.withLock { held in
            if held >= 0 { Glibc.close(held) }
        }
    }

    /// Takes the directory for this process until `self` goes. Errors: `locked` when another
    /// process (or another `LocalDisk`) has it. Twice on one disk is no error.
    package func lock() throws(DiskError) {
        let file = "\(root)/\(LocalDisk.lockName)"
        try lockDescriptor.withLock { (held) throws(DiskError) -> Void in
            guard held < 0 else { return }
            let descriptor = unsafe Glibc.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw DiskError(.lock, errno: errno, file: file) }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                let code = errno
                let holder = LocalDisk.holder(descriptor)
                Glibc.close(descriptor)
                guard code == EWOULDBLOCK else { throw DiskError(.lock, errno: code, file: file) }
                throw DiskError.locked(file: file, holder: holder)
            }
            held = descriptor
            // For a person who asks who has it. The lock itself is the kernel's.
            let line = Array("\(getpid())\n".utf8)
            let cut = ftruncate(descriptor, 0)
            let put = unsafe pwrite(descriptor, line, line.count, 0)
            guard cut == 0, put == line.count else {
                throw DiskError(.lock, errno: errno, file: file)
            }
        }
    }

    private static func holder(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 20)
        let got = unsafe pread(descriptor, &bytes, bytes.count, 0)
        let digits = bytes.prefix(max(0, got)).prefix { $0 >= 0x30 && $0 <= 0x39 }
        return digits.isEmpty ? "unknown" : "process \(String(decoding: digits, as: UTF8.self))"
    }

    package func localPath(_ path: DiskPath) -> String? { system(path) }

    package func open(_ path: DiskPath, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .write: O_RDWR
            case .create: O_RDWR | O_CREAT | O_EXCL
            case .openOrCreate: O_RDWR | O_CREAT
            case .replace: O_RDWR | O_CREAT | O_TRUNC
            }
        let name = system(path)
        return LocalFile(
            descriptor: try LocalDisk.openDescriptor(name, flags), path: name)
    }

    package func list(_ directory: DiskPath) throws(DiskError) -> [DiskEntry] {
        let name = system(directory)
        guard let stream = unsafe opendir(name) else {
            throw DiskError(.list, errno: errno, file: name)
        }
        defer { unsafe closedir(stream) }
        var entries: [DiskEntry] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else { break }
            let child = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(cString: $0)
                }
            }
            if child == "." || child == ".." { continue }
            var status = stat()
            guard unsafe lstat("\(name)/\(child)", &status) == 0 else {
                if errno == ENOENT { continue }  // removed since
                throw DiskError(.list, errno: errno, file: "\(name)/\(child)")
            }
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            entries.append(
                DiskEntry(
                    name: child, isDirectory: isDirectory,
                    byteCount: isDirectory ? 0 : Int(status.st_size)))
        }
        guard errno == 0 else { throw DiskError(.list, errno: errno, file: name) }
        entries.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return entries
    }

    package func makeDirectories(_ path: DiskPath) throws(DiskError) {
        try LocalDisk.makeDirectories(system(path))
    }

    package func rename(_ path: DiskPath, to target: DiskPath) throws(DiskError) {
        let name = system(path)
        guard unsafe Glibc.rename(name, system(target)) == 0 else {
            throw DiskError(.rename, errno: errno, file: name)
        }
    }

    package func link(_ path: DiskPath, to target: DiskPath) throws(DiskError) {
        let (name, second) = (system(path), system(target))
        guard unsafe Glibc.link(name, second) == 0 else {
            throw DiskError(.link, errno: errno, file: errno == EEXIST ? second : name)
        }
    }

    package func remove(_ path: DiskPath) throws(DiskError) {
        let name = system(path)
        guard unsafe Glibc.remove(name) == 0 else {
            throw DiskError(.remove, errno: errno, file: name)
        }
    }

    package func syncDirectory(_ directory: DiskPath) throws(DiskError) {
        let name = system(directory)
        let descriptor = try LocalDisk.openDescriptor(name, O_RDONLY | O_DIRECTORY)
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw DiskError.syncFailed(errno: errno, file: name)
        }
    }

    package func exists(_ path: DiskPath) -> Bool {
        var status = stat()
        return unsafe stat(system(path), &status) == 0
    }

    package func space() throws(DiskError) -> DiskSpace {
        var status = statvfs()
        guard unsafe statvfs(root, &status) == 0 else {
            throw DiskError(.space, errno: errno, file: root)
        }
        let block = Int(status.f_frsize)
        return DiskSpace(
            freeBytes: Int(status.f_bavail) * block, totalBytes: Int(status.f_blocks) * block)
    }

    private func system(_ path: DiskPath) -> String {
        path == .root ? root : "\(root)/\(path.string)"
    }

    private static func openDescriptor(_ name: String, _ flags: Int32) throws(DiskError) -> Int32 {
        while true {
            let descriptor = unsafe Glibc.open(name, flags | O_CLOEXEC, 0o644)
            if descriptor >= 0 { return descriptor }
            if errno != EINTR { throw DiskError(.open, errno: errno, file: name) }
        }
    }

    private static func makeDirectories(_ name: String) throws(DiskError) {
        if unsafe mkdir(name, 0o755) == 0 { return }
        switch errno {
        case EEXIST:
            var status = stat()
            guard unsafe stat(name, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                throw DiskError.failed(.makeDirectory, errno: ENOTDIR, file: name)
            }
        case ENOENT:
            guard let slash = name.lastIndex(of: "/"), slash != name.startIndex else {
                throw DiskError(.makeDirectory, errno: ENOENT, file: name)
            }
            try makeDirectories(String(name[..<slash]))
            guard unsafe mkdir(name, 0o755) == 0 || errno == EEXIST else {
                throw DiskError(.makeDirectory, errno: errno, file: name)
            }
        default:
            throw DiskError(.makeDirectory, errno: errno, file: name)
        }
    }
}
