internal import NIOCore
internal import Platform

/// statsd on a TCP connection: whole lines go to the sink, the rest waits for more. A line beyond
/// the limit is dropped up to its newline and the connection stays; a last line needs no newline.
final class StatsdSession: StreamSession {
    private let sink: StatsdSink
    private let lineBytesMax: Int
    /// Inside a line that was too long.
    private var isDropping = false
    /// Bytes at the front of the buffer that are known to hold no newline.
    private var searchedCount = 0

    init(sink: StatsdSink) {
        self.sink = sink
        lineBytesMax = sink.options.limits.lineBytesMax
    }

    func received(_ bytes: inout ByteBuffer) -> StreamVerdict {
        if isDropping { skipLongLine(&bytes) }
        let fresh = bytes.readableBytesView.dropFirst(searchedCount)
        if let last = fresh.lastIndex(of: StatsdText.newline) {
            let count = last - bytes.readerIndex + 1
            if let lines = bytes.readBytes(length: count) { sink.take(lines) }
        }
        searchedCount = bytes.readableBytes
        if searchedCount > lineBytesMax {
            sink.dropLongLine()
            isDropping = true
            skipLongLine(&bytes)
        }
        return .more
    }

    private func skipLongLine(_ bytes: inout ByteBuffer) {
        searchedCount = 0
        if let end = bytes.readableBytesView.firstIndex(of: StatsdText.newline) {
            bytes.moveReaderIndex(to: end + 1)
            isDropping = false
        } else {
            bytes.moveReaderIndex(to: bytes.writerIndex)
        }
    }

    func ended(_ reason: StreamEnd, rest: inout ByteBuffer) {
        guard !isDropping, let line = rest.readBytes(length: rest.readableBytes), !line.isEmpty
        else { return }
        sink.take(line)
    }
}
