internal import CZstd
internal import Synchronization

/// Compresses to Zstandard frames (RFC 8878) of known content size, without dictionary or checksum.
/// Keeps its tables from one call to the next; use one per thread. The same bytes and level give
/// the same frame with the same version of libzstd.
@safe package final class ZstdCompressor {
    private let context: OpaquePointer
    private let level: Int32

    /// `level`: 1 (about 500 MB/s of text) to 19 (about 2 MB/s).
    package init(level: Int) {
        guard let context = unsafe ZSTD_createCCtx() else {
            preconditionFailure("zstd has no memory for a context")
        }
        unsafe self.context = unsafe context
        self.level = Int32(level)
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// `bytes` as one frame. Incompressible input grows by about 1/256.
    package func compress(_ bytes: [UInt8]) -> [UInt8] {
        let bound = ZSTD_compressBound(bytes.count)
        return unsafe [UInt8](unsafeUninitializedCapacity: bound) { target, filled in
            let written = unsafe bytes.withUnsafeBytes { source in
                unsafe ZSTD_compressCCtx(
                    context, target.baseAddress, bound, source.baseAddress, source.count, level)
            }
            precondition(
                ZSTD_isError(written) == 0, "BUG: zstd refused a buffer of the bound it gave")
            filled = written
        }
    }
}

/// Expands Zstandard frames.
package enum ZstdFrame {
    /// Most bytes that a byte of a frame expands to: a block of 128 KiB takes four.
    private static let expansionMax = 32_768

    /// The `count` bytes that the frame `bytes` expands to; `count` is exact. `corrupt` when they
    /// are no such frame.
    package static func decompress(
        _ bytes: ArraySlice<UInt8>, count: Int
    ) throws(EncodingError) -> [UInt8] {
        guard count >= 0, count / expansionMax <= bytes.count else {
            throw EncodingError.corrupt(what: "zstd length", offset: 0)
        }
        let decompressor = ZstdDecompressor.take()
        defer { decompressor.giveBack() }
        var written = 0
        let content = unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
            written = unsafe bytes.withUnsafeBytes { source in
                unsafe decompressor.decompress(source, into: target)
            }
            filled = written == count ? count : 0
        }
        guard written == count else { throw EncodingError.corrupt(what: "zstd frame", offset: 0) }
        return content
    }
}

/// libzstd's tables and buffers for expanding a frame, of which a few are kept: making one costs as
/// much as expanding a small frame.
@safe private final class ZstdDecompressor: Sendable {
    private static let idleMax = 8
    private static let idle = Mutex<[ZstdDecompressor]>([])

    // Whoever has taken it uses it alone.
    private nonisolated(unsafe) let context: OpaquePointer

    private init() {
        guard let context = unsafe ZSTD_createDCtx() else {
            preconditionFailure("zstd has no memory for a context")
        }
        unsafe self.context = unsafe context
    }

    deinit { unsafe ZSTD_freeDCtx(context) }

    static func take() -> ZstdDecompressor {
        idle.withLock { $0.popLast() } ?? ZstdDecompressor()
    }

    func giveBack() {
        ZstdDecompressor.idle.withLock { idle in
            if idle.count < ZstdDecompressor.idleMax { idle.append(self) }
        }
    }

    /// Bytes written, or the error of libzstd, which is below zero.
    func decompress(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        unsafe ZSTD_decompressDCtx(
            context, target.baseAddress, target.count, source.baseAddress, source.count)
    }
}
