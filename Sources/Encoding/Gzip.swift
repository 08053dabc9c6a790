internal import CZlib

/// gzip (RFC 1952) as HTTP sends it, with its neighbours under the name "deflate": zlib (RFC 1950)
/// and bare deflate (RFC 1951). Which one it is, is read from the first bytes.
package enum Gzip {
    /// The content of `bytes`: one zlib or deflate stream, or one or more gzip members after each
    /// other. The output never grows past `limit` bytes: `tooLarge` instead.
    package static func decompress(
        _ bytes: ArraySlice<UInt8>, limit: Int
    ) throws(EncodingError) -> [UInt8] {
        guard !bytes.isEmpty else { throw EncodingError.truncated(offset: 0) }
        let container = Container(of: bytes)
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        defer { unsafe stream.deallocate() }
        let started = unsafe inflateInit2_(
            stream, container.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(started == Z_OK, "zlib has no memory for a stream")
        defer { unsafe inflateEnd(stream) }

        var content: [UInt8] = []
        var consumed = 0
        var chunkCount = min(limit + 1, max(4_096, 4 * min(bytes.count, limit)))
        while true {
            // One byte above the limit tells "exactly the limit" from "more".
            chunkCount = min(chunkCount, limit + 1 - content.count)
            let step = unsafe inflateStep(
                stream, bytes[(bytes.startIndex + consumed)...], chunkCount, &content)
            consumed += step.consumed
            if content.count > limit { throw EncodingError.tooLarge(limit: limit) }
            switch step.status {
            case Z_STREAM_END:
                let left = bytes[(bytes.startIndex + consumed)...]
                if left.isEmpty { return content }
                guard container == .gzip, Container(of: left) == .gzip,
                    unsafe inflateReset(stream) == Z_OK
                else { throw EncodingError.corrupt(what: "end of gzip", offset: consumed) }
            case Z_OK, Z_BUF_ERROR:
                // No more input and room left in the output: the rest is missing.
                if consumed == bytes.count, step.produced < chunkCount {
                    throw EncodingError.truncated(offset: consumed)
                }
                chunkCount = min(2 * chunkCount, 1 << 20)
            default:
                throw EncodingError.corrupt(what: "gzip", offset: consumed)
            }
        }
    }

    /// The content of `bytes`; see above.
    package static func decompress(
        _ bytes: [UInt8], limit: Int
    ) throws(EncodingError) -> [UInt8] { try decompress(bytes[...], limit: limit) }

    /// `bytes` as one gzip member.
    package static func compress(_ bytes: [UInt8], level: Int = 6) -> [UInt8] {
        var stream = GzipStream(level: level)
        var target: [UInt8] = []
        stream.append(bytes[...], to: &target)
        stream.finish(to: &target)
        return target
    }

    private enum Container {
        case gzip, zlib, deflate

        init(of bytes: ArraySlice<UInt8>) {
            let first = bytes.first ?? 0
            let second = bytes.dropFirst().first ?? 0
            if first == 0x1f, second == 0x8b {
                self = .gzip
            } else if first & 0x0f == 8, (UInt(first) << 8 | UInt(second)) % 31 == 0 {
                self = .zlib
            } else {
                self = .deflate
            }
        }

        var windowBits: Int32 {
            switch self {
            case .gzip: 15 + 16
            case .zlib: 15
            case .deflate: -15
            }
        }
    }

    /// Appends up to `room` bytes to `content`.
    private static func inflateStep(
        _ stream: UnsafeMutablePointer<z_stream>, _ input: ArraySlice<UInt8>, _ room: Int,
        _ content: inout [UInt8]
    ) -> (status: Int32, consumed: Int, produced: Int) {
        let before = content.count
        content.append(contentsOf: repeatElement(0, count: room))
        let offered = min(input.count, Int(UInt32.max))
        let status = unsafe content.withUnsafeMutableBufferPointer { target in
            unsafe input.withUnsafeBufferPointer { source in
                unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                unsafe stream.pointee.avail_in = UInt32(offered)
                unsafe stream.pointee.next_out = target.baseAddress.map { unsafe $0 + before }
                unsafe stream.pointee.avail_out = UInt32(room)
                return unsafe inflate(stream, Z_NO_FLUSH)
            }
        }
        let unused = Int(unsafe stream.pointee.avail_out)
        content.removeLast(unused)
        return (status, offered - Int(unsafe stream.pointee.avail_in), room - unused)
    }
}

/// Compresses a response piece by piece into one gzip member. It must be finished for the result to
/// be valid; dropping it frees its memory (about 256 KiB).
@safe
package struct GzipStream: ~Copyable, @unchecked Sendable {
    // Unchecked: the pointer has this one owner, and every use of it is through `mutating`.
    private let stream: UnsafeMutablePointer<z_stream>
    private var isFinished = false

    /// `level` 1 (fast) to 9 (small).
    package init(level: Int = 6) {
        precondition((1...9).contains(level), "gzip levels are 1 to 9")
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let started = unsafe deflateInit2_(
            stream, Int32(level), Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(started == Z_OK, "zlib has no memory for a stream")
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Compresses `bytes`; what is ready so far (often nothing) is appended to `target`.
    package mutating func append(_ bytes: ArraySlice<UInt8>, to target: inout [UInt8]) {
        precondition(!isFinished, "BUG: the stream is finished")
        run(bytes, Z_NO_FLUSH, &target)
    }

    /// Appends all that was compressed so far, so that the reader can show it.
    package mutating func flush(to target: inout [UInt8]) {
        precondition(!isFinished, "BUG: the stream is finished")
        run([], Z_SYNC_FLUSH, &target)
    }

    /// Appends the rest and the trailer. Nothing may follow.
    package mutating func finish(to target: inout [UInt8]) {
        precondition(!isFinished, "BUG: the stream is finished")
        isFinished = true
        run([], Z_FINISH, &target)
    }

    private mutating func run(
        _ bytes: ArraySlice<UInt8>, _ mode: Int32, _ target: inout [UInt8]
    ) {
        let chunkCount = 32_768
        var offered = bytes
        while true {
            let piece = offered.prefix(1 << 30)
            offered = offered.dropFirst(piece.count)
            unsafe piece.withUnsafeBufferPointer { source in
                unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                unsafe stream.pointee.avail_in = UInt32(source.count)
                repeat {
                    let before = target.count
                    target.append(contentsOf: repeatElement(0, count: chunkCount))
                    unsafe target.withUnsafeMutableBufferPointer { room in
                        unsafe stream.pointee.next_out = room.baseAddress.map {
                            unsafe $0 + before
                        }
                        unsafe stream.pointee.avail_out = UInt32(chunkCount)
                        let status = unsafe deflate(stream, mode)
                        precondition(status != Z_STREAM_ERROR, "BUG: deflate state")
                    }
                    target.removeLast(Int(unsafe stream.pointee.avail_out))
                } while unsafe stream.pointee.avail_out == 0
            }
            if offered.isEmpty { return }
        }
    }
}
