internal import Glibc

/// The standard streams: whether somebody watches, how wide their window is, reading and writing.
package enum TerminalFacts {
    /// A standard stream.
    package enum Stream: Int32, Sendable {
        case output = 1
        case error = 2
    }

    package static func isTerminal(_ stream: Stream) -> Bool { isatty(stream.rawValue) == 1 }

    /// Columns of the window on standard output; nil when it is none.
    package static var columnCount: Int? {
        var size = winsize()
        guard unsafe ioctl(Stream.output.rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0
        else { return nil }
        return Int(size.ws_col)
    }

    /// The next bytes of standard input, at most so many; none at its end, or when it can not be read.
    package static func read(countMax: Int) -> [UInt8] {
        while true {
            var count = 0
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: countMax) { buffer, filled in
                count = unsafe Glibc.read(0, buffer.baseAddress, countMax)
                filled = max(count, 0)
            }
            if count >= 0 || errno != EINTR { return bytes }
        }
    }

    /// Writes all of `bytes`. False when nobody reads any more.
    package static func write(_ bytes: [UInt8], to stream: Stream) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(
                    stream.rawValue, buffer.baseAddress?.advanced(by: done), buffer.count - done)
            }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }
}
