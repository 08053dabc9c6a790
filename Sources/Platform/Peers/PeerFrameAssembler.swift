internal import NIOCore

/// Makes frames of the bytes of a connection as they come: each byte of a part is copied once,
/// from the buffer of the read to the array that is handed up.
///
/// After it threw it must not be used again: the place in the stream is lost.
struct PeerFrameAssembler {
    private enum Stage {
        case head
        case lengths(kind: UInt8, partCount: Int, partsByteCount: Int)
        case parts
    }

    private var stage = Stage.head
    private var kind: UInt8 = 0
    private var lengths: [Int] = []
    private var parts: [[UInt8]] = []

    /// Takes bytes from `buffer` up to the end of the frame; nil when more must come first. What
    /// is left in the buffer then is less than a head with its lengths, and must be there again,
    /// in front, at the next call.
    mutating func next(_ buffer: inout ByteBuffer) throws(PeerFormatError) -> PeerFrame? {
        if case .head = stage {
            guard try readHead(&buffer) else { return nil }
        }
        if case .lengths(let kind, let partCount, let partsByteCount) = stage {
            guard try readLengths(&buffer, partCount, partsByteCount) else { return nil }
            self.kind = kind
            stage = .parts
        }
        guard fillParts(&buffer) else { return nil }
        defer {
            parts = []
            stage = .head
        }
        return PeerFrame(kind: kind, parts: parts)
    }

    private mutating func readHead(_ buffer: inout ByteBuffer) throws(PeerFormatError) -> Bool {
        guard buffer.readableBytes >= PeerFrame.headByteCount,
            let byteCount = buffer.readInteger(endianness: .little, as: UInt32.self),
            let kind = buffer.readInteger(as: UInt8.self),
            let zero = buffer.readInteger(as: UInt8.self),
            let count = buffer.readInteger(endianness: .little, as: UInt16.self)
        else { return false }
        guard byteCount <= PeerFrame.byteCountMax else {
            throw .frameTooLarge(byteCount: Int(byteCount))
        }
        guard zero == 0 else { throw .reservedNotZero }
        let partCount = Int(count)
        guard partCount <= PeerFrame.partCountMax else { throw .tooManyParts(partCount) }
        let partsByteCount = Int(byteCount) - (PeerFrame.headByteCount - 4) - 4 * partCount
        guard partsByteCount >= 0 else { throw .partsDoNotAddUp }
        stage = .lengths(kind: kind, partCount: partCount, partsByteCount: partsByteCount)
        return true
    }

    private mutating func readLengths(
        _ buffer: inout ByteBuffer, _ partCount: Int, _ partsByteCount: Int
    ) throws(PeerFormatError) -> Bool {
        guard buffer.readableBytes >= 4 * partCount else { return false }
        lengths.removeAll(keepingCapacity: true)
        var sum = 0
        for _ in 0..<partCount {
            guard let length = buffer.readInteger(endianness: .little, as: UInt32.self) else {
                return false
            }
            lengths.append(Int(length))
            sum += Int(length)
        }
        guard sum == partsByteCount else { throw .partsDoNotAddUp }
        parts.reserveCapacity(partCount)
        return true
    }

    /// Whether all parts are there.
    private mutating func fillParts(_ buffer: inout ByteBuffer) -> Bool {
        while true {
            if let last = parts.indices.last, parts[last].count < lengths[last] {
                let count = min(lengths[last] - parts[last].count, buffer.readableBytes)
                guard count > 0 else { return false }
                unsafe buffer.withUnsafeReadableBytes { bytes in
                    unsafe parts[last].append(
                        contentsOf: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                }
                buffer.moveReaderIndex(forwardBy: count)
                continue
            }
            guard parts.count < lengths.count else { return true }
            var part: [UInt8] = []
            // Memory that is not written yet costs nothing, and growing would copy.
            part.reserveCapacity(lengths[parts.count])
            parts.append(part)
        }
    }
}
