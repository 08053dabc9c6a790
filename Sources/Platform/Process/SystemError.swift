internal import Glibc
internal import NIOCore

/// The texts of the system's error numbers.
package enum SystemError {
    static let addressInUse = EADDRINUSE

    /// `Permission denied (13)`: the C library's text with its number.
    package static func text(_ code: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        let result = unsafe strerror_r(code, &buffer, buffer.count)
        guard let result = unsafe result else { return "error \(code)" }
        return unsafe "\(String(cString: result)) (\(code))"
    }

    /// One line for an error from the network library.
    static func text(of error: any Error) -> String {
        if let error = error as? IOError { return text(error.errnoCode) }
        return "\(error)"
    }
}
