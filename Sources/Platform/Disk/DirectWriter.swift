internal import Glibc

/// Writes of whole pages that pass by the page cache, for a file that is synced after each of them
/// and not read again soon: the kernel's part of both takes a quarter less CPU (docs/figures.md), and
/// the sync has only to wait for the disk.
///
/// `@unchecked Sendable`: its file lets one thread in at a time.
@safe final class DirectWriter: @unchecked Sendable {
    /// What the system wants addresses, offsets and lengths to be a multiple of; more than any does.
    static let pageBytes = 4096
    private static let bufferBytes = 256 << 10

    private let descriptor: Int32
    /// Aligned as the system wants it, which arrays are not.
    private let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: bufferBytes, alignment: pageBytes)

    /// A second way to the open file behind `descriptor`. Nil where its file system has none.
    init?(sameFileAs descriptor: Int32) {
        let own = unsafe Glibc.open(
            "/proc/self/fd/\(descriptor)", O_WRONLY | O_DIRECT | O_CLOEXEC)
        self.descriptor = own
        guard own >= 0 else { return nil }
    }

    deinit {
        unsafe buffer.deallocate()
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    /// Whether a write can be made this way.
    static func fits(byteCount: Int, at offset: Int) -> Bool {
        byteCount.isMultiple(of: pageBytes) && offset.isMultiple(of: pageBytes)
    }

    /// 0, or the errno: after `EINVAL` the file system does not do it after all.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int32 {
        var written = 0
        while written < bytes.count {
            let count = min(bytes.count - written, DirectWriter.bufferBytes)
            unsafe buffer.copyMemory(
                from: unsafe UnsafeRawBufferPointer(
                    rebasing: unsafe bytes[written..<written + count]))
            let put = unsafe pwrite(
                descriptor, buffer.baseAddress, count, offset + written)
            if put > 0, put.isMultiple(of: DirectWriter.pageBytes) {
                written += put
            } else if put >= 0 {
                return put == 0 ? EIO : EINVAL
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }
}
