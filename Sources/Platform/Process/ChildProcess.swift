internal import Glibc

/// Runs another program to its end.
package enum ChildProcess {
    /// How it ended.
    package struct Ending: Hashable, Sendable {
        /// Its exit status; 128 and more for a signal, as shells have it.
        package var status: Int
        /// What it wrote to standard output and error, the first megabyte.
        package var output: [UInt8]
    }

    /// Why it did not run.
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        case notFound(program: String)
        case system(program: String, reason: String)

        package var description: String {
            switch self {
            case .notFound(let program): "\(program) is not installed"
            case .system(let program, let reason): "\(program) cannot be run: \(reason)"
            }
        }
    }

    private static let outputBytesMax = 1 << 20

    /// Looks `program` up in PATH. It gets nothing on standard input. Blocks until it has ended.
    package static func run(
        _ program: String, _ arguments: [String]
    ) throws(Failure) -> Ending {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe2(&ends, O_CLOEXEC) == 0 else {
            throw .system(program: program, reason: SystemError.text(errno))
        }
        defer { close(ends[0]) }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        var words: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + arguments).map {
            unsafe strdup($0)
        }
        unsafe words.append(nil)
        defer { unsafe words.forEach { unsafe free($0) } }
        var child: pid_t = 0
        let code = unsafe posix_spawnp(&child, program, &actions, nil, words, environ)
        close(ends[1])
        guard code == 0 else {
            throw code == ENOENT
                ? .notFound(program: program)
                : .system(program: program, reason: SystemError.text(code))
        }
        let output = readAll(ends[0])
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        return Ending(
            status: signal == 0 ? Int(status >> 8 & 0xFF) : 128 + Int(signal), output: output)
    }

    private static func readAll(_ descriptor: Int32) -> [UInt8] {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe read(descriptor, &buffer, buffer.count)
            if count > 0 {
                output += buffer[..<min(count, outputBytesMax - output.count)]
            } else if count == 0 || errno != EINTR {
                return output
            }
        }
    }
}
