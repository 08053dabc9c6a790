internal import Glibc

/// The reading thread of a `DatagramReceiver`: waits, reads a batch, hands it up.
///
/// Each message has two places: a slot of 2 KiB in the batch's slab, dense so that small datagrams
/// share cache lines and pages, and behind it one of 64 KiB in `overflow`, whose pages exist only
/// once they were written. The rare datagram that reaches into the second is put together behind
/// the slots.
@safe struct DatagramLoop: ~Copyable {
    static let batchCountMax = 256
    private static let slotBytes = 2048
    private static let slotStride = slotBytes + DatagramBatch.slackBytes
    private static let overflowBytes = 65_536 - slotBytes
    private static let slotsBytes = batchCountMax * slotStride
    /// Batches of at least this many do not wait for more.
    private static let smallBatchCount = 64
    private static let steadyNanos: Int64 = 1_000_000

    private let socket: DatagramSocket
    private let options: DatagramReceiver.Options
    private let figures: DatagramFigures
    private let messages = UnsafeMutablePointer<mmsghdr>.allocate(capacity: batchCountMax)
    private let vectors = UnsafeMutablePointer<iovec>.allocate(capacity: 2 * batchCountMax)
    private let overflow: UnsafeMutableRawPointer
    private var batch = DatagramBatch()
    private var senders: [sockaddr_storage]
    private let time = SystemTime()

    init(socket: DatagramSocket, options: DatagramReceiver.Options, figures: DatagramFigures) {
        self.socket = socket
        self.options = options
        self.figures = figures
        let bytes = DatagramLoop.batchCountMax * DatagramLoop.overflowBytes
        let mapped = unsafe mmap(
            nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            preconditionFailure("the system gives no memory for datagrams")
        }
        unsafe overflow = unsafe mapped
        unsafe messages.initialize(repeating: mmsghdr(), count: DatagramLoop.batchCountMax)
        unsafe vectors.initialize(repeating: iovec(), count: 2 * DatagramLoop.batchCountMax)
        batch.slab = [UInt8](repeating: 0, count: DatagramLoop.slotsBytes)
        batch.ranges.reserveCapacity(DatagramLoop.batchCountMax)
        senders = Array(
            repeating: sockaddr_storage(),
            count: options.wantsSenders ? DatagramLoop.batchCountMax : 0)
    }

    deinit {
        unsafe munmap(overflow, DatagramLoop.batchCountMax * DatagramLoop.overflowBytes)
        unsafe vectors.deallocate()
        unsafe messages.deallocate()
    }

    /// Returns when the socket is told to stop.
    mutating func run(_ handler: (DatagramBatch) -> Void) {
        var lastCount = 0
        var lastNanos: Int64 = 0
        while true {
            // A full batch says that there is more: no need to ask.
            if lastCount < DatagramLoop.batchCountMax || isStopped(waitMillis: 0) {
                guard waitForDatagrams() else { return }
                let now = time.monotonicNanos()
                if options.coalesceMicros > 0, lastCount < DatagramLoop.smallBatchCount,
                    now - lastNanos < DatagramLoop.steadyNanos
                {
                    usleep(UInt32(options.coalesceMicros))
                }
                lastNanos = now
            }
            lastCount = receive()
            if lastCount > 0 { handler(batch) }
        }
    }

    private func isStopped(waitMillis: Int32) -> Bool {
        var wanted = pollfd(fd: socket.stopEvent, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&wanted, 1, waitMillis) > 0
    }

    /// False when it is time to stop.
    private func waitForDatagrams() -> Bool {
        var wanted = [
            pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket.stopEvent, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            let ready = unsafe poll(&wanted, 2, -1)
            if wanted[1].revents != 0 { return false }
            if ready > 0 { return true }
            precondition(ready == 0 || errno == EINTR, "BUG: poll failed")
        }
    }

    /// Fills the batch; the number of datagrams, 0 when there was none.
    private mutating func receive() -> Int {
        if batch.slab.count > DatagramLoop.slotsBytes {
            batch.slab.removeLast(batch.slab.count - DatagramLoop.slotsBytes)
        }
        batch.ranges.removeAll(keepingCapacity: true)
        let (messages, vectors, overflow) = unsafe (messages, vectors, overflow)
        let descriptor = socket.descriptor
        let got = unsafe batch.slab.withUnsafeMutableBytes { slab in
            unsafe senders.withUnsafeMutableBytes { senders in
                for index in 0..<DatagramLoop.batchCountMax {
                    let slot = unsafe slab.baseAddress.map {
                        unsafe $0 + index * DatagramLoop.slotStride
                    }
                    unsafe vectors[2 * index] = iovec(
                        iov_base: slot, iov_len: DatagramLoop.slotBytes)
                    unsafe vectors[2 * index + 1] = iovec(
                        iov_base: overflow + index * DatagramLoop.overflowBytes,
                        iov_len: DatagramLoop.overflowBytes)
                    unsafe messages[index].msg_hdr.msg_iov = vectors + 2 * index
                    unsafe messages[index].msg_hdr.msg_iovlen = 2
                    unsafe messages[index].msg_hdr.msg_flags = 0
                    // An empty array has an address too: that of what the runtime shares.
                    if unsafe !senders.isEmpty, let base = senders.baseAddress {
                        let size = MemoryLayout<sockaddr_storage>.size
                        unsafe messages[index].msg_hdr.msg_name = base + index * size
                        unsafe messages[index].msg_hdr.msg_namelen = socklen_t(size)
                    }
                }
                return unsafe recvmmsg(
                    descriptor, messages, UInt32(DatagramLoop.batchCountMax),
                    Int32(MSG_DONTWAIT), nil)
            }
        }
        guard got > 0 else {
            if got < 0, errno != EAGAIN, errno != EINTR { figures.errors.add() }
            return 0
        }
        gather(Int(got))
        return Int(got)
    }

    /// Notes where each datagram is, and makes the long ones contiguous.
    private mutating func gather(_ count: Int) {
        var bytes = 0
        for index in 0..<count {
            let length = unsafe min(
                Int(messages[index].msg_len), DatagramLoop.slotBytes + DatagramLoop.overflowBytes)
            let start = index * DatagramLoop.slotStride
            if unsafe messages[index].msg_hdr.msg_flags & Int32(MSG_TRUNC) != 0 {
                figures.truncated.add()
            }
            bytes += length
            if length <= DatagramLoop.slotBytes {
                batch.ranges.append(start..<start + length)
                continue
            }
            let joined = batch.slab.count
            let beyond = length - DatagramLoop.slotBytes
            batch.slab.append(contentsOf: batch.slab[start..<start + DatagramLoop.slotBytes])
            unsafe batch.slab.append(
                contentsOf: UnsafeRawBufferPointer(
                    start: overflow + index * DatagramLoop.overflowBytes, count: beyond))
            batch.slab.append(
                contentsOf: repeatElement(0, count: DatagramBatch.slackBytes))
            batch.ranges.append(joined..<joined + length)
        }
        batch.wallNanos = time.wallNanos()
        if options.wantsSenders { batch.senders = Array(senders.prefix(count)) }
        figures.received.add(count)
        figures.bytes.add(bytes)
    }
}
