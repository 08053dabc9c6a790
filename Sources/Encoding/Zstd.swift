internal import CZstd

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
        var written = 0
        let content = unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
            written = unsafe bytes.withUnsafeBytes { source in
                unsafe ZSTD_decompress(
                    target.baseAddress, count, source.baseAddress, source.count)
            }
            filled = written == count ? count : 0
        }
        guard written == count else { throw EncodingError.corrupt(what: "zstd frame", offset: 0) }
        return content
    }
}
