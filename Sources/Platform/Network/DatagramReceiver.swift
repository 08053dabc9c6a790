internal import CSocket
internal import Glibc
internal import Synchronization

/// Receives datagrams (UDP over IPv4 and IPv6, unix) on a thread of its own, up to 256 per system
/// call, and hands each batch to a closure on that thread.
///
/// Every datagram arrives whole up to 65,507 bytes; a longer one (unix sockets only) is cut and
/// counted. What the kernel dropped is asked of it per socket when somebody looks at the figures.
/// Figures, each with a label `listener`: `varve_datagrams_received_total`,
/// `varve_datagram_bytes_total`, `varve_datagrams_truncated_total`,
/// `varve_datagrams_kernel_dropped_total`, `varve_datagram_receive_errors_total`.
package final class DatagramReceiver: Sendable {
    /// What the socket is like.
    package struct Options: Sendable {
        /// Asked of the kernel; without special rights net.core.rmem_max is the limit.
        package var receiveBufferBytes = 64 << 20
        /// Whether `DatagramBatch.senderHost` is wanted.
        package var wantsSenders = false
        /// How long to let datagrams gather while traffic is steady and batches are small: a
        /// wake-up costs more than a datagram. 0: never.
        package var coalesceMicros = 200

        package init() {}
    }

    /// What it listens on, with the port that the system chose.
    package let endpoint: Endpoint
    /// What the kernel granted, in bytes (it counts its own overhead too).
    package let receiveBufferBytes: Int

    private let socket: DatagramSocket
    private let thread: WorkerThread

    /// Binds, and receives at once. `name` is the label of the figures and of the thread. A stale
    /// unix socket file at the path is replaced, another file is not.
    package init(
        _ endpoint: Endpoint, name: String, options: Options = Options(), telemetry: Telemetry,
        handler: @escaping @Sendable (_ batch: DatagramBatch) -> Void
    ) throws(NetworkError) {
        let socket = try DatagramSocket(endpoint, receiveBufferBytes: options.receiveBufferBytes)
        self.socket = socket
        self.endpoint = socket.endpoint
        receiveBufferBytes = SocketCalls.get(socket.descriptor, SOL_SOCKET, SO_RCVBUF) ?? 0
        let labels = [("listener", name)]
        let figures = DatagramFigures(telemetry, labels)
        telemetry.computed(
            "varve_datagrams_kernel_dropped_total",
            help: "Datagrams that the kernel dropped because the socket's buffer was full.",
            kind: .counter, labels: labels
        ) { Double(socket.droppedCount()) }
        thread = WorkerThread(name: name) {
            var loop = DatagramLoop(socket: socket, options: options, figures: figures)
            loop.run(handler)
            socket.close()
        }
    }

    deinit { socket.stop() }

    /// Stops and waits for the handler's last call. What the kernel holds is not read any more.
    package func stop() {
        socket.stop()
        thread.join()
    }
}

/// The counters of one receiver.
struct DatagramFigures: Sendable {
    let received: Counter
    let bytes: Counter
    let truncated: Counter
    let errors: Counter

    init(_ telemetry: Telemetry, _ labels: [(String, String)]) {
        received = telemetry.counter(
            "varve_datagrams_received_total", help: "Datagrams received.", labels: labels)
        bytes = telemetry.counter(
            "varve_datagram_bytes_total", help: "Bytes received in datagrams.", labels: labels)
        truncated = telemetry.counter(
            "varve_datagrams_truncated_total",
            help: "Datagrams longer than 65,507 bytes, cut there.", labels: labels)
        errors = telemetry.counter(
            "varve_datagram_receive_errors_total", help: "Receive calls that failed.",
            labels: labels)
    }
}

/// A bound datagram socket with the event that stops its reader.
final class DatagramSocket: Sendable {
    let descriptor: Int32
    let stopEvent: Int32
    let endpoint: Endpoint

    private struct Drops {
        var isOpen = true
        /// The kernel's count has 32 bits and wraps.
        var last: UInt32 = 0
        var total = 0
    }

    private let drops = Mutex(Drops())

    init(_ endpoint: Endpoint, receiveBufferBytes: Int) throws(NetworkError) {
        var reason = "no address"
        for address in try SocketCalls.resolve(endpoint, socketType: Int32(SOCK_DGRAM.rawValue)) {
            let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
            let made = socket(address.family, type, 0)
            guard made >= 0 else {
                reason = SystemError.text(errno)
                continue
            }
            if case .unix(let path) = endpoint { DatagramSocket.removeStale(path) }
            if address.family == AF_INET6 {
                SocketCalls.set(made, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0)
            }
            let failure = SocketCalls.bind(made, to: address)
            guard failure == 0 else {
                reason = SystemError.text(failure)
                Glibc.close(made)
                continue
            }
            let wanted = Int32(clamping: receiveBufferBytes)
            if !SocketCalls.set(made, SOL_SOCKET, SO_RCVBUFFORCE, wanted) {
                SocketCalls.set(made, SOL_SOCKET, SO_RCVBUF, wanted)
            }
            descriptor = made
            stopEvent = varve_event_open()
            precondition(stopEvent >= 0, "the system gives no eventfd")
            switch endpoint {
            case .unix(let path):
                // Emitters run as anybody.
                unsafe chmod(path, 0o666)
                self.endpoint = endpoint
            case .inet(let host, let port):
                self.endpoint = .inet(host: host, port: SocketCalls.boundPort(made) ?? port)
            }
            return
        }
        throw NetworkError.cannotListen(endpoint: endpoint.description, reason: reason)
    }

    deinit {
        close()
        Glibc.close(stopEvent)
    }

    private static func removeStale(_ path: String) {
        var status = stat()
        if unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK {
            unsafe unlink(path)
        }
    }

    func stop() { varve_event_signal(stopEvent) }

    /// Called by the reader when it has ended.
    func close() {
        _ = droppedCount()
        drops.withLock { drops in
            guard drops.isOpen else { return }
            drops.isOpen = false
            Glibc.close(descriptor)
            if case .unix(let path) = endpoint { unsafe unlink(path) }
        }
    }

    /// What the kernel dropped on this socket so far.
    func droppedCount() -> Int {
        drops.withLock { drops in
            guard drops.isOpen else { return drops.total }
            let figure = varve_socket_drops(descriptor)
            if figure >= 0 {
                let now = UInt32(truncatingIfNeeded: figure)
                drops.total += Int(now &- drops.last)
                drops.last = now
            }
            return drops.total
        }
    }
}
