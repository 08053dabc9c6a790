internal import Glibc

/// The datagrams of one system call, side by side in one array, in order of arrival.
///
/// Behind each datagram there are at least `slackBytes` readable bytes (of no meaning), so that
/// kernels may read whole vectors. Valid while the handler runs: the receiver then fills the same
/// storage again. A handler that keeps the array costs a copy, not correctness.
package struct DatagramBatch: Sendable {
    /// Readable bytes behind the end of each datagram.
    package static let slackBytes = 64

    /// The storage; see `ranges`.
    package internal(set) var slab: [UInt8] = []
    /// Where each datagram is in `slab`; empty ones are there too.
    package internal(set) var ranges: [Range<Int>] = []
    /// When the batch was read, ns since 1970.
    package internal(set) var wallNanos: Int64 = 0

    /// As many as `ranges` when senders were asked for, else empty.
    var senders: [sockaddr_storage] = []

    /// The number of datagrams.
    package var count: Int { ranges.count }

    /// The numeric address of the sender of datagram `index`, without port; nil when it was not
    /// asked for or the sender has none (unix sockets).
    package func senderHost(_ index: Int) -> String? {
        guard index < senders.count else { return nil }
        return SocketCalls.numericHost(senders[index])
    }

    /// A number for the address of the sender of datagram `index`, without port: equal for equal
    /// addresses, for IPv6 a hash of it. 0 where `senderHost` is nil.
    package func senderKey(_ index: Int) -> UInt64 {
        index < senders.count ? SocketCalls.hostKey(senders[index]) : 0
    }
}
