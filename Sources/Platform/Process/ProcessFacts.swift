internal import CMemory
internal import Glibc

/// What the operating system says about this process, for `/metrics`, and its memory.
package enum ProcessFacts {
    /// Bytes in memory now; 0 when it cannot be read.
    package static var residentBytes: Int {
        guard let pages = statmField(1) else { return 0 }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Seconds of CPU used so far, user and system.
    package static var cpuSeconds: Double {
        var time = timespec()
        guard unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Files and sockets open now; 0 when it cannot be read.
    package static var openFileCount: Int {
        guard let directory = unsafe opendir("/proc/self/fd") else { return 0 }
        defer { unsafe closedir(directory) }
        var count = 0
        while unsafe readdir(directory) != nil { count += 1 }
        // `.`, `..` and the directory itself.
        return max(count - 3, 0)
    }

    /// Processors that this process may use, at least 1.
    package static var processorCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// Gives freed memory that the allocator holds back to the system: after work that took much
    /// for a while. Milliseconds per gigabyte.
    package static func returnFreeMemory() { varve_return_free_memory() }

    /// Where relative paths begin; empty when the system does not say.
    package static var workingDirectory: String {
        guard let path = unsafe getcwd(nil, 0) else { return "" }
        defer { unsafe free(path) }
        return unsafe String(cString: path)
    }

    /// What the machine, or the container, calls itself; empty when it can not be read.
    package static var hostName: String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&bytes, bytes.count - 1) == 0 else { return "" }
        return String(
            decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func statmField(_ index: Int) -> Int? {
        let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = unsafe read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        let fields = bytes[..<count].split(separator: UInt8(ascii: " "))
        guard fields.count > index else { return nil }
        return Int(String(decoding: fields[index], as: UTF8.self))
    }
}
