import Glibc

/// Sends datagrams of one size over loopback. The kernel cuts each system call's bytes into datagrams
/// (UDP_SEGMENT): one by one a sender is slower than the receiver it is to measure.
final class SegmentSender {
    private static let segmentOption: Int32 = 103
    private let descriptor: Int32
    private let datagramBytes: Int
    private let datagramsPerCall: Int

    /// Nil when the system has no such socket.
    init?(port: Int, datagramBytes: Int) {
        self.datagramBytes = datagramBytes
        datagramsPerCall = min(64, 65_000 / datagramBytes)
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(
                    descriptor, __CONST_SOCKADDR_ARG(__sockaddr__: $0),
                    socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        var size = Int32(datagramBytes)
        let segmented = unsafe setsockopt(
            descriptor, Int32(IPPROTO_UDP), SegmentSender.segmentOption, &size,
            socklen_t(MemoryLayout<Int32>.size))
        guard connected == 0, segmented == 0 else { return nil }
    }

    deinit { close(descriptor) }

    /// Sends `datagramCount` of those in `bytes`, over and over from datagram `first` on.
    func send(_ bytes: [UInt8], from first: Int, datagramCount: Int) {
        var sent = 0
        var at = first * datagramBytes % bytes.count
        while sent < datagramCount {
            let left = min(datagramsPerCall, datagramCount - sent)
            let count = min(left, (bytes.count - at) / datagramBytes)
            let done = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(
                    descriptor, $0.baseAddress.map { unsafe $0 + at }, count * datagramBytes, 0)
            }
            guard done > 0 else { return }
            sent += count
            at = (at + count * datagramBytes) % bytes.count
        }
    }
}
