internal import Glibc
internal import Synchronization

/// A file of the operating system: pread, pwrite, fdatasync. Interrupted calls are repeated and
/// short writes continued here, so that callers see all or an error.
final class LocalFile: DiskFile {
    /// The kernel takes at most this much in one call.
    private static let transferBytesMax = 0x7fff_f000

    private let path: String
    private let descriptor: Atomic<Int32>
    /// The errno of the sync that failed; 0 while none has.
    private let syncErrno = Atomic<Int32>(0)
    /// Set where writes should pass by the page cache, and can.
    private let direct = Mutex<DirectWriter?>(nil)

    init(descriptor: Int32, path: String) {
        self.descriptor = Atomic(descriptor)
        self.path = path
    }

    deinit {
        let held = descriptor.load(ordering: .relaxed)
        if held >= 0 { Glibc.close(held) }
    }

    func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        precondition(offset >= 0 && count >= 0, "negative offset or count")
        let held = try open()
        var failure: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count, let base = buffer.baseAddress {
                let wanted = min(count - filled, LocalFile.transferBytesMax)
                let got = unsafe pread(held, base + filled, wanted, offset + filled)
                if got > 0 {
                    filled += got
                } else if got == 0 {
                    break
                } else if errno != EINTR {
                    failure = errno
                    break
                }
            }
        }
        if failure != 0 { throw DiskError(.read, errno: failure, file: path) }
        return bytes
    }

    func write(_ bytes: Span<UInt8>, at offset: Int) throws(DiskError) {
        precondition(offset >= 0, "negative offset")
        let held = try openForWriting()
        let failure = unsafe bytes.withUnsafeBytes { buffer -> Int32 in
            if let failure = unsafe writeDirectly(buffer, at: offset) { return failure }
            var written = 0
            while written < buffer.count, let base = buffer.baseAddress {
                let wanted = min(buffer.count - written, LocalFile.transferBytesMax)
                let put = unsafe pwrite(held, base + written, wanted, offset + written)
                if put > 0 {
                    written += put
                } else if put == 0 {
                    return EIO
                } else if errno != EINTR {
                    return errno
                }
            }
            return 0
        }
        if failure != 0 { throw DiskError(.write, errno: failure, file: path) }
    }

    func bypassCache() {
        let held = descriptor.load(ordering: .relaxed)
        guard held >= 0 else { return }
        direct.withLock { direct in
            if direct == nil { direct = DirectWriter(sameFileAs: held) }
        }
    }

    /// 0 or an errno; nil when it has to be done through the cache.
    private func writeDirectly(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int32? {
        direct.withLock { direct in
            guard let writer = direct,
                DirectWriter.fits(byteCount: bytes.count, at: offset)
            else { return nil }
            let failure = unsafe writer.write(bytes, at: offset)
            guard failure == EINVAL else { return failure }
            direct = nil
            return nil
        }
    }

    func size() throws(DiskError) -> Int {
        let held = try open()
        var status = stat()
        guard unsafe fstat(held, &status) == 0 else {
            throw DiskError(.size, errno: errno, file: path)
        }
        return Int(status.st_size)
    }

    func preallocate(_ byteCount: Int) throws(DiskError) {
        let held = try openForWriting()
        // posix_fallocate writes zeros where the file system has no call of its own.
        while true {
            let failure = posix_fallocate(held, 0, byteCount)
            if failure == 0 { return }
            if failure != EINTR { throw DiskError(.preallocate, errno: failure, file: path) }
        }
    }

    func truncate(to byteCount: Int) throws(DiskError) {
        let held = try openForWriting()
        while ftruncate(held, byteCount) != 0 {
            if errno != EINTR { throw DiskError(.truncate, errno: errno, file: path) }
        }
    }

    func sync() throws(DiskError) {
        let held = try openForWriting()
        // Not repeated on EINTR: the kernel reports a lost page once and then forgets it.
        guard fdatasync(held) == 0 else {
            let code = errno
            syncErrno.store(code, ordering: .sequentiallyConsistent)
            throw DiskError.syncFailed(errno: code, file: path)
        }
    }

    func close() throws(DiskError) {
        direct.withLock { $0 = nil }
        let held = descriptor.exchange(-1, ordering: .sequentiallyConsistent)
        // Linux frees the descriptor even when close is interrupted.
        if held >= 0, Glibc.close(held) != 0, errno != EINTR {
            throw DiskError(.close, errno: errno, file: path)
        }
    }

    private func open() throws(DiskError) -> Int32 {
        let held = descriptor.load(ordering: .relaxed)
        guard held >= 0 else { throw DiskError.closed(file: path) }
        return held
    }

    private func openForWriting() throws(DiskError) -> Int32 {
        let lost = syncErrno.load(ordering: .relaxed)
        guard lost == 0 else { throw DiskError.syncFailed(errno: lost, file: path) }
        return try open()
    }
}
