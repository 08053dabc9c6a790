import Glibc
import Platform

/// Plain sockets of the other side: they do what no well-behaved client does.
final class Loopback {
    private let descriptor: Int32
    private var isOpen = true

    /// A connected stream socket.
    init(tcpPort port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try Loopback.connect(descriptor, port)
    }

    /// A datagram socket that sends to the port.
    init(udpPort port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        try Loopback.connect(descriptor, port)
    }

    deinit { close() }

    private init(accepted descriptor: Int32) { self.descriptor = descriptor }

    /// Listens on a port that the system chooses and answers the first connection with `serve`,
    /// on a thread of its own; then closes it.
    static func listen(_ serve: @escaping @Sendable (Loopback) -> Void) throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let failure = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound in
                let bound = unsafe Glibc.bind(
                    descriptor, __CONST_SOCKADDR_ARG(__sockaddr__: rebound), length)
                guard bound == 0, Glibc.listen(descriptor, 1) == 0 else { return Int32(-1) }
                return unsafe getsockname(
                    descriptor, __SOCKADDR_ARG(__sockaddr__: rebound), &length)
            }
        }
        guard failure == 0 else { throw LoopbackError(code: errno) }
        _ = WorkerThread(name: "loopback") {
            let accepted = unsafe accept(descriptor, __SOCKADDR_ARG(__sockaddr__: nil), nil)
            Glibc.close(descriptor)
            if accepted >= 0 { serve(Loopback(accepted: accepted)) }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Bytes that the system took.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Int {
        unsafe Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    @discardableResult
    func send(_ text: String) -> Int { send(Array(text.utf8)) }

    /// Waits for bytes; empty when the other side is done.
    func receive() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
        return Array(bytes.prefix(max(0, count)))
    }

    /// No more will be sent; the rest of the connection stays.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    func close() {
        if isOpen { Glibc.close(descriptor) }
        isOpen = false
    }

    /// Closes so that the other side gets a reset.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    private static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func connect(_ descriptor: Int32, _ port: Int) throws {
        var address = address(port: port)
        let failure = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound in
                unsafe Glibc.connect(
                    descriptor, __CONST_SOCKADDR_ARG(__sockaddr__: rebound),
                    socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard failure == 0 else { throw LoopbackError(code: errno) }
    }
}

struct LoopbackError: Error {
    let code: Int32
}

extension Telemetry {
    /// The figure of a name, of all its labels or of those with `label`; nil when there is none.
    func figure(_ name: String, label: String? = nil) -> Double? {
        let samples = snapshot().filter { $0.name == name }.flatMap(\.samples)
        let wanted = samples.filter { sample in
            label == nil || sample.labels.contains { $0.value == label }
        }
        return wanted.isEmpty ? nil : wanted.reduce(0) { $0 + $1.value }
    }
}
