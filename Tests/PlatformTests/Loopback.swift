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
